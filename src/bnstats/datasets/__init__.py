"""Labeled rows and their batches: the data set, how rows are batched, shifts of test rows, loaders of real data."""

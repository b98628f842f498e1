"""Labeled rows: data sets, batching rules of rows, shifts of test rows, loaders of real data."""

"""Labeled rows: data sets, batching rules of rows, shifts of test rows, loaders of real data."""

from bnstats.datasets import registry as registry  # finds the variants in all files before one is used

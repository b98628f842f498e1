"""Populations, and the rules by which batches are drawn from populations."""

from bnstats.sampling import registry as registry  # finds the variants in all files before one is used

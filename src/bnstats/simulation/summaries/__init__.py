"""Summaries of replicates, each with its Monte Carlo standard error."""

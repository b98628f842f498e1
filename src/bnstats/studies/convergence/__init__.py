"""Convergence of batch statistics to the population's values."""

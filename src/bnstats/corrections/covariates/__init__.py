"""Covariates of a correction: tables as numbers, effects that stay, and the confounding with batches."""

"""Populations, and the rules by which batches are drawn from populations."""

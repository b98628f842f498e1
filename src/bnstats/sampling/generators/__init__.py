"""Generators of random numbers, and samplers of laws on them."""

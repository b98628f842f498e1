"""Scores of batches, and intervals of their means and gains."""

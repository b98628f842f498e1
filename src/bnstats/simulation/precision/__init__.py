"""Precision of numbers, and the rule that stops a run."""

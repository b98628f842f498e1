"""Causes of a gap between running and batch statistics, each with its own evidence and its fix."""

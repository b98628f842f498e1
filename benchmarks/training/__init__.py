"""Trainings of bnstats against PyTorch, JAX, and the machine's own matrix products, with all cores busy."""

from benchmarks.training.comparisons import BENCHMARKS

__all__ = ["BENCHMARKS"]

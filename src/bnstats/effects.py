"""Batch effects and drifts that are added to simulated rows, and their common base."""

from bnstats.sampling.effects import EFFECTS, Distinct, Effect, Mixture, RandomWalk, Sinusoid, Trend

__all__ = ["EFFECTS", "Distinct", "Effect", "Mixture", "RandomWalk", "Sinusoid", "Trend"]

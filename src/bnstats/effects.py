"""Batch effects and drifts that are added to simulated rows, and their common base."""

from bnstats.sampling import registry as _registry
from bnstats.sampling.effects import EFFECTS, Distinct, Effect, Mixture, RandomWalk, Sinusoid, Trend

__all__ = ["EFFECTS", "Distinct", "Effect", "Mixture", "RandomWalk", "Sinusoid", "Trend"]
__all__ += [name for name in _registry.EFFECT_CLASSES if name not in __all__]

globals().update(_registry.EFFECT_CLASSES)

"""Shifts of test rows away from the training rows, and their common base."""

from bnstats.datasets.registry import SHIFTS
from bnstats.datasets.shifts import ClassMix, Contrast, Gain, Noise, Offset, Shift

__all__ = ["SHIFTS", "ClassMix", "Contrast", "Gain", "Noise", "Offset", "Shift"]
__all__ += [name for name in SHIFTS if name not in __all__]

globals().update(SHIFTS)

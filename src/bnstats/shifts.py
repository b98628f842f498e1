"""Shifts of test rows away from the training rows, and their common base."""

from bnstats.datasets.shifts import ClassMix, Contrast, Gain, Noise, Offset, Shift

__all__ = ["ClassMix", "Contrast", "Gain", "Noise", "Offset", "Shift"]

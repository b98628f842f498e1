"""Corrections of batch effects and drift: the class `Correction`, its variants and their registry."""

from bnstats.corrections.batchwise import center, none, standardize
from bnstats.corrections.combat import combat
from bnstats.corrections.confounding import check_confounding
from bnstats.corrections.correction import Correction, Fitted
from bnstats.corrections.registry import CORRECTIONS, correction_of
from bnstats.corrections.shrinkage import random_intercept, shrink, shrink_scale
from bnstats.corrections.smoothers import (
    exponential_average,
    lowess,
    moving_average,
    polynomial,
    spline,
    trailing_average,
)

__all__ = [
    "CORRECTIONS",
    "Correction",
    "Fitted",
    "center",
    "check_confounding",
    "combat",
    "correction_of",
    "exponential_average",
    "lowess",
    "moving_average",
    "none",
    "polynomial",
    "random_intercept",
    "shrink",
    "shrink_scale",
    "spline",
    "standardize",
    "trailing_average",
]


def __dir__() -> list[str]:
    return sorted(__all__)

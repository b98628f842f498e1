"""Corrections of batch effects and drift: the class `Correction`, its variants and their registry."""

from bnstats.corrections.correction import CORRECTIONS, Correction, Fitted
from bnstats.corrections.covariates.confounding import check_confounding
from bnstats.corrections.registry import FACTORIES, correction_of

__all__ = ["CORRECTIONS", "Correction", "Fitted", "check_confounding", "correction_of", *FACTORIES]

globals().update(FACTORIES)  # a function may have the name of its file


def __dir__() -> list[str]:
    return sorted(__all__)

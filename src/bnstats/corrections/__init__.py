"""Corrections of batch effects and drift: the class `Correction`, its variants and their registry."""

from typing import Any

from bnstats.corrections.correction import CORRECTIONS, Correction
from bnstats.corrections.covariates.confounding import check_confounding
from bnstats.corrections.fitted import Fitted
from bnstats.corrections.registry import FACTORIES, correction_of

__all__ = ["CORRECTIONS", "Correction", "Corrector", "Fitted", "check_confounding", "correction_of", *FACTORIES]

globals().update(FACTORIES)  # a function may have the name of its file


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    if name != "Corrector":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from bnstats.corrections.pipelines.corrector import Corrector
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Corrector needs scikit-learn: python -m pip install 'bnstats[sklearn]'") from error
    globals()[name] = Corrector
    return Corrector

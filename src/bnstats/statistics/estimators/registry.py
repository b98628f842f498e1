"""Registry of estimators: those that files of this folder list under `ESTIMATORS`."""

from __future__ import annotations

from typing import Any

from bnstats._checks.values import named
from bnstats._families.variants import listed
from bnstats.statistics.estimators.estimator import Estimator

ESTIMATORS: dict[str, Estimator] = {e.name: e for e in listed(__name__, "ESTIMATORS")}


def estimator_named(_: str, source: Any) -> Estimator:
    """Return the estimator of an argument, by `estimator_of`."""
    return estimator_of(source)


def estimator_of(source: str | Estimator) -> Estimator:
    """Return the estimator of a name in `ESTIMATORS`, or a given estimator.

    >>> estimator_of("var").order
    2.0
    """
    if isinstance(source, Estimator):
        return source
    return named("estimator", source, ESTIMATORS, "a bn.Estimator(name, function, target)")

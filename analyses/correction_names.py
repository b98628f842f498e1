"""Corrections as titles and legends call them."""

from __future__ import annotations

import pandas as pd

from bnstats.plots.comparisons import spoken

NAMES = {
    "none": "no correction",
    "center": "centering",
    "standardize": "standardizing",
    "shrink": "shrinking",
    "shrink_scale": "shrinking shift and scale",
    "spline": "a spline",
}


def correction_name(name: str) -> str:
    """A correction in a sentence.

    >>> correction_name("center"), correction_name("lowess(proportion=0.2)")
    ('centering', 'lowess (proportion 0.2)')
    """
    return NAMES.get(name, spoken(name))


def best_correction(row: pd.Series) -> str:
    """Return the best correction, and the second best where the two differ by less than Monte Carlo error.

    >>> best_correction(pd.Series({"best": "center", "second_best": "spline", "clear": 0.0}))
    'centering or a spline'
    """
    best, second = (correction_name(row[column]) for column in ("best", "second_best"))
    return best if row["clear"] else f"{best} or {second}"

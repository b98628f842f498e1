"""Tail indices, exact ones and those of a finite number of draws."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import optimize

from bnstats._checks.array_types import FloatArray
from bnstats._warnings import warnings_are


def _kappa4(h: float, k: float) -> float:
    """Return the tail index of quantiles (1 - ((1 - p^h) / h)^k) / k.

    The quantiles grow as (1 - p)^k near p = 1, and as p^(h k) near p = 0.
    """
    if k < 0:
        return -1 / k
    return -1 / (h * k) if h * k < 0 else np.inf


# Tail index from the shape parameters, for families whose extreme quantiles SciPy cannot compute.
_CLOSED: dict[str, Callable[[tuple[float, ...]], float]] = {
    "f": lambda shapes: shapes[1] / 2,
    "betaprime": lambda shapes: shapes[1],
    "zipf": lambda shapes: shapes[0] - 1,
    "t": lambda shapes: shapes[0],
    "ncf": lambda shapes: shapes[1] / 2,
    "jf_skew_t": lambda shapes: 2 * min(shapes),
    "mielke": lambda shapes: shapes[1],
    "yulesimon": lambda shapes: shapes[0],
    "dpareto_lognorm": lambda shapes: shapes[2],
    "levy_stable": lambda shapes: shapes[0] if shapes[0] < 2 else np.inf,
    "skewcauchy": lambda _: 1.0,
    "alpha": lambda _: 1.0,
    "rel_breitwigner": lambda _: 3.0,
    "betanbinom": lambda shapes: shapes[1],
    "kappa4": lambda shapes: _kappa4(*shapes),
}
# A sample determines a moment if its effective sample size is at least this.
EFFECTIVE = 100.0
# Highest order of moments that a summary needs.
HIGHEST = 64.0


def law_tail_index(dist: Any, shapes: tuple[float, ...], family: str | None) -> float:
    """Return the order below which moments exist, to three digits for unknown families; inf if all exist."""
    closed = _CLOSED.get(family or "")
    if closed is not None:
        return float(closed(shapes))
    far, farther = slope_at(dist, shapes, 1e-40), slope_at(dist, shapes, 1e-60)
    return round(farther, 6) if abs(farther / far - 1) < 1e-6 else _limiting_slope(dist, shapes)


@np.errstate(all="ignore")
def _limiting_slope(dist: Any, shapes: tuple[float, ...]) -> float:
    """Return the limit of -d log P(|X - median| > x) / d log x for large x, inf if it grows without bound."""
    low, middle, high = (float(q) for q in dist.ppf([0.25, 0.5, 0.75], *shapes))
    x = (high - low) * 10.0 ** np.arange(13)
    tail = np.asarray(dist.sf(middle + x, *shapes) + dist.cdf(middle - x, *shapes), dtype=float)
    slope = -np.diff(np.log10(tail))
    for near, far in pairwise(slope):
        if far > 0 and abs(far / near - 1) < 1e-4:
            return round(float(far), 3)
    # If sf is computed as 1 - cdf, small tails have no digits. A converging slope changes less with each power of 10.
    slope = slope[tail[1:] > 1e-12]
    if len(slope) < 3:
        return np.inf
    before, last = np.diff(slope)[-2:]
    shrinking = abs(last) < abs(before) / 2
    return round(float(slope[-1] + last**2 / (before - last)), 2) if shrinking else np.inf


def slope_at(dist: Any, shapes: tuple[float, ...], probability: float) -> float:
    """Return the slope -d log P(|X - median| > x) / d log x at the x where P is `probability`.

    The slope is that of the heavier tail; inf if both tails are bounded.
    """
    chance = np.array([10 * probability, probability])
    with warnings_are("ignore"):
        middle = dist.ppf(0.5, *shapes)
        return min(_slope(quantile, chance, shapes, middle) for quantile in (dist.isf, dist.ppf))


def _slope(quantile: Any, chance: FloatArray, shapes: tuple[float, ...], middle: float) -> float:
    """Return the slope between the distances from the median with exceedance probabilities 10 p and p."""
    try:
        value = np.abs(quantile(chance, *shapes) - middle)
    except (OverflowError, RuntimeError):  # SciPy's search for a discrete quantile may fail
        return np.inf
    if not np.isfinite(value).all() or value[0] <= 0 or value[1] <= value[0]:
        return np.inf
    return float(np.log(10) / np.log(value[1] / value[0]))


def binned(deviation: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return sizes of deviations, relative to the largest and rounded to 1 %, and their probabilities."""
    size = np.abs(deviation)
    bins, place = np.unique(np.round(64 * np.log2(size[size > 0] / size.max())), return_inverse=True)
    return 2.0 ** (bins / 64), np.bincount(place, weight[size > 0] / weight.sum()).astype(np.float64)


def visible_order(size: FloatArray, chance: FloatArray, draws: float) -> float:
    """Return the order up to which so many draws determine moments of a discrete law; inf if all.

    Draws determine a moment of order k if their effective sample size with weights |x|^k is at least 100. Kish's
    effective sample size is (sum of weights)² / (sum of squared weights), and is small if large values are rare.

    >>> rare = np.array([0.1, 1.0]), np.array([0.999, 0.001])
    >>> visible_order(*rare, draws=2e5), round(visible_order(*rare, draws=1e4), 2)
    (inf, 2.66)
    """

    def log_surplus(order: float) -> float:
        return float(np.log(draws * (chance @ size**order) ** 2 / (chance @ size ** (2 * order)) / EFFECTIVE))

    if log_surplus(HIGHEST) >= 0:
        return np.inf
    return float(optimize.brentq(log_surplus, 0.0, HIGHEST, xtol=1e-3)) if log_surplus(0.0) > 0 else 0.0


def shortest_interval(ordered: FloatArray, probability: float) -> float:
    """Return the length of the shortest interval that contains this proportion of the values."""
    apart = min(max(1, round(probability * ordered.size)), ordered.size - 1)
    return float(np.min(ordered[apart:] - ordered[:-apart]))


def largest_proportion(ordered: FloatArray, length: float) -> float:
    """Return the largest proportion of the values in any interval of this length."""
    last = np.searchsorted(ordered, ordered + length, side="right")
    return float(np.max(last - np.arange(ordered.size)) / ordered.size)

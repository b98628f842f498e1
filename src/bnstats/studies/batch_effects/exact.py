"""Exact mean squared errors of corrections that are linear, or shrink by an estimated variance.

Errors are taken about their mean over all rows, as no data can separate a shift of all batches from the signal. There
are J batches of n rows with variance 1 within batches and effects of variance tau² between batches. Up to a constant,
corrected = x - effect.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy import integrate, stats

from bnstats._checks.array_types import FloatArray
from bnstats._checks.user_code import overridden_below
from bnstats.corrections import CORRECTIONS, Correction
from bnstats.sampling.effects import Distinct, Effect, Mixture, stretches
from bnstats.studies.batch_effects.downstream_model import keys

# The largest number of rows for which a linear correction is computed as a matrix.
LARGEST_MATRIX_ROWS = 1024


def mean_square_error(
    correction: Correction, effect: Effect, tau: float, batches: int, n: int, *, ticks: int = 4, remove: bool = True
) -> float:
    """Return the exact mean squared error of corrected rows, averaged over the rows.

    Parameters
    ----------
    correction : Correction
        The correction.
    effect : Effect
        Law of the effects, of unit size.
    tau : float
        Standard deviation of the effects, in units of the standard deviation within batches.
    batches, n : int
        Number of batches, and of rows in each batch.
    ticks : int
        Distinct times within a batch.
    remove : bool
        True if the effect is a nuisance, so that a perfect correction removes it. False if the effect belongs to the
        signal, so that rows should not change.

    Returns
    -------
    float
        Mean squared error in units of the variance within batches; nan if it is not known exactly.

    Examples
    --------
    The variance tau² = 1/4 is known. Shrunken effects leave tau² (1/n) / (tau² + 1/n), centering leaves 1/n, no
    correction leaves tau². All errors have a factor of 1 - 1/J, as the mean of all batches is subtracted.

    >>> from bnstats.corrections import CORRECTIONS, shrink
    >>> [round(mean_square_error(c, Distinct(), 0.5, 10, 4) / 0.9, 4)
    ...  for c in (shrink(icc=0.2), CORRECTIONS["center"], CORRECTIONS["none"])]
    [0.125, 0.25, 0.25]
    """
    if stretches(effect):
        return np.nan
    if correction == CORRECTIONS["shrink"] and effect == Distinct():
        return _shrunken(tau, batches, n, remove)
    if correction == CORRECTIONS["center"] and effect == Distinct():
        return (1 - 1 / batches) * (1 / n + (0 if remove else tau**2))
    if correction == CORRECTIONS["none"] and not remove:
        return 0.0
    if correction == CORRECTIONS["none"] and effect == Distinct():
        return (1 - 1 / batches) * tau**2
    if batches * n > LARGEST_MATRIX_ROWS or not _is_linear(correction, batches, n, ticks):
        return np.nan
    return tau**2 * _effect_left(correction, effect, batches, n, ticks, remove) + _noise_left(
        correction, batches, n, ticks
    )


def contrast_lost(correction: Correction, batches: int, n: int, *, ticks: int = 4) -> float:
    """Return the proportion of a difference between random classes that a linear correction removes.

    For a correction that subtracts H x, the average over all placements of the classes is trace(H) / (rows - 1). For
    centering it is (J - 1) / (J n - 1). The result is nan for corrections that are not linear.

    Examples
    --------
    >>> from bnstats.corrections import CORRECTIONS
    >>> round(contrast_lost(CORRECTIONS["center"], 10, 4), 6), round(9 / 39, 6)
    (0.230769, 0.230769)
    """
    if correction == CORRECTIONS["none"]:
        return 0.0
    if correction == CORRECTIONS["center"]:
        return (batches - 1) / (batches * n - 1)
    if batches * n > LARGEST_MATRIX_ROWS or not _is_linear(correction, batches, n, ticks):
        return np.nan
    return float(np.trace(_subtracted(correction, batches, n, ticks)) / (batches * n - 1))


def _shrunken(tau: float, batches: int, n: int, remove: bool) -> float:
    """Return the mean squared error of batch means shrunken by B = max(0, 1 - MSW/MSB), as one integral.

    With V = tau² + 1/n, the sum of squares of batch means S has S / V ~ chi²(J - 1). The sum of squares within batches
    is W ~ chi²(J (n - 1)), independent of S. The proportion p = (S / V) / (S / V + W) has a beta law, and decides B.
    Given p, the expectation of S is V (rows - 1) p. Given a batch mean's deviation d, the effect's deviation is
    B* d + N(0, tau²/(n V)) with B* = tau²/V.
    """
    variance = tau**2 + 1 / n
    optimal = tau**2 / variance
    between, within = batches - 1, batches * (n - 1)
    law = stats.beta(between / 2, within / 2)

    def weight(p: float) -> float:
        return max(0.0, 1 - (1 - p) / within / (n * variance * p / between))

    def risk(p: float) -> float:
        return float(((optimal if remove else 0.0) - weight(p)) ** 2 * p * law.pdf(p))

    # B is 0 below this p, and has a kink there.
    kink = between / (between + within * n * variance)
    ends = [0.0, *np.clip(law.ppf([1e-12, 1e-3, 0.5, 1 - 1e-3, 1 - 1e-12]), 0, 1), kink, 1.0]
    total = sum(integrate.quad(risk, a, b, limit=200)[0] for a, b in pairwise(sorted(ends)))
    noise = (1 - 1 / batches) * tau**2 / (n * variance) if remove else 0.0
    return float(noise + variance * (batches * n - 1) / batches * total)


@lru_cache(maxsize=4096)
def _is_linear(correction: Correction, batches: int, n: int, ticks: int) -> bool:
    """Return True if the corrected sum of two features is the sum of the corrected features."""
    row = np.arange(batches * n)
    curves = [np.zeros(row.size), np.sin(2 * np.pi * row / row.size), row // n, (row // n % 2) + row / row.size]
    probes = np.column_stack([3 * c for c in curves]) + np.random.default_rng(0).normal(size=(row.size, len(curves)))
    both = np.column_stack([probes, probes + np.roll(probes, 1, axis=1)])
    try:
        done = correction(both, keys(correction, batches, n, ticks))
    except ValueError:
        return False
    apart = done[:, : len(curves)]
    return bool(np.allclose(done[:, len(curves) :], apart + np.roll(apart, 1, axis=1), rtol=1e-9, atol=1e-9))


def _centered(columns: FloatArray) -> FloatArray:
    return np.asarray(columns - columns.mean(axis=0))


@lru_cache(maxsize=64)
def _subtracted(correction: Correction, batches: int, n: int, ticks: int) -> FloatArray:
    """Return the matrix of a correction that subtracts H x, about its mean, by correcting unit vectors."""
    unit = np.eye(batches * n)
    return _centered(unit - correction(unit, keys(correction, batches, n, ticks)))


def _noise_left(correction: Correction, batches: int, n: int, ticks: int) -> float:
    return float((_subtracted(correction, batches, n, ticks) ** 2).sum() / (batches * n))


def _effect_left(correction: Correction, effect: Effect, batches: int, n: int, ticks: int, remove: bool) -> float:
    if type(effect) is Mixture:
        parts = ((effect.distinct, 1 - effect.smoothness), (effect.smooth, effect.smoothness))
        given = batches, n, ticks, remove
        return sum(weight * _effect_left(correction, part, *given) for part, weight in parts if weight > 0)
    if overridden_below(type(effect), "shift", "root"):
        return np.nan
    root = effect.root(batches, n)
    taken = _subtracted(correction, batches, n, ticks) @ root
    return float(((_centered(root) - taken if remove else taken) ** 2).sum() / (batches * n))

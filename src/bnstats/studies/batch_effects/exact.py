"""What a correction leaves, exactly: mean squared errors where it is linear, or shrinks by an estimated variance.

Errors are taken about their mean over all rows, as no data can separate a shift of all batches from the signal. J
batches of n rows, of variance 1 within and of effects with variance tau² between; corrected = x - effect, up to a
constant.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import integrate, stats

from bnstats._checks.array_types import FloatArray
from bnstats.corrections import CORRECTIONS, Correction
from bnstats.sampling.effects import Distinct, Effect, Mixture
from bnstats.studies.batch_effects.downstream_model import keys

# Rows up to which a linear correction is worked out as a matrix.
LARGEST_MATRIX_ROWS = 1024


def mean_square_error(
    correction: Correction, effect: Effect, tau: float, batches: int, n: int, *, ticks: int = 4, remove: bool = True
) -> float:
    """Mean squared error of corrected rows, averaged over the rows; nan where it is not known exactly.

    Parameters
    ----------
    remove : bool
        True if the effect is a nuisance: rows should be as they would be without it. False if it belongs to the signal:
        rows should be as they are.

    Examples
    --------
    A known share of the variance, tau² = 1/4: shrunken effects leave tau² (1/n) / (tau² + 1/n), times 1 - 1/J since the
    mean of all batches is taken off; centering leaves 1/n, doing nothing tau².

    >>> from bnstats.corrections import CORRECTIONS, shrink
    >>> [round(mean_square_error(c, Distinct(), 0.5, 10, 4) / 0.9, 4)
    ...  for c in (shrink(icc=0.2), CORRECTIONS["center"], CORRECTIONS["none"])]
    [0.125, 0.25, 0.25]
    """
    if effect.scales:
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
    """The share of a difference between randomly placed classes that a linear correction removes; nan if not linear.

    With H the matrix of what is subtracted, trace(H) / (rows - 1) on average over all placements: (J - 1) / (J n - 1)
    for centering.

    >>> from bnstats.corrections import CORRECTIONS
    >>> contrast_lost(CORRECTIONS["center"], 10, 4) == 9 / 39
    True
    """
    if correction == CORRECTIONS["none"]:
        return 0.0
    if correction == CORRECTIONS["center"]:
        return (batches - 1) / (batches * n - 1)
    if batches * n > LARGEST_MATRIX_ROWS or not _is_linear(correction, batches, n, ticks):
        return np.nan
    return float(np.trace(_subtracted(correction, batches, n, ticks)) / (batches * n - 1))


def _shrunken(tau: float, batches: int, n: int, remove: bool) -> float:
    """Batch means shrunken by B = max(0, 1 - MSW/MSB), whose risk is one integral.

    Given MSB/MSW, B is known, and the sum of squares of batch means S is on average V (rows - 1) share, where share is
    what S/V has of it and of the sum of squares within, both in units of their mean squares' chi-squared laws, and
    V = tau² + 1/n. Of a batch mean's deviation d, the effect's is B* d + N(0, tau²/(n V)), B* = tau²/V.
    """
    variance = tau**2 + 1 / n
    best = tau**2 / variance
    between, within = batches - 1, batches * (n - 1)
    law = stats.beta(between / 2, within / 2)

    def weight(share: float) -> float:
        return max(0.0, 1 - (1 - share) / within / (n * variance * share / between))

    def risk(share: float) -> float:
        return float(((best if remove else 0.0) - weight(share)) ** 2 * share * law.pdf(share))

    # B is 0 below this share, and bends there.
    bend = between / (between + within * n * variance)
    span = [0.0, *np.clip(law.ppf([1e-12, 1e-3, 0.5, 1 - 1e-3, 1 - 1e-12]), 0, 1), bend, 1.0]
    total = sum(integrate.quad(risk, a, b, limit=200)[0] for a, b in zip(sorted(span), sorted(span)[1:], strict=False))
    noise = (1 - 1 / batches) * tau**2 / (n * variance) if remove else 0.0
    return float(noise + variance * (batches * n - 1) / batches * total)


@lru_cache(maxsize=4096)
def _is_linear(correction: Correction, batches: int, n: int, ticks: int) -> bool:
    """Whether, of a few features, the sum is corrected to the sum of the corrected ones."""
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
    """The matrix of what is subtracted, about its mean over the rows, found by correcting the unit vectors."""
    unit = np.eye(batches * n)
    return _centered(unit - correction(unit, keys(correction, batches, n, ticks)))


def _noise_left(correction: Correction, batches: int, n: int, ticks: int) -> float:
    return float((_subtracted(correction, batches, n, ticks) ** 2).sum() / (batches * n))


def _effect_left(correction: Correction, effect: Effect, batches: int, n: int, ticks: int, remove: bool) -> float:
    if isinstance(effect, Mixture):
        parts = ((effect.distinct, 1 - effect.smoothness), (effect.smooth, effect.smoothness))
        given = batches, n, ticks, remove
        return sum(share * _effect_left(correction, part, *given) for part, share in parts if share > 0)
    root = effect.root(batches, n)
    taken = _subtracted(correction, batches, n, ticks) @ root
    return float(((_centered(root) - taken if remove else taken) ** 2).sum() / (batches * n))

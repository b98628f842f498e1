"""Merging of central moments: count, mean, sums of squared, cubed and fourth powers of deviations."""

from __future__ import annotations

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats._compiled import compiled


@compiled
def _merge(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    """Merge the moments of K measures, shapes (5, K)."""
    for k in range(a.shape[1]):
        na, nb = a[0, k], b[0, k]
        d = b[1, k] - a[1, k]
        dn = d / max(na + nb, 1.0)
        a2, b2, a3, b3 = a[2, k], b[2, k], a[3, k], b[3, k]
        fourth = na * nb * (na**2 - na * nb + nb**2) * d * dn**3
        fourth += 6 * dn**2 * (na**2 * b2 + nb**2 * a2) + 4 * dn * (na * b3 - nb * a3)
        out[4, k] = a[4, k] + b[4, k] + fourth
        out[3, k] = a3 + b3 + na * nb * (na - nb) * d * dn**2 + 3 * dn * (na * b2 - nb * a2)
        out[2, k] = a2 + b2 + na * nb * d * dn
        out[1, k] = a[1, k] + nb * dn
        out[0, k] = na + nb


def merge_moments(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the moments to order four of the union (Pébay 2008); shapes (5, ...); a count may be zero.

    >>> one, three = np.array([1.0, 1, 0, 0, 0]), np.array([1.0, 3, 0, 0, 0])
    >>> merge_moments(one, three).tolist()
    [2.0, 2.0, 2.0, 0.0, 2.0]
    """
    merged = np.empty(a.shape)
    _merge(np.ascontiguousarray(a).reshape(5, -1), np.ascontiguousarray(b).reshape(5, -1), merged.reshape(5, -1))
    return merged


def merge_groups(moments: FloatArray) -> FloatArray:
    """Merge groups along the last axis, a power of two, as a tree; shapes (5, ..., groups) -> (5, ...)."""
    while moments.shape[-1] > 1:
        moments = merge_moments(moments[..., ::2], moments[..., 1::2])
    return moments[..., 0]


def variance_of_variance(fourth: float, variance: float, n: float) -> float:
    """Return Var(s²) of n independent values, where s² has ddof 1, from their fourth central moment and variance.

    >>> variance_of_variance(3.0, 1.0, 3)
    1.0
    """
    return (fourth - variance**2 * (n - 3) / (n - 1)) / n

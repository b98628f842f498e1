"""Merging central moments to order four: count, mean, and sums of squared, cubed and fourth powers of deviations."""

from __future__ import annotations

import numpy as np

from bnstats._arrays import FloatArray


@np.errstate(invalid="ignore", over="ignore")
def merge_moments(a: FloatArray, b: FloatArray) -> FloatArray:
    """Moments to order four of the union (Pébay 2008); shapes (5, ...); a count of zero is allowed.

    >>> one, three = np.array([1.0, 1, 0, 0, 0]), np.array([1.0, 3, 0, 0, 0])
    >>> merge_moments(one, three).tolist()
    [2.0, 2.0, 2.0, 0.0, 2.0]
    """
    na, nb = a[0], b[0]
    n = na + nb
    safe = np.maximum(n, 1)
    d = b[1] - a[1]
    dn = d / safe
    mean = a[1] + nb * dn
    second = a[2] + b[2] + na * nb * d * dn
    third = a[3] + b[3] + na * nb * (na - nb) * d * dn**2 + 3 * dn * (na * b[2] - nb * a[2])
    fourth = (
        a[4]
        + b[4]
        + na * nb * (na**2 - na * nb + nb**2) * d * dn**3
        + 6 * dn**2 * (na**2 * b[2] + nb**2 * a[2])
        + 4 * dn * (na * b[3] - nb * a[3])
    )
    return np.stack([n, mean, second, third, fourth])


def merge_groups(moments: FloatArray) -> FloatArray:
    """Merge along the last axis, as a tree; shapes (5, ..., groups) -> (5, ...)."""
    while moments.shape[-1] > 1:
        moments = merge_moments(moments[..., ::2], moments[..., 1::2])
    return moments[..., 0]

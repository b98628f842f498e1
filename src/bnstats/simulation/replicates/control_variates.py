"""Control variates: measures with known mean 0 that explain part of an estimate's deviations.

Let w be a control variate. The mean of e - c w has the expectation of e for every c that does not depend on the same
replicates. Its variance is smallest if c is the slope of e on w. So slopes are fitted on blocks with even numbers and
applied to blocks with odd numbers, and the other way round (the splitting scheme of Avramidis & Wilson 1993). No mean
is then biased, whatever the law of the replicates. The error follows from the spread of e - c w in the blocks to which
c is applied, so it includes the error of c.

The choice between the plain and the adjusted number uses their errors, and so the same replicates. It could cause bias
only if chance decides it. In this case e and w are hardly correlated, and the two numbers hardly differ.

A tally keeps the means of e, e² and the control variates, and the sums of products of their deviations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._compiled import compiled

# Replicates whose products are computed at once.
IN_CACHE = 512
# Minimum replicates for each fitted slope, in either half of the blocks.
LEAST_PER_SLOPE = 100
# Control variates are used if they reduce the variance by at least this factor: a smaller gain may be chance.
LEAST_GAIN = 1.05
# A control variate that differs from a combination of the others by less than this part of its size is collinear.
COLLINEAR = 1e-10
# Smallest part of a variance that may remain: a smaller remainder is rounding, so no smaller error is reported.
ROUNDING = 1e-12
# A control variate whose mean is more than this many standard errors from 0 does not have expectation 0.
CONTRADICTED = 10.0


@compiled
def joint_moments(error: FloatArray, controls: tuple[FloatArray, ...]) -> FloatArray:
    """Return means (first row) and sums of products of deviations, shape (D + 1, D).

    The columns are e, e² and the control variates. Deviations are first taken from the means of the first replicates,
    which are near the means of all, so that values are read once.

    >>> joint_moments(np.array([1.0, 3.0]), (np.array([-2.0, 2.0]),)).tolist()
    [[2.0, 5.0, 0.0], [2.0, 8.0, 4.0], [8.0, 32.0, 16.0], [4.0, 16.0, 8.0]]
    """
    n, d = error.size, 2 + len(controls)
    out, part = np.zeros((d + 1, d)), np.empty((d, IN_CACHE))
    near, left = np.zeros(d), np.zeros(d)
    # Sums number by number, because means of slices take seconds to compile.
    for r in range(min(IN_CACHE, n)):
        near[0] += error[r]
        near[1] += error[r] * error[r]
        for i in range(2, d):
            near[i] += controls[i - 2][r]
    near /= min(IN_CACHE, n)
    first, second = near[0], near[1]
    for start in range(0, n, IN_CACHE):
        size = min(IN_CACHE, n - start)
        e = error[start : start + size]
        for r in range(size):
            part[0, r], part[1, r] = e[r] - first, e[r] * e[r] - second
        for i in range(2, d):
            w, mean = controls[i - 2][start : start + size], near[i]
            for r in range(size):
                part[i, r] = w[r] - mean
        for i in range(d):
            a, total = part[i], 0.0
            for r in range(size):
                total += a[r]
            left[i] += total
            for j in range(i + 1):
                b, total = part[j], 0.0
                for r in range(size):
                    total += a[r] * b[r]
                out[1 + i, j] += total
    for i in range(d):
        out[0, i] = near[i] + left[i] / n
        for j in range(i + 1):
            out[1 + i, j] -= left[i] * left[j] / n
            out[1 + j, i] = out[1 + i, j]
    return out


@compiled
def _merge(na: FloatArray, a: FloatArray, nb: FloatArray, b: FloatArray, out: FloatArray) -> None:
    for k in range(na.size):
        weight = nb[k] / max(na[k] + nb[k], 1.0)
        for i in range(a.shape[2]):
            by = (b[k, 0, i] - a[k, 0, i]) * na[k] * weight
            out[k, 0, i] = a[k, 0, i] + weight * (b[k, 0, i] - a[k, 0, i])
            for j in range(a.shape[2]):
                out[k, 1 + i, j] = a[k, 1 + i, j] + b[k, 1 + i, j] + by * (b[k, 0, j] - a[k, 0, j])


def merge_joint(na: FloatArray, a: FloatArray, nb: FloatArray, b: FloatArray) -> FloatArray:
    """Return joint moments of the union of disjoint replicates of K measures; (K,) and (K, D + 1, D)."""
    out = np.empty(a.shape)
    _merge(na, a, nb, b, out)
    return out


def halves(n: FloatArray, joint: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Merge groups into those with even and with odd numbers: shapes (G,), (G, D + 1, D) -> G = 2.

    The number of groups is a power of two.
    """
    n, joint = np.ascontiguousarray(n), np.ascontiguousarray(joint)
    while len(n) > 2:
        half = len(n) // 2
        n, joint = n[:half] + n[half:], merge_joint(n[:half], joint[:half], n[half:], joint[half:])
    return n, joint


@dataclass(frozen=True)
class Controlled:
    """Mean and mean square of e, estimated with control variates.

    Attributes
    ----------
    mean, mean_square : float
        Estimates of the expectations of e and e².
    covariance : array, shape (2, 2)
        Covariance of the two estimates.
    """

    mean: float
    mean_square: float
    covariance: FloatArray

    @staticmethod
    def of(n: FloatArray, joint: FloatArray) -> Controlled | None:
        """Return the estimates from both halves of the blocks; None if these are too few, or not finite."""
        if n.min() < LEAST_PER_SLOPE * (joint.shape[-1] - 2) or not np.isfinite(joint).all():
            return None
        means, covariance, left = np.zeros(2), np.zeros((2, 2)), np.eye(2, joint.shape[-1])
        whole = n.sum()
        for own, other in ((0, 1), (1, 0)):
            weight, products = n[own] / whole, joint[own, 1:]
            left[:, 2:] = -_slopes(joint[other, 1:])
            means += weight * (left @ joint[own, 0])
            rest = left @ products @ left.T
            rest[[0, 1], [0, 1]] += ROUNDING * products.diagonal()[:2]
            covariance += weight**2 * rest / (n[own] * (n[own] - 1))
        return Controlled(float(means[0]), float(means[1]), covariance)


def _slopes(products: FloatArray) -> FloatArray:
    """Return the slopes of e and e² on the control variates, shape (2, D - 2), by least squares."""
    size = np.sqrt(products.diagonal()[2:])
    size[size == 0] = 1.0
    slopes = np.linalg.lstsq(products[2:, 2:] / np.outer(size, size), products[2:, :2] / size[:, None], COLLINEAR)[0]
    return np.asarray((slopes / size[:, None]).T)


def contradicted(n: FloatArray, joint: FloatArray) -> NDArray[np.bool_]:
    """Return True for control variates that cannot have mean 0; shapes (G,) and (G, D + 1, D) -> (D - 2,)."""
    counts, moments = halves(n, joint)
    whole = merge_joint(counts[:1], moments[:1], counts[1:], moments[1:])[0]
    error = np.sqrt(whole[1:].diagonal()[2:]) / counts.sum()
    return np.asarray(np.abs(whole[0, 2:]) > CONTRADICTED * error)

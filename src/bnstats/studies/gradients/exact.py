"""Exact factors by which squared gradient norms grow from layer to layer at initialisation, in wide networks.

Per layer towards the input: (n - 2) / (n - 3) with batch normalisation and linear activation (Yang et al. 2019,
arXiv 1902.08129), pi / (pi - 1) with ReLU as n grows, 1 without normalisation. The formula below is the first of them
with eps in it, so that it holds for batches of 2 and 3, too, where all depends on eps.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import integrate, special, stats

from bnstats._numbers import batch_size as checked_size
from bnstats._numbers import number
from bnstats.networks.recipe import Recipe

RELU_LIMIT = math.pi / (math.pi - 1)
"""Growth per layer with batch normalisation and ReLU as the batch size grows: 1.467."""


def linear_factor(batch_size: int, eps: float = 0.0) -> float:
    """Expected growth of a squared gradient norm per layer, wide and linear, each unit normalised over n rows.

    A unit's products are normal with a batch variance v = rho chi²(n - 1) / (n - 1), rho = E[v / s²], s² = v + eps. Of
    the n - 1 directions that are left by taking off the mean, n - 2 pass 1 / s², and that of the values themselves
    passes (eps / s²)² / s²: ((n - 2) E[1 / s²] + E[eps² / s^6]) / (n - 1).

    Parameters
    ----------
    batch_size : int
        At least 2.
    eps : float
        Relative to the variance of the values in a layer whose weights have variance 1 / inputs; at least 0.

    Examples
    --------
    >>> linear_factor(4), linear_factor(8), linear_factor(3)
    (2.0, 1.2, inf)
    >>> round(linear_factor(2, eps=1e-5), 1)  # rare pairs of nearly equal values: it grows as 1 / sqrt(eps)
    148.9
    """
    n, eps = checked_size("batch_size", batch_size), number("eps", eps, "[0, inf)")
    if eps == 0 and n > 3:
        return (n - 2) / (n - 3)
    if eps == 0:
        return math.inf if n == 3 else 0.0
    rho = 1.0
    for _ in range(20):  # a fixed point: what a layer hands on has the variance rho
        rho = _mean(lambda v: v / (v + eps), rho, n)
    return _mean(lambda v: ((n - 2) / (v + eps) + eps**2 / (v + eps) ** 3) / (n - 1), rho, n)


def _mean(function: Callable[[float], float], rho: float, n: int) -> float:
    """Expectation over the batch variance, in its logarithm, where the integrand is smooth at eps, too."""

    def integrand(log_v: float) -> float:
        v = math.exp(log_v)
        scaled = v * (n - 1) / rho
        return float(function(v) * stats.chi2.pdf(scaled, n - 1) * scaled)

    return float(integrate.quad(integrand, -60, 12, limit=500, points=[-24, -12, -6, 0])[0])


def share_passed_by_pairs(eps: float, variance: float = 1.0) -> tuple[float, float]:
    """Mean and median share of its gradient that a unit lets pass in batches of 2: eps / (d² + eps).

    d is half the difference of the unit's two values, normal with this variance. Relative to a division by s without
    the gradients of mean and variance. Without eps nothing passes: every value is -1 or +1 whatever the weights are.

    Examples
    --------
    >>> mean, median = share_passed_by_pairs(1e-5)
    >>> round(mean, 5), round(median, 7)
    (0.00395, 2.2e-05)
    """
    ratio = number("eps", eps, "[0, inf)") / number("variance", variance, "(0, inf)")
    mean = math.sqrt(math.pi * ratio / 2) * special.erfcx(math.sqrt(ratio / 2))
    return float(mean), float(ratio / (stats.chi2.ppf(0.5, 1) + ratio))


def expected_factor(recipe: Recipe, batch_size: int) -> float:
    """The exact factor per layer of a wide network by this recipe; nan where none is known.

    With ReLU and batch normalisation only the limit for large batches is known, `RELU_LIMIT`.
    """
    kind = recipe.normalizer.name
    if kind == "none":
        return 1.0
    if kind == "batch" and recipe.activation == "linear":
        return linear_factor(batch_size, recipe.convention.eps)
    return np.nan


def large_batch_factor(recipe: Recipe) -> float:
    """What the factor tends to as the batch size grows; nan where it is not known."""
    if recipe.normalizer.name == "batch":
        return RELU_LIMIT if recipe.activation == "relu" else 1.0
    return expected_factor(recipe, 2)

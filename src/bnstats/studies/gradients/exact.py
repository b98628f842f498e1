"""Factors by which squared gradient norms grow from layer to layer at initialization, in the limit of wide layers.

Per layer toward the input, with linear activation: (r - 1) / (r - 2) with batch normalization (Yang et al. 2019, arXiv
1902.08129, for r = n - 1), 1 without. r is the number of directions that the rows of a batch of n span about their
mean. The formula below has eps in it, so that it holds for r = 1 and r = 2, too, where all depends on eps.

No network of finite width has these factors. Each layer adds random differences between the directions, and each layer
shrinks those by r / (r + 2) only. In layers of w units the factor is lower by about 0.1 n / w, and with n near r the
rows of the data themselves are more spread out in some directions than in others.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import integrate, optimize, special, stats

from bnstats._checks.numbers import batch_size as checked_size
from bnstats._checks.numbers import number, whole
from bnstats.networks.recipe import Recipe

RELU_LIMIT = math.pi / (math.pi - 1)
"""Growth per layer with batch normalization and ReLU as the batch size grows: 1.467."""


def linear_factor(batch_size: int, eps: float = 0.0, directions: int | None = None) -> float:
    """Return the expected growth of a squared gradient norm per wide linear layer with batch normalization.

    The rows about their mean are spread out alike in r directions. A unit's products are normal with a batch variance v
    = rho chi²(r) / r, rho = E[v / s²], s² = v + eps. Of the r directions in which weights change anything, r - 1 pass
    1 / s², and that of the values themselves passes (eps / s²)² / s²: ((r - 1) E[1 / s²] + E[eps² / s^6]) / r.

    Parameters
    ----------
    batch_size : int
        At least 2.
    eps : float
        Relative to the variance of the values in a layer whose weights have variance 1 / inputs; below 1, from where on
        values vanish layer by layer.
    directions : int, optional
        r, from 1 to n - 1; by default n - 1.

    Examples
    --------
    >>> linear_factor(4), linear_factor(8), linear_factor(3)
    (2.0, 1.2, inf)
    >>> linear_factor(64, directions=6)
    1.25
    >>> round(linear_factor(2, eps=1e-5), 1)  # rare pairs of nearly equal values: it grows as 1 / sqrt(eps)
    148.9
    """
    n, eps = checked_size("batch_size", batch_size), number("eps", eps, "[0, 1)")
    r = n - 1 if directions is None else whole("directions", directions, minimum=1, maximum=n - 1)
    if eps == 0 and r > 2:
        return (r - 1) / (r - 2)
    if eps == 0:
        return math.inf if r == 2 else 0.0

    def kept(rho: float) -> float:
        return _mean(lambda v: v / (v + eps) / rho, rho, r, eps)

    # What a layer hands on has the variance that it is given.
    rho = float(optimize.brentq(lambda rho: kept(rho) - 1, 1e-9, 1.0, xtol=1e-13))
    return _mean(lambda v: ((r - 1) / (v + eps) + eps**2 / (v + eps) ** 3) / r, rho, r, eps)


def _mean(function: Callable[[float], float], rho: float, r: int, eps: float) -> float:
    """Expectation over the batch variance, in its logarithm, where the integrand is smooth at eps, too."""

    # The density of log v: chi-square with r degrees of freedom, written about its peak.
    peak, sd = math.log(rho), math.sqrt(2 / r)
    height = r / 2 * math.log(r / 2) - r / 2 - math.lgamma(r / 2)

    def integrand(log_v: float) -> float:
        u = log_v - peak
        return function(math.exp(log_v)) * math.exp(height + r / 2 * (u - math.expm1(u)))

    low, high, bend = min(-60.0, math.log(eps) - 36), 12.0, math.log(eps)
    points = sorted({min(high, max(low, at)) for at in (bend - 6, bend, bend + 6, peak - 8 * sd, peak, peak + 8 * sd)})
    return float(integrate.quad(integrand, low, high, limit=500, points=points)[0])


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


def wide_limit(recipe: Recipe, batch_size: int, directions: int | None) -> float:
    """Return the limit of the factor per layer as layers become wide, and many; nan where it is not known.

    Without normalization it is known of linear layers; with ReLU it depends on the data.

    Parameters
    ----------
    recipe : Recipe
    batch_size : int
    directions : int or None
        What every batch spans about its mean; None if that differs from batch to batch.
    """
    if recipe.activation == "linear" and recipe.normalizer.name == "none":
        return 1.0
    eps = recipe.convention.eps
    if not is_linear_batch_norm(recipe) or not directions or eps >= 1:
        return math.nan
    return linear_factor(batch_size, eps, directions)


def is_linear_batch_norm(recipe: Recipe) -> bool:
    """Return whether layers are linear but for batch normalization, so that the directions of a batch count."""
    return recipe.activation == "linear" and recipe.normalizer.name == "batch"

"""Growth of squared gradient norms from layer to layer at initialization, in the limit of wide layers.

Let r be the number of directions that the n rows of a batch span about their mean. With linear activation, the squared
norm grows per layer toward the input by (r - 1) / (r - 2) with batch normalization (Yang et al. 2019, arXiv 1902.08129,
for r = n - 1), and by 1 without. The formula below includes eps, so that it holds for r = 1 and r = 2, too, where the
factor depends on eps alone.

No network of finite width has these factors. Each layer adds random differences between the directions, and the next
layer shrinks these differences by r / (r + 2) only. In layers of w units the factor is lower by about 0.1 n / w. With n
near r, the rows of the data are themselves more spread out in some directions than in others.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import integrate, optimize

from bnstats._checks.numbers import batch_size as checked_size
from bnstats._checks.numbers import number, whole
from bnstats.networks.normalizers.batch import Batch
from bnstats.networks.normalizers.no_norm import NoNorm
from bnstats.networks.recipe import Recipe

RELU_LIMIT = math.pi / (math.pi - 1)
"""Limit, for large batches, of the growth per layer with batch normalization and ReLU: 1.467."""


def linear_factor(batch_size: int, eps: float = 0.0, directions: int | None = None) -> float:
    """Return the growth of a squared gradient norm per wide linear layer with batch normalization.

    The rows about their mean are spread out equally in r directions. A unit's values are normal with a batch variance
    v = rho chi²(r) / r, where rho = E[v / s²] and s² = v + eps. Weights change values in r directions. Of these, r - 1
    pass the gradient with a factor of 1 / s², and the direction of the values themselves with (eps / s²)² / s². The
    growth is their average, ((r - 1) E[1 / s²] + E[eps² / s^6]) / r.

    Parameters
    ----------
    batch_size : int
        Rows n in each batch, at least 2.
    eps : float
        eps of batch normalization, relative to the variance of the values in a layer whose weights have variance
        1 / inputs. It is below 1: from 1 on, values vanish layer by layer.
    directions : int, optional
        Number of directions r, from 1 to n - 1; by default n - 1.

    Returns
    -------
    float
        Factor per layer toward the input; inf for r = 2 without eps.

    Raises
    ------
    ValueError
        If an argument is out of range.

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

    def variance_ratio(rho: float) -> float:
        return _mean(lambda v: v / (v + eps) / rho, rho, r, eps)

    # The variance of a layer's outputs is that of its inputs.
    rho = float(optimize.brentq(lambda rho: variance_ratio(rho) - 1, 1e-9, 1.0, xtol=1e-13))
    return _mean(lambda v: ((r - 1) / (v + eps) + eps**2 / (v + eps) ** 3) / r, rho, r, eps)


def _mean(function: Callable[[float], float], rho: float, r: int, eps: float) -> float:
    """Return an expectation over the batch variance v, integrated over log v to be smooth at eps."""

    # The density of log v for rho chi²(r) / r, written about its peak.
    peak, sd = math.log(rho), math.sqrt(2 / r)
    height = r / 2 * math.log(r / 2) - r / 2 - math.lgamma(r / 2)

    def integrand(log_v: float) -> float:
        u = log_v - peak
        return function(math.exp(log_v)) * math.exp(height + r / 2 * (u - math.expm1(u)))

    low, high, bend = min(-60.0, math.log(eps) - 36), 12.0, math.log(eps)
    points = sorted({min(high, max(low, at)) for at in (bend - 6, bend, bend + 6, peak - 8 * sd, peak, peak + 8 * sd)})
    return float(integrate.quad(integrand, low, high, limit=500, points=points)[0])


def wide_limit(recipe: Recipe, batch_size: int, directions: int | None) -> float:
    """Return the limit of the factor per layer as layers become wide and many; nan if it is not known.

    Without normalization the limit is known for linear layers only; with ReLU it depends on the data.

    Parameters
    ----------
    recipe : Recipe
        Layers and normalizer of the network.
    batch_size : int
        Rows in each batch.
    directions : int or None
        Number of directions that every batch spans about its mean; None if batches differ.

    Returns
    -------
    float
        Factor per layer toward the input, or nan.
    """
    if recipe.activation == "linear" and type(recipe.normalizer) is NoNorm:
        return 1.0
    eps = recipe.convention.eps
    if not is_linear_batch_norm(recipe) or not directions or eps >= 1:
        return math.nan
    return linear_factor(batch_size, eps, directions)


def is_linear_batch_norm(recipe: Recipe) -> bool:
    """Return True if layers are linear except for batch normalization, so that directions matter."""
    return recipe.activation == "linear" and type(recipe.normalizer) is Batch

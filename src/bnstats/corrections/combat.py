"""Parametric ComBat: batch means and variances, shrunken toward their averages over features."""

from __future__ import annotations

from functools import partial

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import whole
from bnstats.corrections.batchwise import check_pairs
from bnstats.corrections.correction import Correction
from bnstats.corrections.groups import Groups
from bnstats.corrections.rules import Rule


def combat(ddof: int = 1) -> Correction:
    """Return parametric ComBat (Johnson, Li & Rabinovic 2007), for two features or more.

    Each feature is standardized by its level and its pooled standard deviation s (ddof 0). In these units the shifts of
    a batch's features have a normal prior and their variances an inverse gamma prior. Both priors are fitted by moments
    over the features. A batch's effect is s times the posterior mean shift, its factor 1 / sqrt(posterior variance).

    With one feature there is no prior to estimate: use `shrink`, which pools information over batches instead.

    Parameters
    ----------
    ddof : {0, 1}
        ddof of the variances that the priors are fitted to: 1 in the article and in R's sva, 0 in pyComBat and InMoose.

    Returns
    -------
    Correction
        Does not apply to new batches, as each batch has a prior of its own. Its fit takes x of shape (rows, features).

    Raises
    ------
    ValueError
        If ddof is neither 0 nor 1.

    Examples
    --------
    >>> x = [[1.0, 2.0], [3.0, 5.0], [5.0, 5.0], [9.0, 6.0]]
    >>> combat()(x, ["a", "a", "b", "b"]).round(2)
    array([[3.4 , 3.68],
           [4.95, 5.75],
           [3.31, 3.8 ],
           [6.33, 4.7 ]])
    """
    ddof = whole("ddof", ddof, minimum=0, maximum=1)
    return Correction.made_by(combat, "batch", False, _combat, ("affine",), ddof=ddof)


def _combat(groups: Groups, ddof: int) -> Rule:
    if groups.mean.shape[1] < 2:
        raise ValueError(
            "combat estimates the law of a batch's effects over its features, but x has one feature: give x of shape "
            "(rows, features), or use 'shrink' or 'random_intercept', which pool information over batches."
        )
    check_pairs(groups)
    sd = np.sqrt(groups.m2.sum(axis=0) / groups.n.sum())
    if (sd == 0).any():
        raise ValueError(f"{groups.features(sd == 0)} does not vary within any batch: drop it.")
    return partial(_adjusted, level=groups.level, sd=sd, ddof=ddof)


def _adjusted(groups: Groups, level: FloatArray, sd: FloatArray, ddof: int) -> tuple[FloatArray, FloatArray]:
    check_pairs(groups)
    shift, var = (groups.mean - level) / sd, groups.m2 / sd**2 / (groups.n - ddof)
    prior_shift, prior_spread = shift.mean(axis=1, keepdims=True), shift.var(axis=1, ddof=ddof, keepdims=True)
    mean, spread = var.mean(axis=1, keepdims=True), var.var(axis=1, ddof=ddof, keepdims=True)
    alike = (spread == 0).any(axis=1)
    if alike.any():
        raise ValueError(
            f"{groups.named(alike)} has the same variance in every feature, so no prior can be fitted: use 'shrink'."
        )
    shape, rate = 2 + mean**2 / spread, mean + mean**3 / spread
    posterior = var
    for _ in range(1000):
        moved = (groups.n * prior_spread * shift + posterior * prior_shift) / (groups.n * prior_spread + posterior)
        squares = groups.m2 / sd**2 + groups.n * (shift - moved) ** 2
        last, posterior = posterior, (squares / 2 + rate) / (groups.n / 2 + shape - 1)
        if (np.abs(posterior - last) <= 1e-12 * posterior).all():
            break
    return moved * sd, 1 / np.sqrt(posterior)

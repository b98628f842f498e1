"""Parametric ComBat: batch means and variances, shrunken toward their averages over features."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import whole
from bnstats._checks.values import flag, shown
from bnstats.corrections.batchwise import check_pairs, only_varying
from bnstats.corrections.correction import Correction
from bnstats.corrections.groups import Groups
from bnstats.corrections.rules import AffineRule, CorrectionRule


def combat(ddof: int = 1, *, mean_only: bool = False) -> Correction:
    """Return parametric ComBat (Johnson, Li & Rabinovic 2007), for two features or more.

    Each feature is standardized by its level and its pooled standard deviation s (ddof 0). In these units the shifts of
    a batch's features have a normal prior and their variances an inverse gamma prior. Both priors are fitted by moments
    over the features. A batch's effect is s times the posterior mean shift, its factor 1 / sqrt(posterior variance).

    Covariates that are kept are part of the level. With a reference batch, level and s are those of the reference.
    A feature without variance within batches is left as it is, and a warning names it.

    With one feature there is no prior to estimate: use `shrink`, which pools information over batches instead.

    Parameters
    ----------
    ddof : {0, 1}
        ddof of the variances that the priors are fitted to: 1 in the article and in R's sva, 0 in pyComBat and InMoose.
    mean_only : bool
        True to correct means alone. Variances are then taken as equal, and, as in sva, the precision of a batch's shift
        as that of one row, whatever the batch's size.

    Returns
    -------
    Correction
        Does not apply to new batches, as each batch has a prior of its own. Its fit takes x of shape (rows, features).

    Raises
    ------
    ValueError
        If ddof is neither 0 nor 1, or mean_only is neither True nor False.

    Examples
    --------
    >>> x = [[1.0, 2.0], [3.0, 5.0], [5.0, 5.0], [9.0, 6.0]]
    >>> combat()(x, ["a", "a", "b", "b"]).round(2)
    array([[3.4 , 3.68],
           [4.95, 5.75],
           [3.31, 3.8 ],
           [6.33, 4.7 ]])
    """
    ddof, mean_only = whole("ddof", ddof, minimum=0, maximum=1), flag("mean_only", mean_only)
    return Correction.made_by(combat, "batch", False, _combat, ("affine",), ddof=ddof, mean_only=mean_only)


def _combat(groups: Groups, ddof: int, mean_only: bool) -> CorrectionRule:
    if not mean_only:
        check_pairs(groups)
    return only_varying(groups, partial(_of_varying, ddof=ddof, mean_only=mean_only))


def _of_varying(groups: Groups, ddof: int, mean_only: bool) -> AffineRule:
    if groups.mean.shape[1] < 2:
        raise ValueError(
            "combat estimates the law of a batch's effects over its features, but x has one feature that varies: give "
            "x of shape (rows, features), or use 'shrink' or 'random_intercept', which pool information over batches."
        )
    level, n, m2, label = groups.level, groups.n, groups.m2, None
    if groups.reference is not None:
        label, level = groups.labels[groups.reference], groups.mean[groups.reference]
        n, m2 = n[[groups.reference]], m2[[groups.reference]]
    sd = np.sqrt(m2.sum(axis=0) / n.sum(axis=0))
    if (sd == 0).any():
        where = "any batch" if label is None else f"the reference batch {shown(label)}"
        raise ValueError(f"{groups.features(sd == 0)} does not vary within {where}: drop it.")
    above = groups.level - level
    return partial(_adjusted, level=level, above=above, sd=sd, ddof=ddof, mean_only=mean_only, reference=label)


def _adjusted(
    groups: Groups, level: FloatArray, above: FloatArray, sd: FloatArray, ddof: int, mean_only: bool, reference: Any
) -> tuple[FloatArray, FloatArray]:
    shift = (groups.mean - level) / sd
    prior = shift.mean(axis=1, keepdims=True), shift.var(axis=1, ddof=ddof, keepdims=True)
    if mean_only:
        moved, var = (prior[1] * shift + prior[0]) / (prior[1] + 1), np.ones_like(shift)
    else:
        moved, var = _posterior(groups, shift, sd, prior, ddof, reference)
    effects, factors = moved * sd, 1 / np.sqrt(var)
    if reference is not None:  # rows are scaled about its mean, which the mean of all rows is above
        effects += above * (1 / factors - 1)
        same = groups.labels == reference
        effects[same], factors[same] = 0.0, 1.0
    return effects, factors


def _posterior(
    groups: Groups,
    shift: FloatArray,
    sd: FloatArray,
    prior: tuple[FloatArray, FloatArray],
    ddof: int,
    reference: Any,
) -> tuple[FloatArray, FloatArray]:
    """Return the posterior means of shifts and variances, of which each depends on the other.

    In units of the reference batch, its own variances are all 1 but for rounding; nobody uses its posterior.
    """
    check_pairs(groups)
    var, (prior_shift, prior_spread) = groups.m2 / sd**2 / (groups.n - ddof), prior
    mean, spread = var.mean(axis=1, keepdims=True), var.var(axis=1, ddof=ddof, keepdims=True)
    same = np.zeros(len(groups.labels), dtype=bool) if reference is None else groups.labels == reference
    spread[same] = 1.0
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
    return moved, posterior

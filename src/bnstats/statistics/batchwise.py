"""Corrections batch by batch: by a batch's own mean and variance, or by what all batches together make of them.

The model is x = level + effect of the batch + the rest, with variance tau² between batches and sigma² within.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.tools.sm_exceptions import ConvergenceWarning

from bnstats.statistics.fitting import Correction, Rule
from bnstats.statistics.groups import Array, Groups


def none() -> Correction:
    """Leaves values as they are: what every correction is compared with."""
    return Correction.made_by(none, "batch", True, _no_rule)


def center() -> Correction:
    """Subtracts what the batch's mean differs from the mean of all rows: batch means become equal.

    Leaves the error variance sigma²/n of a batch mean of n, whatever tau² is, and takes with it any signal that differs
    between batches. Warns of batches of one row, of which nothing is left.
    """
    return Correction.made_by(center, "batch", False, _center)


def standardise() -> Correction:
    """Centres, and scales each batch to the pooled within-batch standard deviation.

    x' = level + (x - mean_b) s / s_b with s_b² of the batch (ddof 1) and s² = sum (n_b - 1) s_b² / sum (n_b - 1), so
    units are kept. A batch of one row or of equal values is an error.
    """
    return Correction.made_by(standardise, "batch", False, _standardise)


def shrink(icc: float | None = None) -> Correction:
    """Subtracts the empirical-Bayes estimate of the batch's effect: its mean, shrunken to that of all batches.

    effect_b = B_b (mean_b - mu), B_b = n_b icc / (1 + (n_b - 1) icc) = tau² / (tau² + sigma²/n_b), icc = tau² / (tau² +
    sigma²), mu the average of batch means with weights B_b. Effects are moved by a constant so that the mean of all
    rows stays. The error variance left is tau² (sigma²/n) / (tau² + sigma²/n): never above that of centring (icc=1) or
    of doing nothing (icc=0), where the effects are random and of the variance assumed.

    Parameters
    ----------
    icc : float in [0, 1], optional
        Intraclass correlation; by default estimated by the one-way random-effects analysis of variance (Searle, Casella
        & McCulloch 1992), which is REML for batches of equal size.

    Examples
    --------
    >>> x, batch = [1.0, 3.0, 5.0, 7.0], [0, 0, 1, 1]
    >>> shrink(icc=0.5).fit(x, batch).effect([0, 1])
    array([-1.33333333,  1.33333333])
    """
    return Correction.made_by(shrink, "batch", True, _shrink, icc=_checked(icc))


def shrink_scale(icc: float | None = None) -> Correction:
    """Shrinks batch means as `shrink` does, and scales batches by their shrunken variances to the pooled one within.

    Batch variances are shrunken under a scaled inverse chi-squared prior, fitted by moments of log s² (Smyth 2004). No
    fitted batch may have one row or equal values; a new one may.
    """
    return Correction.made_by(shrink_scale, "batch", True, _shrink_scale, icc=_checked(icc))


def random_intercept() -> Correction:
    """Subtracts the best linear unbiased prediction of a random intercept: `shrink`, with REML by statsmodels' MixedLM.

    Some hundred times slower than `shrink`; the two differ where batch sizes do.
    """
    return Correction.made_by(random_intercept, "batch", True, _random_intercept)


def centred(rule: Callable[[Groups], Array], groups: Groups) -> Rule:
    """A rule of effects that average 0 over the rows of `groups`, so that the mean of all rows stays; factors are 1."""
    return partial(_shifted, rule=rule, shift=groups.average(rule(groups)))


def anova_icc(groups: Groups) -> Array:
    """Intraclass correlation of each feature, by the one-way random-effects analysis of variance.

    tau² = max(0, (MSB - MSW) / n0) with n0 = (N - sum n_b² / N) / (k - 1).
    """
    _need_two(groups)
    rows, between = groups.n.sum(), len(groups.n) - 1
    within = groups.var_within()
    n0 = (rows - (groups.n**2).sum() / rows) / between
    tau2 = np.maximum((groups.n * (groups.mean - groups.level) ** 2).sum(axis=0) / between - within, 0) / n0
    icc: Array = np.divide(tau2, tau2 + within, out=np.zeros_like(tau2), where=tau2 > 0)
    return icc


def check_pairs(groups: Groups) -> None:
    """Raise ValueError naming the batches of one row, which have no variance."""
    lone = groups.n[:, 0] == 1
    if lone.any():
        raise ValueError(f"{groups.named(lone)} has one row, so no variance: merge it with another, or use 'shrink'.")


def _shifted(groups: Groups, rule: Callable[[Groups], Array], shift: Array) -> tuple[Array, Array]:
    effects = rule(groups) - shift
    return effects, np.ones_like(effects)


def _no_rule(_: Groups) -> Rule:
    return _no_effects


def _no_effects(groups: Groups) -> tuple[Array, Array]:
    return np.zeros_like(groups.mean), np.ones_like(groups.mean)


def _center(groups: Groups) -> Rule:
    return partial(_centering, level=groups.level)


def _centering(groups: Groups, level: Array) -> tuple[Array, Array]:
    lone = groups.n[:, 0] == 1
    if lone.any():
        warnings.warn(f"{groups.named(lone)} has one row: centred, nothing of it is left.", stacklevel=4)
    return groups.mean - level, np.ones_like(groups.mean)


def _standardise(groups: Groups) -> Rule:
    _check_spread(groups)
    return partial(_standardising, level=groups.level, within=groups.var_within())


def _standardising(groups: Groups, level: Array, within: Array) -> tuple[Array, Array]:
    _check_spread(groups)
    return groups.mean - level, np.sqrt(within * (groups.n - 1) / groups.m2)


def _checked(icc: float | None) -> float | None:
    if icc is not None and not 0 <= icc <= 1:
        raise ValueError(f"icc is a share of variance, from 0 to 1, or None to estimate it; got {icc}.")
    return icc


def _shrink(groups: Groups, icc: float | None) -> Rule:
    return _shrunken(groups, anova_icc(groups) if icc is None else np.full(groups.mean.shape[1], float(icc)))


def _shrink_scale(groups: Groups, icc: float | None) -> Rule:
    rule, prior = _shrink(groups, icc), _variance_prior(groups)
    return partial(_rescaled, rule=rule, prior=prior, within=groups.var_within())


def _shrunken(groups: Groups, icc: Array) -> Rule:
    _need_two(groups)
    weights = groups.n / (1 + (groups.n - 1) * icc)
    mu = (weights * groups.mean).sum(axis=0) / weights.sum(axis=0)
    return centred(partial(_predicted, icc=icc, mu=mu), groups)


def _predicted(groups: Groups, icc: Array, mu: Array) -> Array:
    return np.asarray(groups.n * icc / (1 + (groups.n - 1) * icc) * (groups.mean - mu))


def _rescaled(groups: Groups, rule: Rule, prior: tuple[Array, Array], within: Array) -> tuple[Array, Array]:
    freedom, var = prior
    known = np.isfinite(freedom)
    weight = np.where(known, freedom, 1.0)
    posterior = np.where(known, (weight * var + groups.m2) / (weight + groups.n - 1), var)
    return rule(groups)[0], np.sqrt(within / posterior)


def _variance_prior(groups: Groups) -> tuple[Array, Array]:
    """Degrees of freedom and variance of the prior of batch variances: inf and the pooled one where they are alike."""
    _check_spread(groups)
    spare = groups.n - 1
    logs = np.log(groups.m2 / spare) - digamma(spare / 2) + np.log(spare / 2)
    excess = logs.var(axis=0, ddof=1) - polygamma(1, spare / 2).mean()
    half = _inverse_trigamma(np.where(excess > 0, excess, 1.0))
    var = np.exp(logs.mean(axis=0) + digamma(half) - np.log(half))
    return np.where(excess > 0, 2 * half, np.inf), np.where(excess > 0, var, groups.var_within())


def _inverse_trigamma(value: Array) -> Array:
    y = 0.5 + 1 / value
    for _ in range(20):  # Newton's method on 1 / trigamma, which is convex: converges from this side (Smyth 2004)
        trigamma = polygamma(1, y)
        y = y + trigamma * (1 - trigamma / value) / polygamma(2, y)
    return np.asarray(y)


def _random_intercept(groups: Groups) -> Rule:
    anova = anova_icc(groups)
    columns = zip(groups.x.T, anova, groups.var_within(), strict=True)
    return _shrunken(groups, np.array([_reml_icc(x, groups.index) if var > 0 else icc for x, icc, var in columns]))


def _reml_icc(x: Array, index: NDArray[np.intp]) -> float:
    x = (x - x.mean()) / x.std()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of tau² = 0, which is an estimate like any other
        # Gradients vanish at tau² = 0, where the default optimisers stop short or fail; Powell's method has none.
        fitted = MixedLM(x, np.ones((len(x), 1)), groups=index).fit(reml=True, method="powell")
    tau2 = float(np.asarray(fitted.cov_re)[0, 0])
    return tau2 / (tau2 + float(fitted.scale))


def _need_two(groups: Groups) -> None:
    if len(groups.n) < 2:
        raise ValueError(
            f"{groups.named(groups.n[:, 0] > 0)} is the only one: variance between batches takes two; use 'none'."
        )


def _check_spread(groups: Groups) -> None:
    check_pairs(groups)
    equal = (groups.m2 <= groups.n * (groups.n * np.finfo(float).eps * groups.mean) ** 2).any(axis=1)
    if equal.any():
        raise ValueError(f"{groups.named(equal)} holds equal values only, which no scale makes vary: use 'center'.")

"""Corrections of each batch by its mean and variance, shrunken toward those of all batches.

The model is x = level + effect of the batch + residual, with variance tau² between batches and sigma² within. With
covariates, their slopes are those of generalized least squares, given tau² and sigma².
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import number
from bnstats.corrections.batchwise import check_pairs, check_spread, only_varying
from bnstats.corrections.correction import Correction
from bnstats.corrections.covariates.mixed import independent, mixed_model
from bnstats.corrections.groups import Groups
from bnstats.corrections.properties import PLAIN
from bnstats.corrections.rules import AffineRule, CorrectionRule, centered


def shrink(icc: float | None = None) -> Correction:
    """Return the correction that subtracts the empirical-Bayes estimate of each batch's effect.

    effect_b = B_b (mean_b - mu) shrinks a batch's mean toward mu, the average of batch means with weights B_b. Here
    B_b = n_b icc / (1 + (n_b - 1) icc) = tau² / (tau² + sigma²/n_b) and icc = tau² / (tau² + sigma²). All effects are
    shifted by a constant that keeps the mean of all rows.

    The error variance left is tau² (sigma²/n) / (tau² + sigma²/n) if effects are random with the assumed variance. It
    is never above that of centering (icc=1) or of no correction (icc=0).

    Parameters
    ----------
    icc : float in [0, 1], optional
        Intraclass correlation; by default estimated by the one-way random-effects analysis of variance (Searle, Casella
        & McCulloch 1992), which is REML for batches of equal size.

    Returns
    -------
    Correction
        Applies to new batches. Its fit raises ValueError for a single batch, and for batches of one row without `icc`.

    Raises
    ------
    ValueError
        If icc is not between 0 and 1.

    Examples
    --------
    >>> x, batch = [1.0, 3.0, 5.0, 7.0], [0, 0, 1, 1]
    >>> shrink(icc=0.5).fit(x, batch).effect([0, 1])
    array([-1.33333333,  1.33333333])
    """
    return Correction.made_by(shrink, "batch", True, _shrink, (*PLAIN, "shrinks"), icc=_checked(icc))


def shrink_scale(icc: float | None = None) -> Correction:
    """Return the correction that shrinks batch means as `shrink` does, and batch variances, too.

    Each batch is scaled from its shrunken variance to the pooled variance within batches. Variances are shrunken under
    a scaled inverse chi-squared prior, fitted by moments of log s² (Smyth 2004).

    Parameters
    ----------
    icc : float in [0, 1], optional
        Intraclass correlation, as in `shrink`.

    Returns
    -------
    Correction
        Applies to new batches. Its fit raises ValueError for a batch of one row or of equal values, which new batches
        may have. A feature that varies in no batch is left as it is, and a warning names it.

    Raises
    ------
    ValueError
        If icc is not between 0 and 1.

    Examples
    --------
    >>> shrink_scale(icc=0.5)([1.0, 3.0, 10.0, 30.0], ["a", "a", "b", "b"]).round(2)
    array([-2.03,  4.48,  4.37, 23.32])
    """
    return Correction.made_by(
        shrink_scale, "batch", True, _shrink_scale, ("affine", "by_feature", "shrinks"), icc=_checked(icc)
    )


def random_intercept() -> Correction:
    """Return the correction that subtracts the best linear unbiased prediction of a random intercept.

    It is `shrink` with the REML estimate of the intraclass correlation, by statsmodels' MixedLM. It is about a hundred
    times slower than `shrink`. The two corrections differ only if batch sizes differ.

    Returns
    -------
    Correction
        Applies to new batches.

    Examples
    --------
    >>> random_intercept()([1.0, 3.0, 5.0, 7.0, 9.0], ["a", "a", "b", "b", "b"]).round(2)
    array([3.67, 5.67, 3.22, 5.22, 7.22])
    """
    return Correction.made_by(random_intercept, "batch", True, _random_intercept, (*PLAIN, "shrinks"))


def anova_icc(groups: Groups) -> FloatArray:
    """Return each feature's intraclass correlation by the one-way random-effects analysis of variance.

    tau² = max(0, (MSB - MSW) / n0) with n0 = (N - sum n_b² / N) / (k - 1) for k batches of N rows in all. With
    covariates, MSB is that of batches after covariates, and n0 its coefficient of tau² (Henderson 1953, method 3).
    """
    _need_two(groups)
    rows, between = groups.n.sum(), len(groups.n) - 1
    within, mean = groups.var_within(), groups.level
    squares, n0 = (groups.n * (groups.mean - mean) ** 2).sum(axis=0), (rows - (groups.n**2).sum() / rows) / between
    if groups.covariates.size:
        z = groups.covariates - groups.covariates.mean(axis=0)
        sums = groups.n * (groups.covariate_means - groups.covariates.mean(axis=0))
        inverse, moved = np.linalg.pinv(z.T @ z), sums.T @ (groups.mean - mean)
        squares = squares - (moved * (inverse @ moved)).sum(axis=0)
        n0 = n0 - np.trace(inverse @ sums.T @ sums) / between
    tau2 = np.maximum(squares / between - within, 0) / n0
    icc: FloatArray = np.divide(tau2, tau2 + within, out=np.zeros_like(tau2), where=tau2 > 0)
    return icc


def _checked(icc: float | None) -> float | None:
    if icc is not None and not 0 <= number("icc", icc) <= 1:
        raise ValueError(f"icc is a proportion of variance, from 0 to 1, or None to estimate it; got {icc}.")
    return icc


def _shrink(groups: Groups, icc: float | None) -> AffineRule:
    return _shrunken(groups, anova_icc(groups) if icc is None else np.full(groups.mean.shape[1], float(icc)))


def _shrink_scale(groups: Groups, icc: float | None) -> CorrectionRule:
    check_pairs(groups)
    return only_varying(groups, partial(_of_varying, icc=icc))


def _of_varying(groups: Groups, icc: float | None) -> AffineRule:
    rule, prior = _shrink(groups, icc), _variance_prior(groups)
    return partial(_rescaled, rule=rule, prior=prior, within=groups.var_within())


def _shrunken(groups: Groups, icc: FloatArray) -> AffineRule:
    _need_two(groups)
    weights = groups.n / (1 + (groups.n - 1) * icc)
    slopes = _slopes(groups, weights, icc) if groups.covariates.size else None
    mu = (weights * _less_covariates(groups, slopes)).sum(axis=0) / weights.sum(axis=0)
    return centered(partial(_predicted, icc=icc, mu=mu, slopes=slopes), groups)


def _predicted(groups: Groups, icc: FloatArray, mu: FloatArray, slopes: FloatArray | None) -> FloatArray:
    return np.asarray(groups.n * icc / (1 + (groups.n - 1) * icc) * (_less_covariates(groups, slopes) - mu))


def _less_covariates(groups: Groups, slopes: FloatArray | None) -> FloatArray:
    return groups.mean if slopes is None else groups.mean - groups.covariate_means @ slopes


def _slopes(groups: Groups, weights: FloatArray, icc: FloatArray) -> FloatArray:
    """Return the slopes by generalized least squares less those within batches, shape (columns, features)."""
    z, means = groups.covariates, groups.covariate_means
    inside = z - means[groups.index]
    shares = weights / weights.sum(axis=0)
    about = means[:, :, None] - (means.T @ shares)[None]  # (groups, columns, features)
    given = (1 - icc) * weights
    matrix = (inside.T @ inside)[None] + np.einsum("bf,bif,bjf->fij", given, about, about)
    moved = np.einsum("bf,bif,bf->fi", given, about, groups.mean - (shares * groups.mean).sum(axis=0))
    return np.asarray((np.linalg.pinv(matrix, hermitian=True) @ moved[:, :, None])[:, :, 0].T)


def _rescaled(
    groups: Groups, rule: AffineRule, prior: tuple[FloatArray, FloatArray], within: FloatArray
) -> tuple[FloatArray, FloatArray]:
    freedom, var = prior
    known = np.isfinite(freedom)
    weight = np.where(known, freedom, 1.0)
    posterior = np.where(known, (weight * var + groups.m2) / (weight + groups.n - 1), var)
    return rule(groups)[0], np.sqrt(within / posterior)


def _variance_prior(groups: Groups) -> tuple[FloatArray, FloatArray]:
    """Return degrees of freedom (inf without excess) and variance of the prior of batch variances."""
    check_spread(groups)
    spare = groups.n - 1
    logs = np.log(groups.m2 / spare) - digamma(spare / 2) + np.log(spare / 2)
    excess = logs.var(axis=0, ddof=1) - polygamma(1, spare / 2).mean()
    half = _inverse_trigamma(np.where(excess > 0, excess, 1.0))
    var = np.exp(logs.mean(axis=0) + digamma(half) - np.log(half))
    return np.where(excess > 0, 2 * half, np.inf), np.where(excess > 0, var, groups.var_within())


def _inverse_trigamma(value: FloatArray) -> FloatArray:
    y = 0.5 + 1 / value
    for _ in range(20):  # Newton's method on the convex 1 / trigamma converges from this side (Smyth 2004)
        trigamma = polygamma(1, y)
        y = y + trigamma * (1 - trigamma / value) / polygamma(2, y)
    return np.asarray(y)


def _random_intercept(groups: Groups) -> CorrectionRule:
    anova = anova_icc(groups)
    columns, fixed = zip(groups.x.T, anova, groups.var_within(), strict=True), np.ones((len(groups.x), 1))
    if groups.covariates.size:
        fixed = np.column_stack([fixed, independent(groups.covariates)])
    icc = [_reml_icc(x, groups.index, fixed) if var > 0 else icc for x, icc, var in columns]
    return _shrunken(groups, np.array(icc))


def _reml_icc(x: FloatArray, index: NDArray[np.intp], fixed: FloatArray) -> float:
    fitted = mixed_model(x, fixed, index)
    tau2 = float(np.asarray(fitted.cov_re)[0, 0])
    return tau2 / (tau2 + float(fitted.scale))


def _need_two(groups: Groups) -> None:
    if len(groups.n) < 2:
        raise ValueError(
            f"{groups.named(groups.n[:, 0] > 0)} is the only one: variance between batches needs two batches; use "
            "'none'."
        )

"""Estimators that are functions of a batch's mean and variance."""

from __future__ import annotations

from functools import partial

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import interval
from bnstats.statistics.estimator_theory import MEAN, STD, VAR, VAR_UNBIASED, theory_of_fresh, theory_of_inv_std
from bnstats.statistics.estimators.estimator import Estimator, Fresh
from bnstats.statistics.moments import Moments

# Estimators are sent to other processes, so their functions have names: lambdas cannot be pickled.


def _mean(moments: Moments, _: Fresh) -> FloatArray:
    return moments.mean


def _var(moments: Moments, _: Fresh) -> FloatArray:
    return moments.var()


def _var_unbiased(moments: Moments, _: Fresh) -> FloatArray:
    return moments.var(ddof=1)


def _std(moments: Moments, _: Fresh) -> FloatArray:
    return np.sqrt(moments.biased_var)


def _inv_std(moments: Moments, _: Fresh, eps: float) -> FloatArray:
    with np.errstate(divide="ignore"):
        return 1 / np.sqrt(moments.biased_var + eps)


def _fresh_normalized(moments: Moments, fresh: Fresh, eps: float) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):  # for a batch of equal values with eps = 0
        return (fresh() - moments.mean) / np.sqrt(moments.biased_var + eps)


_eps = interval("[0, inf)", "a number that is added to a variance")


@checked(eps=_eps)
def inv_std(eps: float = 1e-5) -> Estimator:
    """Return the estimator 1 / sqrt(var + eps), the scale factor of batch normalization.

    Parameters
    ----------
    eps : float
        Number added to the biased variance, at least 0, in the data's unit squared.

    Returns
    -------
    Estimator
        The estimator, in one over the data's unit.

    Raises
    ------
    ValueError
        If `eps` is negative or not finite.

    Examples
    --------
    >>> inv_std(eps=0.0)([1.0, 5.0]).tolist()
    0.5
    """
    theory = theory_of_inv_std(eps)
    return Estimator(
        "inv_std" if eps == 1e-5 else f"inv_std(eps={eps:g})",
        None,
        target=theory.limit,
        order=0,
        averages=2,
        of_moments=partial(_inv_std, eps=eps),
        eps=eps,
        theory=theory,
    )


@checked(eps=_eps)
def fresh_normalized(eps: float = 0.0) -> Estimator:
    """Return the estimator that normalizes a new value by the batch's mean and biased variance.

    The target is 0.

    Parameters
    ----------
    eps : float
        Number added to the variance, at least 0, in the data's unit squared.

    Returns
    -------
    Estimator
        The estimator, without a unit. The new value is not in the batch.

    Raises
    ------
    ValueError
        If `eps` is negative or not finite.

    Examples
    --------
    >>> fresh_normalized().from_moments(Moments.of([1.0, 5.0]), lambda: np.array(7.0)).tolist()
    2.0
    """
    return Estimator(
        "fresh_normalized" if eps == 0 else f"fresh_normalized(eps={eps:g})",
        None,
        target=0.0,
        order=1,
        averages=0,
        of_moments=partial(_fresh_normalized, eps=eps),
        eps=eps,
        theory=theory_of_fresh(eps),
    )


ESTIMATORS = (
    Estimator("mean", None, MEAN.limit, order=1, averages=1, of_moments=_mean, theory=MEAN),
    Estimator("var", None, VAR.limit, order=2, averages=2, of_moments=_var, theory=VAR),
    Estimator("var_unbiased", None, VAR.limit, order=2, averages=2, of_moments=_var_unbiased, theory=VAR_UNBIASED),
    Estimator("std", None, STD.limit, order=1, averages=2, of_moments=_std, theory=STD),
    inv_std(),
    fresh_normalized(),
)

"""Summaries of replicates: each has a value and a Monte Carlo standard error in closed form.

Bias, RMSE and median absolute error summarize the errors, value - target; all other summaries describe the values. The
formulas are those of Morris, White & Crowther (2019, Table 6), with two changes. Errors of standard errors use the
fourth moment of the replicates instead of assuming normality. Roots use the delta method.

An error is 0 only if all possible replicates are known to be equal. If the simulated replicates merely happen to be
equal, other values may be unseen. With 95 % confidence, an event that none of n replicates shows has a probability of
at most 3 / n. The error is the change that such an event would make.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import interval
from bnstats._checks.numbers import probability as checked_probability
from bnstats._checks.user_code import answer
from bnstats._checks.values import flag, function, named, optional, shown, word
from bnstats.simulation.precision import degrees_of_freedom
from bnstats.simulation.replicates.control_variates import LEAST_GAIN
from bnstats.simulation.replicates.histogram import DISTANCES, Histogram
from bnstats.simulation.replicates.sample import Evidence, Sample

# Relative differences of squares below this are rounding errors.
ROUNDING = 1e-12
# The MCSE of a quantile is read from the quantiles this many standard errors of a proportion below and above it.
WIDTH = 2.0
_AT_WIDTH = int(np.flatnonzero(DISTANCES == WIDTH)[0])
SMALLEST_NORMAL = float(np.finfo(np.float64).tiny)


def _df_of_mean(e: Evidence) -> float:
    return degrees_of_freedom.of_mean(e.n, e.skewness, e.kurtosis)


def _df_of_variance(e: Evidence) -> float:
    return _df_of_mean_square(e, 0.0)


def _df_of_rmse(e: Evidence) -> float:
    return _df_of_mean_square(e, e.bias)


def _df_of_mean_square(e: Evidence, mean: float) -> float:
    """Return the degrees of freedom of the mean square of values, shifted so that their mean is `mean`."""
    second = e.central(2)
    square, (low, high) = second + mean**2, (x - e.from_origin + mean for x in e.extremes)
    variance = e.central(4) - second**2 + 4 * mean * e.central(3) + 4 * mean**2 * second  # variance of the squares
    smallest = 0.0 if low <= 0 <= high else min(low**2, high**2)
    largest = max(max(low**2, high**2) - square, square - smallest)
    return degrees_of_freedom.of_largest(e.n, variance, largest)


def _df_of_relative_error(e: Evidence) -> float:
    """Return the smaller degrees of freedom of the two standard errors."""
    model = _df_of_mean_square(e.model_se, e.model_se.mean) if e.model_se else math.nan
    return min(_df_of_variance(e), model)


def _df_of_quantile(e: Evidence, chance: float) -> float:
    return degrees_of_freedom.of_quantile(float(e.n), chance, WIDTH)


def _of_evidence(name: str, given: Any) -> Any:
    return function(name, given, "f(evidence), which returns a number")


@checked(
    name=word,
    value=_of_evidence,
    mcse=_of_evidence,
    order=interval("[0, inf)"),
    scale=optional(_of_evidence),
    histogram=flag,
    at_gap=optional(_of_evidence),
    of_events=flag,
    of_model_se=flag,
    gradient=optional(_of_evidence),
    df=_of_evidence,
)
@dataclass(frozen=True)
class Summary:
    """Number that summarizes replicates.

    Attributes
    ----------
    name : str
        Name in the column `summary`.
    value, mcse : callable (Evidence) -> float
        Value and Monte Carlo standard error, from moments and quantiles of the replicates.
    df : callable (Evidence) -> float
        Degrees of freedom of the MCSE; by default those of the MCSE of a mean.
    order : float
        The MCSE exists if the moment of abs(value) of this order exists.
    scale : callable (Evidence) -> float, optional
        The relative MCSE is the MCSE divided by the scale; by default the scale is the value.
    histogram : bool
        True if the summary needs a histogram of the replicates, besides their moments.
    at_gap : callable (Evidence) -> bool, optional
        True if chance decides between two values far apart. More replicates then reduce the MCSE suddenly or, at a tie,
        never.
    of_events : bool
        True if the summary is the proportion of replicates that are True.
    of_model_se : bool
        True if the summary uses standard errors by a model, see `Study.model_se`.
    gradient : callable (Evidence) -> pair of floats, optional
        Derivatives by the mean and the mean square of value - origin, if the summary is a function of the two. Only
        summaries with a gradient can use control variates.

    Examples
    --------
    The proportion of events has the variance p (1 - p) / n:

    >>> share = Summary("share", lambda e: e.mean, lambda e: (e.central(2) / e.n) ** 0.5, order=2)
    >>> share.name
    'share'
    """

    name: str
    value: Callable[[Evidence], float]
    mcse: Callable[[Evidence], float]
    order: float
    scale: Callable[[Evidence], float] | None = None
    histogram: bool = False
    at_gap: Callable[[Evidence], bool] | None = None
    of_events: bool = False
    of_model_se: bool = False
    gradient: Callable[[Evidence], tuple[float, float]] | None = None
    df: Callable[[Evidence], float] = _df_of_mean

    def _of(self, part: str, evidence: Evidence, kind: Callable[[Any], Any] = float) -> Any:
        """Return what one of the functions returns for these replicates; a user's function fails in a sentence."""
        return answer(f"{part} of summary {self.name!r}", kind, getattr(self, part), evidence)

    def chance_decides(self, evidence: Evidence) -> bool:
        """Return True if `at_gap` is true of these replicates.

        Parameters
        ----------
        evidence : Evidence
            Moments and quantiles of the replicates.

        Returns
        -------
        bool
            True if chance decides between two values far apart.
        """
        return self.at_gap is not None and self._of("at_gap", evidence, bool)

    def of(self, evidence: Evidence) -> tuple[float, float, float]:
        """Return value, MCSE and relative MCSE.

        Parameters
        ----------
        evidence : Evidence
            Moments and quantiles of the replicates.

        Returns
        -------
        tuple of float
            Value, MCSE and relative MCSE; the first two in the unit of the summary.
        """
        with np.errstate(all="ignore"):
            value = self._of("value", evidence)
            if evidence.value_range == 0:
                return value, 0.0, 0.0
            return value, *self._errors(evidence, self._of("mcse", evidence))

    def df_of(self, evidence: Evidence) -> float:
        """Return the degrees of freedom of the MCSE.

        Parameters
        ----------
        evidence : Evidence
            Moments and quantiles of the replicates.

        Returns
        -------
        float
            Degrees of freedom.
        """
        return float(self._of("df", evidence))

    def of_controlled(self, evidence: Evidence) -> tuple[float, float, float] | None:
        """Return value, MCSE and relative MCSE with control variates, by the delta method.

        None if there are no control variates, or if they do not make the number more precise.

        Parameters
        ----------
        evidence : Evidence
            Moments and quantiles of the replicates.

        Returns
        -------
        tuple of float, or None
            Value, MCSE and relative MCSE.
        """
        if self.gradient is None or evidence.controlled is None or not evidence.enough_for_slopes:
            return None
        controlled, covariance = evidence.controlled
        with np.errstate(all="ignore"):
            slope = self._of("gradient", controlled, np.array)
            value, mcse = self._of("value", controlled), float(np.sqrt(slope @ covariance @ slope))
            plain = self._of("mcse", evidence)
            if not (math.isfinite(value) and mcse**2 * LEAST_GAIN < plain**2):
                return None
            return value, *self._errors(controlled, mcse)

    def _errors(self, evidence: Evidence, mcse: float) -> tuple[float, float]:
        """Return the MCSE, and the MCSE divided by the scale."""
        scale = abs(self._of("scale" if self.scale else "value", evidence))
        if mcse == 0:
            return mcse, 0.0
        if math.isnan(mcse):  # fourth powers exceed the largest float
            return math.inf, math.inf
        return mcse, mcse / scale if scale > 0 else np.inf

    def leaving_out(self, sample: Sample, groups: int | None = None) -> FloatArray:
        """Return the value without each group in turn, with control variates if the sample has any.

        The value is NaN without the only group that holds replicates. With fewer `groups` than the sample has, the
        later groups are merged into the first ones in turn.

        Parameters
        ----------
        sample : Sample
            Replicates in independent groups of blocks.
        groups : int, optional
            Number of groups; by default as many as the sample has.

        Returns
        -------
        array, shape (groups,)
            Value without each group, in the unit of the summary.
        """
        evidence = sample.left_out if groups is None else sample.without_each_of(groups)
        if sample.controlled and self.gradient is not None:
            controlled = [e.controlled[0] for e in evidence if e.controlled]
            evidence = controlled if len(controlled) == len(evidence) else evidence
        with np.errstate(all="ignore"):
            return np.array([self._of("value", e) if e.n > 0 else math.nan for e in evidence])


def _mean(e: Evidence) -> float:
    return e.mean


def _bias(e: Evidence) -> float:
    return e.bias


def _mean_mcse(e: Evidence) -> float:
    return e.missed * e.value_range if e.all_equal else _se(e) / math.sqrt(e.n)


def _proportion_mcse(e: Evidence) -> float:
    """Return sqrt(p (1 - p) / n)."""
    return e.missed * e.value_range if e.all_equal else math.sqrt(e.central(2) / e.n)


def _gradient_of_mean(_: Evidence) -> tuple[float, float]:
    return 1.0, 0.0


def _se(e: Evidence) -> float:
    return float(np.sqrt(e.central(2) * e.n / np.float64(e.n - 1)))


def _se_mcse(e: Evidence) -> float:
    """Return the MCSE from Var(s²) = (mu_4 - sigma⁴ (n - 3) / (n - 1)) / n.

    This variance is above 0 for two equally frequent values, too.
    """
    if e.all_equal:
        return math.sqrt(e.missed) * e.value_range
    second = e.central(2)
    if e.central(4) < SMALLEST_NORMAL:  # subnormal floats have fewer digits
        return math.inf
    variance = (e.central(4) - second**2 * (e.n - 3) / (e.n - 1)) / e.n
    return float(np.sqrt(np.maximum(variance, 0.0) / (4 * second)))


def _gradient_of_se(e: Evidence) -> tuple[float, float]:
    return -e.from_origin / _se(e), 1 / (2 * _se(e))


def _rmse(e: Evidence) -> float:
    return float(np.sqrt(e.mean_squared_error))


def _rmse_mcse(e: Evidence) -> float:
    return _root_mean_square_mcse(e, e.bias)


def _root_mean_square_mcse(e: Evidence, mean: float) -> float:
    """Return the MCSE of the root mean square of values, shifted so that their mean is `mean`."""
    second = e.central(2)
    square = second + mean**2
    variance = e.central(4) - second**2 + 4 * mean * e.central(3) + 4 * mean**2 * second  # variance of the squares
    one_size = second > 1e-6 * square and variance <= ROUNDING * square**2
    if e.all_equal or one_size:
        root = float(np.sqrt(square))
        return float(np.sqrt(root**2 + e.missed * ((root + e.value_range) ** 2 - root**2))) - root
    return float(np.sqrt(np.maximum(variance, 0.0) / e.n / (4 * square)))


def _gradient_of_rmse(e: Evidence) -> tuple[float, float]:
    return (e.origin - e.target) / _rmse(e), 1 / (2 * _rmse(e))


def _root_mean(e: Evidence) -> float:
    return float(np.sqrt(e.mean))


def _root_mean_mcse(e: Evidence) -> float:
    root = _root_mean(e)
    if e.all_equal:
        return float(np.sqrt(e.mean + e.missed * e.value_range)) - root
    return _mean_mcse(e) / (2 * root)


def _gradient_of_root_mean(e: Evidence) -> tuple[float, float]:
    return 1 / (2 * _root_mean(e)), 0.0


def _model_se(e: Evidence) -> float:
    """Return the root of the mean squared standard error by the model."""
    return float(np.sqrt(e.model_se.mean_square)) if e.model_se else math.nan


def _model_ratio(e: Evidence) -> float:
    return float(np.divide(_model_se(e), _se(e)))


def _relative_error(e: Evidence) -> float:
    return _model_ratio(e) - 1


def _relative_error_mcse(e: Evidence) -> float:
    """Return the MCSE of the ratio of two standard errors, as if the two were independent."""
    if e.model_se is None or e.all_equal or e.model_se.all_equal:
        return math.inf
    error_of_model = _root_mean_square_mcse(e.model_se, e.model_se.mean)
    return _model_ratio(e) * math.hypot(error_of_model / _model_se(e), _se_mcse(e) / _se(e))


def _quantile(e: Evidence, chance: float) -> float:
    return e.values.around(chance)[0] + e.origin


def _median_abs_error(e: Evidence) -> float:
    return e.magnitudes.around(0.5)[0] if math.isfinite(e.target) else abs(e.bias)


def _quantile_mcse(e: Evidence, histogram: Callable[[Evidence], Histogram], chance: float) -> float:
    """Return a quarter of the distance of the quantiles two standard errors of a proportion away.

    An interval of 95 % is then as wide as Woodruff's (1952), except for the t law. If a quantile two standard errors
    away lies beyond all replicates, they do not bound it, and the error is infinite. Between atoms the quantiles jump:
    a jump k standard errors of a proportion away counts with a k-th of its size. If an atom holds all quantiles within
    five standard errors, the quantile is that atom.
    """
    away = math.sqrt(
        e.n * min(chance / (1 - chance), (1 - chance) / chance)
    )  # distance of the nearer end, in standard errors
    if away <= WIDTH * (1 + ROUNDING):
        return math.inf
    replicates = histogram(e)
    center, lower, upper = replicates.around(chance)
    mcse = float(upper[_AT_WIDTH] - lower[_AT_WIDTH]) / (2 * WIDTH)
    if replicates.atoms.size:
        mcse = max(mcse, float(np.max(np.maximum(upper - center, center - lower) / DISTANCES)))
    return e.value_range if mcse == 0 and away <= DISTANCES[-1] else mcse


def _between_atoms(e: Evidence, histogram: Callable[[Evidence], Histogram], chance: float) -> bool:
    """Return True if a value near the quantile is an atom, and another value near it differs."""
    replicates = histogram(e)
    if not replicates.atoms.size:
        return False
    center, lower, upper = replicates.around(chance)
    near = (center, lower[-1], upper[-1])
    return bool(lower[-1] < upper[-1] and np.isin(near, replicates.atoms).any())


def _values(e: Evidence) -> Histogram:
    return e.values


def _magnitudes(e: Evidence) -> Histogram:
    return e.magnitudes


def _of_quantile(
    name: str, value: Callable[[Evidence], float], histogram: Callable[[Evidence], Histogram], chance: float
) -> Summary:
    of: dict[str, Any] = {"histogram": histogram, "chance": chance}
    mcse, at_gap = partial(_quantile_mcse, **of), partial(_between_atoms, **of)
    df = partial(_df_of_quantile, chance=chance)
    return Summary(name, value, mcse, order=0, histogram=True, at_gap=at_gap, df=df)


@checked(probability=checked_probability)
def quantile(probability: float) -> Summary:
    """Return the summary that is a quantile of the replicates.

    Parameters
    ----------
    probability : float
        Probability below the quantile, above 0 and below 1.

    Returns
    -------
    Summary
        An entry for `Study.summaries`, named after the probability.

    Raises
    ------
    ValueError
        For a probability that is not above 0 and below 1.

    Examples
    --------
    >>> quantile(0.975).name
    'quantile(0.975)'
    """
    return _of_quantile(f"quantile({probability!r})", partial(_quantile, chance=probability), _values, probability)


SUMMARIES: dict[str, Summary] = {
    summary.name: summary
    for summary in (
        Summary("mean", _mean, _mean_mcse, order=2, gradient=_gradient_of_mean),
        Summary("bias", _bias, _mean_mcse, order=2, scale=_rmse, gradient=_gradient_of_mean),
        Summary("se", _se, _se_mcse, order=4, gradient=_gradient_of_se, histogram=True, df=_df_of_variance),
        Summary("rmse", _rmse, _rmse_mcse, order=4, gradient=_gradient_of_rmse, histogram=True, df=_df_of_rmse),
        Summary("root_mean", _root_mean, _root_mean_mcse, order=2, gradient=_gradient_of_root_mean),
        _of_quantile("median_abs_error", _median_abs_error, _magnitudes, 0.5),
        *map(quantile, (0.05, 0.5, 0.95)),
        Summary("coverage", _mean, _proportion_mcse, order=2, of_events=True),
        Summary("rejection_rate", _mean, _proportion_mcse, order=2, of_events=True),
        Summary(
            "relative_error_of_model_se",
            _relative_error,
            _relative_error_mcse,
            order=4,
            scale=_model_ratio,
            of_model_se=True,
            histogram=True,
            df=_df_of_relative_error,
        ),
    )
}


def summary_of(source: str | Summary) -> Summary:
    """Return the summary of this name, or the given `Summary` itself.

    >>> summary_of("rmse").order
    4.0
    """
    if isinstance(source, str) and source.startswith("quantile(") and source not in SUMMARIES:
        raise ValueError(f"summary {shown(source)} is no known name; give bn.summaries.quantile(probability).")
    wanted = "a bn.summaries.Summary, such as bn.summaries.quantile(0.9)"
    return source if isinstance(source, Summary) else named("summary", source, SUMMARIES, wanted)


def histogram(summaries: Iterable[str | Summary]) -> bool:
    """Return True if any of these summaries needs a histogram, which takes more memory than moments.

    >>> histogram(["mean"]), histogram(["bias", "median_abs_error"])
    (False, True)
    """
    return any(summary_of(source).histogram for source in summaries)

"""From replicates to numbers: each summary has a value and a Monte Carlo standard error in closed form.

Bias, RMSE and median absolute error are of the errors, value - target; all other summaries are of the values. The
formulas are those of Morris, White & Crowther (2019, Table 6), with the fourth moment of the replicates in place of
normality in those of standard errors, and the delta method for roots.

An error is 0 only where the replicates are known to be all the same. Where they merely happen to be, others may have
been missed: at 95 %, none of n replicates shows an event of probability 3 / n, and the error is what it would change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats._checks.user_code import called
from bnstats._checks.values import named, shown
from bnstats.simulation.precision import degrees_of_freedom
from bnstats.simulation.replicates.control_variates import LEAST_GAIN
from bnstats.simulation.replicates.histogram import DISTANCES, Histogram
from bnstats.simulation.replicates.sample import Evidence, Sample

# A relative difference of squares below this is rounding.
ROUNDING = 1e-12
# Standard errors of a proportion, to both sides of a quantile, of the quantiles that its error is read from.
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
    """Degrees of freedom of the mean square of values that were moved so that this is their mean."""
    second = e.central(2)
    square, (low, high) = second + mean**2, (x - e.from_origin + mean for x in e.extremes)
    variance = e.central(4) - second**2 + 4 * mean * e.central(3) + 4 * mean**2 * second  # of the squares
    smallest = 0.0 if low <= 0 <= high else min(low**2, high**2)
    largest = max(max(low**2, high**2) - square, square - smallest)
    return degrees_of_freedom.of_largest(e.n, variance, largest)


def _df_of_relative_error(e: Evidence) -> float:
    """Of the less certain of both standard errors."""
    model = _df_of_mean_square(e.model_se, e.model_se.mean) if e.model_se else math.nan
    return min(_df_of_variance(e), model)


def _df_of_quantile(e: Evidence, chance: float) -> float:
    return degrees_of_freedom.of_quantile(float(e.n), chance, WIDTH)


@dataclass(frozen=True)
class Summary:
    """A number that summarizes replicates.

    Attributes
    ----------
    name : str
    value, mcse : callable (Evidence) -> float
    df : callable (Evidence) -> float
        Degrees of freedom of the MCSE; by default those of a mean.
    order : float
        The MCSE exists if the moment of |value| of this order does.
    scale : callable (Evidence) -> float, optional
        What the MCSE is divided by for a relative precision; by default the value.
    histogram : bool
        Whether it needs more of the replicates than their moments.
    at_gap : callable (Evidence) -> bool, optional
        Whether chance decides between values far apart: then more replicates reduce the MCSE suddenly or, at a tie,
        never.
    of_events : bool
        Whether it is a share of replicates that are True.
    of_model_se : bool
        Whether it compares with standard errors that a model gave, see `Study.model_se`.
    gradient : callable (Evidence) -> pair of floats, optional
        The derivatives by the mean and the mean square of value - origin, if the summary is a function of these: it
        can have control variates then.
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

    def _of(self, function: Callable[[Evidence], Any], evidence: Evidence) -> Any:
        return called(f"summary {self.name!r}", function, evidence)

    def chance_decides(self, evidence: Evidence) -> bool:
        """Return whether `at_gap` says so."""
        return self.at_gap is not None and bool(self._of(self.at_gap, evidence))

    def of(self, evidence: Evidence) -> tuple[float, float, float]:
        """Value, MCSE and relative MCSE."""
        with np.errstate(all="ignore"):
            value = float(self._of(self.value, evidence))
            if evidence.value_range == 0:
                return value, 0.0, 0.0
            return value, *self._errors(evidence, float(self._of(self.mcse, evidence)))

    def of_controlled(self, evidence: Evidence) -> tuple[float, float, float] | None:
        """The same with control variates, by the delta method; None where there are none, or they are of no use."""
        if self.gradient is None or evidence.controlled is None or not evidence.enough_for_slopes:
            return None
        controlled, covariance = evidence.controlled
        with np.errstate(all="ignore"):
            slope = np.array(self._of(self.gradient, controlled))
            value, mcse = float(self._of(self.value, controlled)), float(np.sqrt(slope @ covariance @ slope))
            plain = float(self._of(self.mcse, evidence))
            if not (math.isfinite(value) and mcse**2 * LEAST_GAIN < plain**2):
                return None
            return value, *self._errors(controlled, mcse)

    def _errors(self, evidence: Evidence, mcse: float) -> tuple[float, float]:
        """The MCSE, and relative to the scale."""
        scale = abs(float(self._of(self.scale or self.value, evidence)))
        if mcse == 0:
            return mcse, 0.0
        if math.isnan(mcse):  # of fourth powers beyond all floats
            return math.inf, math.inf
        return mcse, mcse / scale if scale > 0 else np.inf

    def leaving_out(self, sample: Sample, groups: int | None = None) -> FloatArray:
        """The value without each of the groups in turn, with control variates where the sample has any.

        NaN without the only group that holds replicates. Of fewer `groups`, the further ones join the first in turn.
        """
        evidence = sample.left_out if groups is None else sample.without_each_of(groups)
        if sample.controlled and self.gradient is not None:
            controlled = [e.controlled[0] for e in evidence if e.controlled]
            evidence = controlled if len(controlled) == len(evidence) else evidence
        with np.errstate(all="ignore"):
            return np.array([self._of(self.value, e) if e.n > 0 else math.nan for e in evidence])


def _mean(e: Evidence) -> float:
    return e.mean


def _bias(e: Evidence) -> float:
    return e.bias


def _mean_mcse(e: Evidence) -> float:
    return e.missed * e.value_range if e.all_equal else _se(e) / math.sqrt(e.n)


def _share_mcse(e: Evidence) -> float:
    """sqrt(p (1 - p) / n)."""
    return e.missed * e.value_range if e.all_equal else math.sqrt(e.central(2) / e.n)


def _gradient_of_mean(_: Evidence) -> tuple[float, float]:
    return 1.0, 0.0


def _se(e: Evidence) -> float:
    return float(np.sqrt(e.central(2) * e.n / np.float64(e.n - 1)))


def _se_mcse(e: Evidence) -> float:
    """From Var(s²) = (mu_4 - sigma⁴ (n - 3) / (n - 1)) / n, which is above 0 for two equally frequent values, too."""
    if e.all_equal:
        return math.sqrt(e.missed) * e.value_range
    second = e.central(2)
    if e.central(4) < SMALLEST_NORMAL:  # too small for a float that has all its digits
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
    """MCSE of the root mean square of values that were moved so that this is their mean."""
    second = e.central(2)
    square = second + mean**2
    variance = e.central(4) - second**2 + 4 * mean * e.central(3) + 4 * mean**2 * second  # of the squares
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
    """Root of the mean of squared standard errors by the model."""
    return float(np.sqrt(e.model_se.mean_square)) if e.model_se else math.nan


def _model_ratio(e: Evidence) -> float:
    return float(np.divide(_model_se(e), _se(e)))


def _relative_error(e: Evidence) -> float:
    return _model_ratio(e) - 1


def _relative_error_mcse(e: Evidence) -> float:
    """Of the ratio of two standard errors, as if they were independent."""
    if e.model_se is None or e.all_equal or e.model_se.all_equal:
        return math.inf
    error_of_model = _root_mean_square_mcse(e.model_se, e.model_se.mean)
    return _model_ratio(e) * math.hypot(error_of_model / _model_se(e), _se_mcse(e) / _se(e))


def _quantile(e: Evidence, chance: float) -> float:
    return e.values.around(chance)[0] + e.origin


def _median_abs_error(e: Evidence) -> float:
    return e.magnitudes.around(0.5)[0] if math.isfinite(e.target) else abs(e.bias)


def _quantile_mcse(e: Evidence, histogram: Callable[[Evidence], Histogram], chance: float) -> float:
    """A quarter of the distance of the quantiles two standard errors of a proportion to both sides (Woodruff 1952).

    So an interval of 95 % is as wide as Woodruff's, but for the t law. Where a quantile two standard errors away is
    beyond all replicates, these do not bound it, and the error is infinite. Between atoms the quantiles jump: a jump
    that is k standard errors of a proportion away counts for its k-th part. An atom that holds all quantiles to five
    standard errors is the quantile itself.
    """
    away = math.sqrt(e.n * min(chance / (1 - chance), (1 - chance) / chance))  # the ends, in standard errors
    if away <= WIDTH * (1 + ROUNDING):
        return math.inf
    held = histogram(e)
    center, lower, upper = held.around(chance)
    mcse = float(upper[_AT_WIDTH] - lower[_AT_WIDTH]) / (2 * WIDTH)
    if held.atoms.size:
        mcse = max(mcse, float(np.max(np.maximum(upper - center, center - lower) / DISTANCES)))
    return e.value_range if mcse == 0 and away <= DISTANCES[-1] else mcse


def _between_atoms(e: Evidence, histogram: Callable[[Evidence], Histogram], chance: float) -> bool:
    """Whether a value near the quantile is an atom, and another one is not the same."""
    held = histogram(e)
    if not held.atoms.size:
        return False
    center, lower, upper = held.around(chance)
    near = (center, lower[-1], upper[-1])
    return bool(lower[-1] < upper[-1] and np.isin(near, held.atoms).any())


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


def quantile(chance: float) -> Summary:
    """The quantile of the replicates with this probability below it, in (0, 1).

    >>> quantile(0.9).name
    'quantile(0.9)'
    """
    if not 0 < chance < 1:
        raise ValueError(f"a quantile has a probability above 0 and below 1 below it; got {shown(chance)}.")
    return _of_quantile(f"quantile({chance:g})", partial(_quantile, chance=chance), _values, chance)


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
        Summary("coverage", _mean, _share_mcse, order=2, of_events=True),
        Summary("rejection_rate", _mean, _share_mcse, order=2, of_events=True),
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
    """The summary of that name, or the one given.

    >>> summary_of("rmse").order
    4
    """
    return source if isinstance(source, Summary) else named("summary", source, SUMMARIES, "a Summary")


def histogram(summaries: Iterable[str | Summary]) -> bool:
    """Whether any of these summaries needs a histogram of the replicates, which takes more memory than moments.

    >>> histogram(["mean"]), histogram(["bias", "median_abs_error"])
    (False, True)
    """
    return any(summary_of(source).histogram for source in summaries)

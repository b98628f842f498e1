"""Assertion about the rate at which an error falls with batch size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import LARGEST_COUNT, interval, number, whole
from bnstats._checks.numbers import batch_sizes as sizes_of_batches
from bnstats._checks.values import choice, require
from bnstats.sampling.batching import IID, Batching
from bnstats.simulation.result import Simulation
from bnstats.statistics import theory
from bnstats.statistics.convergence_rates import MEASURES
from bnstats.statistics.estimators import Estimator
from bnstats.studies.convergence.measure import measure_convergence
from bnstats.studies.convergence.rates import Slope, slope
from bnstats.studies.convergence.study import DRAWS_PER_SET, SETS_PER_BLOCK
from bnstats.testing.claims import CHECKS, EstimatorClaim, surplus
from bnstats.testing.sequential.looks import Look, decide

# Fractions of max_draws after which `assert_rate` looks. Fewer draws give too few groups for the slope's interval.
FRACTIONS_OF_DRAWS = (0.25, 1.0)
FEWEST_DRAWS = int(SETS_PER_BLOCK * DRAWS_PER_SET / FRACTIONS_OF_DRAWS[0])
# The message advises no larger number of draws than a computer makes in a day.
DRAWS_OF_A_DAY = 2**43


@checked(
    **CHECKS,
    rate=number,
    tolerance=interval("(0, inf)", "a distance from the rate"),
    measure=partial(choice, known=MEASURES),
    batch_sizes=sizes_of_batches,
    max_draws=partial(whole, minimum=FEWEST_DRAWS, maximum=LARGEST_COUNT),
)
def assert_rate(
    estimator: str | Estimator | Callable[..., Any],
    population: Any,
    *,
    rate: float,
    tolerance: float,
    to: float | None = None,
    measure: str = "rmse",
    batch_sizes: Sequence[int] = (16, 32, 64, 128, 256, 512, 1024, 2048),
    batching: Batching = IID(),
    false_alarm: float = 1e-6,
    seed: int = 0,
    max_draws: int = 2**27,
) -> None:
    """Assert that the error of an estimator falls as batch_size^rate, to within `tolerance` of `rate`.

    The slope of log error on log batch size is the slope of `Convergence.rates`. The first estimate takes a quarter of
    `max_draws`; if it decides nothing, a second one takes all. The claim passes if the slope's interval lies within
    `tolerance` of `rate`, and fails if it lies outside. The claim is about these batch sizes; the limit for
    large n may differ, see `Convergence.rates`.

    Parameters
    ----------
    estimator : str, Estimator or callable
        Name of an estimator, an estimator, or a function (x, axis) that reduces `axis` of an array. A trial shows how
        a plain function grows with outliers; if this order is known, give an `Estimator` with its `order`.
    population : str, Population or any source that `Population.of` takes
        Population that the values are drawn from.
    rate : float
        Exponent of batch size; an error that falls as n^(-1/2) has the rate -0.5.
    tolerance : float
        Largest distance from `rate` for which the claim is true.
    to : float, optional
        Target of the estimates. By default the population's own value, which is known for all estimators except plain
        functions.
    measure : {"rmse", "se", "median_abs_error", "bias"}
        Error of the estimator. With heavy tails, often only "median_abs_error" is finite.
    batch_sizes : sequence of int
        At least two batch sizes. Sizes 2^k of independent values use the same draws.
    batching : Batching
        Rule by which batches are drawn; by default, values are independent.
    false_alarm : float
        Upper bound of the probability that a true claim fails, and of the probability that a false claim passes. It is
        split over the looks, and holds as far as the slopes from 16 groups of draws are normal.
    seed : int
        Seed of the random draws.
    max_draws : int
        Maximum number of values to draw, at least 2^23; see `bnstats.measure_convergence`. Less than 2^25 rarely
        decides a claim.

    Raises
    ------
    AssertionError
        If the rate lies outside the tolerance.
    InsufficientPower
        If `max_draws` values cannot decide the claim; the message gives a sufficient number.
    ValueError
        If an argument is not valid or the error is infinite, before anything is drawn; if an estimate is NaN or
        infinite.

    Examples
    --------
    >>> assert_rate("var", "normal", rate=-0.5, tolerance=0.05)
    >>> assert_rate("var", "t3", rate=-0.5, tolerance=0.05)
    Traceback (most recent call last):
    ValueError: the rmse of var on t3 is infinite, so it has no rate; use measure='median_abs_error'.
    """
    arguments = dict(locals())
    __tracebackhide__ = True
    require(len(batch_sizes) > 1, "batch_sizes", batch_sizes, "at least two sizes, or there is no slope")
    arguments["batch_sizes"] = tuple(batch_sizes)
    region, otherwise = (rate - tolerance, rate + tolerance), f"not n^{rate:g} to within {tolerance:g}"
    claimed = EstimatorClaim.of(assert_rate, arguments, region, otherwise)
    _check_measure(measure, claimed, max(batch_sizes))
    # A true claim can fail on one side only, and a false claim can pass on one side only.
    error = false_alarm / len(FRACTIONS_OF_DRAWS)
    what = f"{measure} of {claimed.estimator.name} on {claimed.source.name}"

    def looks() -> Iterator[Look]:
        for fraction in FRACTIONS_OF_DRAWS:
            fitted = _slope(claimed, measure, batch_sizes, int(fraction * max_draws), seed)
            low, high = fitted.interval(error)
            found = f"{what} falls as n^{fitted.rate:.4g}, interval {low:.4g} to {high:.4g}"
            undecided = partial(_undecided, what, found, rate, tolerance, fitted.rate, high, max_draws)
            yield claimed.look((low, high), found, undecided)

    decide(looks(), claimed.again)


def _slope(claimed: EstimatorClaim, measure: str, sizes: Sequence[int], draws: int, seed: int) -> Slope:
    """Return the slope of the error on batch size, from so many draws."""
    measured = measure_convergence(
        claimed.source,
        batch_sizes=sizes,
        estimators=[claimed.estimator],
        batching=claimed.batching,
        precision=None,
        max_replicates=draws // DRAWS_PER_SET,
        progress=False,
        seed=seed,
    )
    _check_defined(measured.simulation, measure, claimed)
    return slope(measured.table[measured.table["measure"] == measure], measured.simulation)


def _undecided(
    what: str, found: str, rate: float, tolerance: float, estimate: float, high: float, max_draws: int
) -> str:
    if math.isnan(high):
        return (
            f"{max_draws} draws do not show how the {what} falls: it is smaller than its Monte Carlo error, or its "
            "tails are too heavy. Use measure='median_abs_error', or raise max_draws."
        )
    draws = max_draws * surplus(estimate - rate, high - estimate, tolerance)
    if draws > DRAWS_OF_A_DAY:
        advice = "Change tolerance: the slope is too close to the border for any number of draws"
    else:
        advice = f"Raise max_draws to 2**{math.ceil(math.log2(draws))}, or change tolerance"
    return f"{found}: that neither lies within {rate - tolerance:g} to {rate + tolerance:g} nor outside. {advice}."


def _check_defined(simulation: Simulation, measure: str, claimed: EstimatorClaim) -> None:
    rows: Iterable[Any] = simulation.table.itertuples()
    for row, sample in zip(rows, simulation.samples, strict=True):
        nans, infinite = sample.missing.tolist()
        if row.measure == measure and math.isnan(row.value) and (nans or infinite):
            what, count = ("NaN", nans) if nans else ("infinite", infinite)
            raise ValueError(
                f"{claimed.estimator.name} is {what} for {count} of {row.replicates} batches of {row.batch_size} from "
                f"{claimed.source.name}, so its error has no rate; return a number for these, too, or take larger "
                "batches."
            )


def _check_measure(measure: str, claimed: EstimatorClaim, size: int) -> None:
    estimator, population = claimed.estimator, claimed.source
    if math.isinf(getattr(theory.sampling(population, size, estimator, claimed.batching), measure)):
        raise ValueError(
            f"the {measure} of {estimator.name} on {population.name} is infinite, so it has no rate; use "
            "measure='median_abs_error'."
        )

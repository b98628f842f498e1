"""Does the error fall with batch size as fast as claimed?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import batch_sizes as sizes_of_batches
from bnstats._checks.numbers import interval, number, whole
from bnstats._checks.numbers import seed as checked_seed
from bnstats._checks.values import choice
from bnstats.sampling.batching import IID, Batching, rule
from bnstats.sampling.populations import Population
from bnstats.simulation.run import Simulation
from bnstats.statistics import theory
from bnstats.statistics.estimators import Estimator
from bnstats.studies.convergence.measure import measure_convergence
from bnstats.studies.convergence.rates import Slope, slope
from bnstats.studies.convergence.study import DRAWS_PER_SET, SETS_PER_BLOCK
from bnstats.testing.claims import (
    MOST_DRAWS,
    InsufficientPower,
    estimator_claimed,
    false_alarm_rate,
    repeat_with,
    require,
    surplus,
    target_of,
)

# The shares of max_draws after which `assert_rate` looks: with fewer draws there are too few groups for its interval.
SHARES_OF_DRAWS = (0.25, 1.0)
FEWEST_DRAWS = int(SETS_PER_BLOCK * DRAWS_PER_SET / SHARES_OF_DRAWS[0])
# No advice is given beyond as many draws as take a day.
DRAWS_OF_A_DAY = 2**43


@checked(
    rate=number,
    tolerance=interval("(0, inf)", "a distance from the rate"),
    measure=partial(choice, known=theory.MEASURES),
    batch_sizes=sizes_of_batches,
    batching=rule,
    false_alarm=false_alarm_rate,
    seed=checked_seed,
    max_draws=partial(whole, minimum=FEWEST_DRAWS, maximum=MOST_DRAWS),
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
    """Assert that the error of an estimator falls as batch_size^rate, to within `tolerance` of that exponent.

    The slope of log error on log batch size is that of `Convergence.rates`, first from a quarter of `max_draws` and, if
    that does not decide, from all. The claim passes if the slope's interval lies within `tolerance` of `rate`, and
    fails if it lies outside. What is judged is the slope at these batch sizes; the limit for large n may be another,
    see `Convergence.rates`.

    Parameters
    ----------
    estimator, population, to, batching, seed
        As for `assert_converges`. How a plain function grows with outliers is tried out; give an `Estimator` with its
        `order` where that is known.
    rate, tolerance : float
        The rate of an error that falls as n^(-1/2) is -0.5.
    measure : {"rmse", "se", "median_abs_error", "bias"}
        With heavy tails, often only "median_abs_error" is finite.
    batch_sizes : two ints or more
        Sizes 2^k of independent values share their draws.
    false_alarm : float
        Largest chance that a true claim fails, and also that a false one passes; split over the looks, and as good as
        the normality of the slopes from 16 groups of draws.
    max_draws : int
        See `bnstats.measure_convergence`. At least 2^23; less than 2^25 rarely decides anything.

    Raises
    ------
    AssertionError
        If the rate is another.
    InsufficientPower
        If `max_draws` cannot decide it; the message says what to raise it to.
    ValueError
        For bad arguments and an infinite error, before anything is drawn; for estimates that are NaN.

    Examples
    --------
    >>> assert_rate("var", "normal", rate=-0.5, tolerance=0.05)
    >>> assert_rate("var", "t3", rate=-0.5, tolerance=0.05)
    Traceback (most recent call last):
    ValueError: the rmse of var on t3 is infinite, so it has no rate; use measure='median_abs_error'.
    """
    __tracebackhide__ = True
    source, chosen = Population.of(population), estimator_claimed(estimator, to)
    require(len(batch_sizes) > 1, "batch_sizes", batch_sizes, "at least two sizes, or there is no slope")
    target_of(chosen, source, batching)
    _check_measure(measure, chosen, source, batching, max(batch_sizes))
    chosen.check(source, min(batch_sizes))
    again = repeat_with(
        "assert_rate",
        estimator,
        population,
        {"rate": rate, "tolerance": tolerance, "to": to, "measure": measure, "batch_sizes": [*batch_sizes]}
        | {"batching": batching, "false_alarm": false_alarm, "seed": seed, "max_draws": max_draws},
    )
    least, most = rate - tolerance, rate + tolerance
    what = f"{measure} of {chosen.name} on {source.name}"
    for fitted in _slopes(chosen, source, batching, batch_sizes, measure, max_draws, seed):
        # A true claim fails on one side only, and so does a false one pass.
        low, high = fitted.interval(false_alarm / len(SHARES_OF_DRAWS))
        found = f"{what} falls as n^{fitted.rate:.4g}, interval {low:.4g} to {high:.4g}"
        if least <= low and high <= most:
            return
        if high < least or low > most:
            text = f"{found}: not n^{rate:g} to within {tolerance:g} (false alarm {false_alarm:g})."
            raise AssertionError(f"{text}\n{again}")
    if math.isnan(low):
        raise InsufficientPower(
            f"{max_draws} draws do not show how the {what} falls: it is smaller than its Monte Carlo error, or "
            f"its tails are too heavy. Use measure='median_abs_error', or raise max_draws.\n{again}"
        )
    advice = _what_would_decide(fitted.rate - rate, high - fitted.rate, tolerance, max_draws)
    raise InsufficientPower(f"{found}: that neither lies within {least:g} to {most:g} nor outside. {advice}.\n{again}")


def _slopes(
    estimator: Estimator,
    source: Population,
    batching: Batching,
    sizes: Sequence[int],
    measure: str,
    max_draws: int,
    seed: int,
) -> Iterator[Slope]:
    """The slope at each look."""
    given: dict[str, Any] = {"batch_sizes": sizes, "estimators": [estimator], "batching": batching, "seed": seed}
    for share in SHARES_OF_DRAWS:
        replicates = int(share * max_draws) // DRAWS_PER_SET
        measured = measure_convergence(source, precision=None, max_replicates=replicates, progress=False, **given)
        _check_defined(measured.simulation, measure, estimator, source)
        yield slope(measured.table[measured.table["measure"] == measure], measured.simulation)


def _check_defined(simulation: Simulation, measure: str, estimator: Estimator, source: Population) -> None:
    for row, sample in zip(simulation.table.itertuples(), simulation.samples, strict=True):
        nans, infinite = sample.missing.tolist()
        if row.measure == measure and math.isnan(row.value) and (nans or infinite):
            what, count = ("NaN", nans) if nans else ("infinite", infinite)
            raise ValueError(
                f"{estimator.name} is {what} for {count} of {row.replicates} batches of {row.batch_size} from "
                f"{source.name}, so its error has no rate: give these batches a number too, or take larger ones."
            )


def _what_would_decide(off: float, margin: float, tolerance: float, max_draws: int) -> str:
    draws = max_draws * surplus(off, margin, tolerance)
    if draws > DRAWS_OF_A_DAY:
        return "Change tolerance: the slope is too close to the border for any number of draws"
    return f"Raise max_draws to 2**{math.ceil(math.log2(draws))}, or change tolerance"


def _check_measure(measure: str, estimator: Estimator, population: Population, batching: Batching, size: int) -> None:
    if math.isinf(getattr(theory.sampling(population, size, estimator, batching), measure)):
        raise ValueError(
            f"the {measure} of {estimator.name} on {population.name} is infinite, so it has no rate; use "
            "measure='median_abs_error'."
        )

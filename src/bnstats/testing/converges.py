"""Assertion that an estimate from one batch is near its target with a given probability."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator
from statsmodels.stats.proportion import proportion_confint

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import batch_size as sizes_of_batches
from bnstats._checks.numbers import interval, probability, whole
from bnstats._checks.numbers import seed as checked_seed
from bnstats.sampling.batching import IID, Batching, rule
from bnstats.sampling.populations import Population
from bnstats.simulation.identity import stream
from bnstats.statistics.estimators import Estimator
from bnstats.testing.batch_estimates import estimates_of
from bnstats.testing.claims import (
    MOST_DRAWS,
    InsufficientPower,
    estimator_claimed,
    false_alarm_rate,
    repeat_with,
    target_of,
)


@checked(
    within=interval("(0, inf)", "a distance"),
    batch_size=sizes_of_batches,
    confidence=probability,
    batching=rule,
    false_alarm=false_alarm_rate,
    seed=checked_seed,
    max_draws=partial(whole, minimum=1, maximum=MOST_DRAWS),
)
def assert_converges(
    estimator: str | Estimator | Callable[..., Any],
    population: Any,
    *,
    to: float | None = None,
    within: float,
    batch_size: int,
    confidence: float,
    batching: Batching = IID(),
    false_alarm: float = 1e-6,
    seed: int = 0,
    max_draws: int = 2**27,
) -> None:
    """Assert that an estimate from one batch is near its target with a given probability.

    The claim: the estimate lies within `within` of `to` with a probability of at least `confidence`. Replicates double
    until a Clopper-Pearson interval of this probability lies entirely above or below `confidence`. The error rates are
    split over the looks, whose number is fixed beforehand, and hold exactly.

    Parameters
    ----------
    estimator : str, Estimator or callable
        Name of an estimator, an estimator, or a function (x, axis) that reduces `axis` of an array.
    population : str, Population or any source that `Population.of` takes
        Population that the values are drawn from.
    to : float, optional
        Target of the estimates. By default the population's own value, which is known for all estimators except plain
        functions.
    within : float
        Largest distance from `to` that counts as near, in the unit of the estimate.
    batch_size : int
        Number of values in a batch.
    confidence : float
        Smallest probability for which the claim is true.
    batching : Batching
        Rule by which batches are drawn; by default, values are independent.
    false_alarm : float
        Upper bound of the probability that a true claim fails, and of the probability that a false claim passes.
    seed : int
        Seed of the random draws.
    max_draws : int
        Maximum number of values to draw.

    Raises
    ------
    AssertionError
        If the probability is below `confidence`.
    InsufficientPower
        If `max_draws` values cannot decide the claim.
    ValueError
        If an argument is not valid; nothing is drawn then.

    Examples
    --------
    >>> assert_converges("mean", "normal", within=0.2, batch_size=100, confidence=0.9)
    >>> assert_converges(np.median, [0.0, 1.0, 2.0, 5.0, 9.0], to=2.0, within=1.0, batch_size=51, confidence=0.9)
    >>> assert_converges("mean", "normal", within=0.2, batch_size=100, confidence=0.99)
    Traceback (most recent call last):
    AssertionError: mean of a batch of 100 from normal lies within 0.2 of 0 with a probability of 0.9...,
    interval 0.9... to 0.9... from ... replicates: not of at least 0.99 (false alarm 1e-06).
    Reproduce: bn.testing.assert_converges('mean', 'normal', within=0.2, batch_size=100, confidence=0.99)
    """
    __tracebackhide__ = True
    source, chosen = Population.of(population), estimator_claimed(estimator, to)
    batching.check(source, batch_size)
    target = target_of(chosen, source, batching)
    chosen.check(source, batch_size)
    again = repeat_with(
        assert_converges,
        (estimator, chosen.name),
        (population, source.name),
        to=to,
        within=within,
        batch_size=batch_size,
        confidence=confidence,
        batching=batching,
        false_alarm=false_alarm,
        seed=seed,
        max_draws=max_draws,
    )
    looks = _looks(confidence, false_alarm, max_draws, batch_size, again)
    rng = stream(seed, {"population": source, "batching": batching, "batch_size": batch_size}, 0)
    for counts in _counts_at_looks(chosen, source, batching, batch_size, target, within, looks, rng):
        total, inside, undefined = counts
        low, high = _interval(inside, total, false_alarm / len(looks))
        if low >= confidence:
            return
        if high < confidence:
            break
    found = (
        f"{chosen.name} of a batch of {batch_size} from {source.name} lies within {within:g} of {target:g} with a "
        f"probability of {inside / total:.5g}, interval {low:.5g} to {high:.5g} from {total} replicates"
        f"{f' ({undefined} estimates are NaN)' if undefined else ''}"
    )
    if high < confidence:
        raise AssertionError(f"{found}: not of at least {confidence:.10g} (false alarm {false_alarm:g}).\n{again}")
    raise InsufficientPower(
        f"{found}: too close to {confidence:.10g} to decide. Claim a lower confidence or a larger within, or raise "
        f"max_draws.\n{again}"
    )


def _counts_at_looks(
    estimator: Estimator,
    source: Population,
    batching: Batching,
    n: int,
    target: float,
    within: float,
    looks: Sequence[int],
    rng: Generator,
) -> Iterator[tuple[int, int, int]]:
    """Yield at each look the counts of replicates so far: all, those within the distance, and NaN."""
    inside = undefined = total = 0
    for look in looks:
        for estimates in estimates_of(estimator, source, batching, rng, look - total, n):
            inside += int(np.count_nonzero(np.abs(estimates - target) <= within))
            undefined += int(np.count_nonzero(np.isnan(estimates)))
        total = look
        yield total, inside, undefined


def _first_look(confidence: float, error: float) -> int:
    """Return the smallest number of replicates that can lead to either verdict, if all of them agree."""
    return math.ceil(math.log(error) / math.log(max(confidence, 1 - confidence)))


def _looks(confidence: float, false_alarm: float, max_draws: int, batch_size: int, again: str) -> list[int]:
    """Return the replicates at each look, doubling from the fewest that can decide at its error rate."""
    __tracebackhide__ = True
    max_replicates = max_draws // batch_size
    for count in range(max_replicates.bit_length(), 0, -1):
        first = _first_look(confidence, false_alarm / count)
        if first << (count - 1) <= max_replicates:
            return [first << k for k in range(count)]
    fewest = _first_look(confidence, false_alarm)
    raise InsufficientPower(
        f"{max_replicates} replicates cannot show a probability of {confidence:.10g} with error rates of "
        f"{false_alarm:g}: that takes {fewest}, even if all agree. Lower confidence, or raise max_draws to "
        f"{fewest * batch_size}.\n{again}"
    )


def _interval(inside: int, total: int, error: float) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a proportion, with an error rate of `error` on each side."""
    low, high = proportion_confint(inside, total, alpha=2 * error, method="beta")
    return float(low), float(high)

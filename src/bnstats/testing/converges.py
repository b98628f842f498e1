"""Is an estimate from one batch as near to its target as claimed, as often as claimed?"""

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
from bnstats.simulation.streams import stream
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
    """Assert that an estimate from one batch lies within `within` of `to` with a probability of at least `confidence`.

    Replicates double until a Clopper-Pearson interval of that probability lies to one side of `confidence`. The error
    rates are split over the looks, whose number is fixed beforehand, and hold exactly.

    Parameters
    ----------
    estimator : name, Estimator, or a function (x, axis) that reduces `axis` of an array
    population : whatever `Population.of` takes
    to : float, optional
        By default the population's own value, which is known of everything but a plain function.
    within : float
        In the unit of the estimate.
    batch_size : int
    confidence : float
    batching : Batching
    false_alarm : float
        Largest chance that a true claim fails, and also that a false one passes.
    seed : int
    max_draws : int
        At most so many values are drawn.

    Raises
    ------
    AssertionError
        If the probability is smaller.
    InsufficientPower
        If `max_draws` cannot decide it.
    ValueError
        For bad arguments, before anything is drawn.

    Examples
    --------
    >>> assert_converges("mean", "normal", within=0.2, batch_size=100, confidence=0.9)
    >>> assert_converges(np.median, [0.0, 1.0, 2.0, 5.0, 9.0], to=2.0, within=1.0, batch_size=51, confidence=0.9)
    >>> assert_converges("mean", "normal", within=0.2, batch_size=100, confidence=0.99)
    Traceback (most recent call last):
    AssertionError: mean of a batch of 100 from normal lies within 0.2 of 0 with a probability of 0.9...,
    interval 0.9... to 0.9... from ... replicates: not of at least 0.99 (false alarm 1e-06).
    Reproduce: import bnstats as bn; bn.testing.assert_converges('mean', 'normal', to=0.0, within=0.2, batch_size=100,
    confidence=0.99, batching=bn.IID(), false_alarm=1e-06, seed=0, max_draws=134217728)
    """
    __tracebackhide__ = True
    source, chosen = Population.of(population), estimator_claimed(estimator, to)
    batching.check(source, batch_size)
    target = target_of(chosen, source, batching)
    chosen.check(source, batch_size)
    again = repeat_with(
        "assert_converges",
        estimator,
        population,
        {"to": target, "within": within, "batch_size": batch_size, "confidence": confidence}
        | {"batching": batching, "false_alarm": false_alarm, "seed": seed, "max_draws": max_draws},
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
    """At each look the replicates so far, how many of them lie within the distance, and how many are NaN."""
    inside = undefined = total = 0
    for look in looks:
        for estimates in estimates_of(estimator, source, batching, rng, look - total, n):
            inside += int(np.count_nonzero(np.abs(estimates - target) <= within))
            undefined += int(np.count_nonzero(np.isnan(estimates)))
        total = look
        yield total, inside, undefined


def _first_look(confidence: float, error: float) -> int:
    """The fewest replicates at which either verdict is possible, if all agree."""
    return math.ceil(math.log(error) / math.log(max(confidence, 1 - confidence)))


def _looks(confidence: float, false_alarm: float, max_draws: int, batch_size: int, again: str) -> list[int]:
    """Replicates at each look: they double up to the most, from the fewest that could decide at the split rate."""
    __tracebackhide__ = True
    most = max_draws // batch_size
    for count in range(most.bit_length(), 0, -1):
        first = _first_look(confidence, false_alarm / count)
        if first << (count - 1) <= most:
            return [first << k for k in range(count)]
    least = _first_look(confidence, false_alarm)
    raise InsufficientPower(
        f"{most} replicates cannot show a probability of {confidence:.10g} with error rates of {false_alarm:g}: that "
        f"takes {least}, even if all agree. Lower confidence, or raise max_draws to {least * batch_size}.\n{again}"
    )


def _interval(inside: int, total: int, error: float) -> tuple[float, float]:
    """Clopper-Pearson interval of a proportion, which misses it with a chance of at most `error` on either side."""
    low, high = proportion_confint(inside, total, alpha=2 * error, method="beta")
    return float(low), float(high)

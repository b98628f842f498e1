"""Assertion that an estimate from one batch is near its target with a given probability."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import LARGEST_COUNT, interval, probability, whole
from bnstats._checks.numbers import batch_size as sizes_of_batches
from bnstats.sampling.batching import IID, Batching
from bnstats.simulation.precision.looks import sizes_at_looks
from bnstats.statistics.estimators import Estimator
from bnstats.testing.claims import CHECKS, EstimatorClaim
from bnstats.testing.sequential.looks import InsufficientPower, Look, decide


@checked(
    **CHECKS,
    within=interval("(0, inf)", "a distance"),
    batch_size=sizes_of_batches,
    confidence=probability,
    max_draws=partial(whole, minimum=1, maximum=LARGEST_COUNT),
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
    arguments = dict(locals())
    __tracebackhide__ = True
    claimed = EstimatorClaim.of(
        assert_converges, arguments, (confidence, math.inf), f"not of at least {confidence:.10g}"
    )
    sizes = _sizes(confidence, false_alarm, max_draws, batch_size, claimed.again)
    estimates = claimed.estimates(sizes, batch_size, seed)
    decide(_looks(claimed, estimates, within, false_alarm / len(sizes), batch_size), claimed.again)


def _looks(claimed: EstimatorClaim, estimates: Any, within: float, error: float, n: int) -> Iterator[Look]:
    """Yield the proportion of all replicates so far that lie within the distance."""
    inside = undefined = 0
    what = f"{claimed.estimator.name} of a batch of {n} from {claimed.source.name} lies within {within:g}"
    for total, new in estimates:
        for values in new:
            inside += int(np.count_nonzero(np.abs(values - claimed.target) <= within))
            undefined += int(np.count_nonzero(np.isnan(values)))
        low, high = _interval(inside, total, error)
        found = (
            f"{what} of {claimed.target:g} with a probability of {inside / total:.5g}, interval {low:.5g} to "
            f"{high:.5g} from {total} replicates{f' ({undefined} estimates are NaN)' if undefined else ''}"
        )
        undecided = (
            f"{found}: too close to {claimed.region[0]:.10g} to decide. Claim a lower confidence or a larger within, "
            "or raise max_draws."
        )
        yield claimed.look((low, high), found, partial(str, undecided))


def _first_look(confidence: float, error: float) -> int:
    """Return the smallest number of replicates that can lead to either verdict, if all of them agree."""
    return math.ceil(math.log(error) / math.log(max(confidence, 1 - confidence)))


def _sizes(confidence: float, false_alarm: float, max_draws: int, batch_size: int, again: str) -> list[int]:
    """Return the replicates at each look, doubling from the fewest that can decide at its error rate."""
    __tracebackhide__ = True
    max_replicates = max_draws // batch_size
    for count in range(max_replicates.bit_length(), 0, -1):
        first = _first_look(confidence, false_alarm / count)
        if first << (count - 1) <= max_replicates:
            return sizes_at_looks(first, first << (count - 1))
    fewest = _first_look(confidence, false_alarm)
    raise InsufficientPower(
        f"{max_replicates} replicates cannot show a probability of {confidence:.10g} with error rates of "
        f"{false_alarm:g}: that takes {fewest}, even if all agree. Lower confidence, or raise max_draws to "
        f"{fewest * batch_size}.{again}"
    )


def _interval(inside: int, total: int, error: float) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a proportion, with an error rate of `error` on each side."""
    low, high = proportion_confint(inside, total, alpha=2 * error, method="beta")
    return float(low), float(high)

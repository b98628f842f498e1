"""Assertions about the mean of a random function of one's own, and about the probability of an event."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import LARGEST_COUNT, interval, number, proportion
from bnstats._checks.values import optional, require
from bnstats.testing.own_function import CHECKS, MAX_DRAWS, Draws
from bnstats.testing.sequential.bets import Border, BoundedBets, MomentBets, grown, reached
from bnstats.testing.sequential.looks import Look, decide
from bnstats.testing.sequential.near import Near
from bnstats.testing.suite import rate_of

MORE_FOR_TAIL = 400
"""Values that are drawn to name the tail of values that contradict their variance."""
HEAVY = 2.0
"""Tail index up to which values have no finite variance."""
SPREADS = np.array([0.05, 0.2, 0.5])
"""Stakes of the accounts that bet on a larger variance than the one stated."""


def _bounds(name: str, given: Any) -> tuple[float, float]:
    pair = isinstance(given, Sequence | np.ndarray) and not isinstance(given, str) and len(given) == 2
    require(pair, name, given, "a pair, the smallest and the largest possible value")
    low, high = number(f"the first of {name}", given[0]), number(f"the second of {name}", given[1])
    require(low < high, name, given, "a pair, the smallest value below the largest")
    return low, high


@checked(
    **CHECKS,
    value=number,
    within=interval("(0, inf)", "a distance"),
    bounds=optional(_bounds),
    variance=optional(interval("(0, inf)", "a variance")),
)
def assert_mean(
    f: Callable[..., Any],
    value: float,
    *,
    within: float,
    bounds: tuple[float, float] | None = None,
    variance: float | None = None,
    false_alarm: float | None = None,
    seed: int = 0,
    max_draws: int = MAX_DRAWS,
) -> None:
    """Assert that the mean of a random function is near a value.

    Values are drawn until they decide, and every look is allowed for (bets, see Waudby-Smith & Ramdas 2023). With
    `bounds`, the error rates hold without any further assumption. With `variance`, they hold for all values of at most
    this variance, however heavy their tails are otherwise. Without either, no number of draws shows anything about a
    mean (Bahadur & Savage 1956), and the call is refused.

    Parameters
    ----------
    f : callable
        Function f(rng), which returns one number, or f(rng, size), which returns `size` independent numbers.
    value : float
        Mean that is claimed.
    within : float
        Largest distance of the mean from `value` for which the claim is true, in the unit of `f`.
    bounds : pair of float, optional
        Smallest and largest value that `f` can return.
    variance : float, optional
        Upper bound of the variance of `f`, known and not estimated.
    false_alarm : float, optional
        Upper bound of the probability that a true claim fails, and of the probability that a false claim passes. By
        default 1e-6, or this assertion's part of the rate of a suite, see `docs/tutorials/random_function.md`.
    seed : int
        Seed of the random draws.
    max_draws : int
        Maximum number of values to draw.

    Raises
    ------
    AssertionError
        If the mean is farther than `within` from `value`, or if the values contradict `variance`.
    InsufficientPower
        If `max_draws` values cannot decide the claim; the message says how many probably would.
    ValueError
        If neither bounds nor a variance is given, or if `f` returns a value outside its bounds.

    Examples
    --------
    >>> assert_mean(lambda rng: rng.random(), 0.5, within=0.1, bounds=(0, 1))
    >>> assert_mean(lambda rng, size: rng.exponential(2.0, size), 2.0, within=0.2, variance=4.0)
    >>> assert_mean(lambda rng: rng.random(), 0.7, within=0.1, bounds=(0, 1))
    Traceback (most recent call last):
    AssertionError: the mean of <lambda> is about 0.4..., below 0.6, from 176 draws: not within 0.1 of 0.7
    (false alarm 1e-06).
    """
    __tracebackhide__ = True
    if bounds is None and variance is None:
        raise ValueError(
            "assert_mean needs bounds=, or variance=, an upper bound that is known: without them rare large values can "
            "move any mean, and no number of draws shows them; assert_quantile and assert_probability need neither."
        )
    draws, advice = Draws(f, seed), partial(_advice, None if bounds else variance)
    near = Near("mean", f"the mean of {draws.name}", draws, value, within, rate_of(false_alarm), np.mean, advice)
    decide(_looks_within(near, bounds, max_draws) if bounds else _looks_of(near, variance or math.inf, max_draws))


@checked(**CHECKS, probability=proportion, within=interval("(0, 1)", "a distance"))
def assert_probability(
    f: Callable[..., Any],
    probability: float,
    *,
    within: float,
    false_alarm: float | None = None,
    seed: int = 0,
    max_draws: int = MAX_DRAWS,
) -> None:
    """Assert that an event has a given probability, without any further assumption.

    Parameters
    ----------
    f : callable
        Function f(rng), which returns True or False, or f(rng, size), which returns an array of `size` of them.
    probability : float
        Probability that is claimed.
    within : float
        Largest distance of the probability from the claimed one for which the claim is true.
    false_alarm : float, optional
        Upper bound of the probability that a true claim fails, and of the probability that a false claim passes; see
        `assert_mean`.
    seed : int
        Seed of the random draws.
    max_draws : int
        Maximum number of values to draw.

    Raises
    ------
    AssertionError
        If the probability is farther than `within` from the claimed one.
    InsufficientPower
        If `max_draws` values cannot decide the claim; the message says how many probably would.
    ValueError
        If `f` returns anything but True and False, or 1 and 0.

    Examples
    --------
    >>> assert_probability(lambda rng: rng.normal() > 0, 0.5, within=0.05)
    """
    __tracebackhide__ = True
    draws, advice = Draws(f, seed), partial(_advice, None)
    number = f"the probability that {draws.name} is true"
    near = Near("mean", number, draws, probability, within, rate_of(false_alarm), np.mean, advice)
    decide(_looks_within(near, (0.0, 1.0), max_draws, events=True))


def _looks_within(near: Near, bounds: tuple[float, float], max_draws: int, events: bool = False) -> Iterator[Look]:
    """Yield looks at bets on values within bounds. A border beyond the bounds needs no bet."""
    low, width = bounds[0], bounds[1] - bounds[0]
    first, last = ((end - low) / width for end in (near.value - near.within, near.value + near.within))
    lower, upper = (Border(min(max(end, 0.0), 1.0)) for end in (first, last))
    bets = BoundedBets((lower, upper))
    for x in near.draws.looks(max_draws):
        _check(x, near.draws.name, bounds, events)
        bets.add((x - low) / width)
        above, below = first <= 0 or reached(lower.above, near.error), last >= 1 or reached(upper.below, near.error)
        yield near.look(lower.below, upper.above, above and below)


def _check(x: FloatArray, name: str, bounds: tuple[float, float], events: bool) -> None:
    outside = x[(x < bounds[0]) | (x > bounds[1]) | (events & ~np.isin(x, (0.0, 1.0)))]
    if outside.size and events:
        raise ValueError(f"{name} returns True or False; got {outside[0]:g}.")
    if outside.size:
        raise ValueError(f"{name} returned {outside[0]:g}, outside bounds={bounds}; widen the bounds.")


def _looks_of(near: Near, variance: float, max_draws: int) -> Iterator[Look]:
    """Yield looks at bets on values of bounded variance, and at a bet that their variance is larger."""
    lower, upper = Border(near.value - near.within), Border(near.value + near.within)
    bets, accounts = MomentBets((lower, upper), variance, near.within), np.zeros(SPREADS.size)
    for x in near.draws.looks(max_draws):
        bets.add(x)
        ratio = (x - near.value) ** 2 / (variance + near.within**2)
        accounts, capital = grown(accounts, np.log1p(SPREADS[:, None] * (ratio - 1)))
        if reached(float(capital), near.error / 3):  # first: a single huge value decides about the mean, too
            yield Look(False, partial(_contradicted, near, variance))
        supported = reached(lower.above, near.error) and reached(upper.below, near.error)
        yield near.look(lower.below, upper.above, supported, parts=3)


def _contradicted(near: Near, variance: float) -> str:
    values = near.draws.values
    near.draws.take(MORE_FOR_TAIL)
    return (
        f"{near.number} has values that contradict variance={variance:g}: their mean square about {near.value:g} is "
        f"{np.mean((values - near.value) ** 2):.4g} in {values.size} draws{_tail(near.draws.values)} (false alarm "
        f"{near.error:g}). State a larger variance, or use assert_quantile, which needs none."
    )


def _advice(variance: float | None, near: Near) -> str:
    """Return words about the tail of values of bounded variance, and about the number of draws needed."""
    values = near.draws.values
    away = near.within - abs(float(values.mean()) - near.value)
    spread = float(values.var()) if variance is None else variance
    needed = math.inf if away == 0 else 3 * spread * math.log(2 / near.error) / away**2
    advice = (
        f"about {needed:.2g} draws would decide if the estimate stays"
        if needed < LARGEST_COUNT
        else "no number would do"
    )
    return f"{'' if variance is None else _tail(values)}; {advice}"


def _tail(values: FloatArray) -> str:
    """Return words about a heavy tail; empty if there is none."""
    index = tail_index(values) if values.size >= 100 else math.inf
    if index > HEAVY:
        return ""
    lacks = "mean" if index <= 1 else "variance"
    return f", with a heavy tail of index about {index:.1f}: no finite {lacks}"


def tail_index(x: FloatArray) -> float:
    """Return Hill's (1975) estimate of the tail index from the largest twentieth of the distances from the median.

    >>> x = np.random.default_rng(0).standard_cauchy(10_000)
    >>> round(tail_index(x), 1)
    1.1
    """
    away = np.sort(np.abs(x - np.median(x)))
    largest = away[-max(10, x.size // 20) :]
    if largest.size < 2 or largest[0] <= 0:
        return math.inf
    spread = float(np.mean(np.log(largest[1:] / largest[0])))
    return 1 / spread if spread > 0 else math.inf

"""Assertions about the mean of a random function of one's own, and about the probability of an event."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import interval, number, proportion, whole
from bnstats._checks.numbers import seed as checked_seed
from bnstats._checks.values import optional, shown
from bnstats.testing.bets import Border, BoundedBets, MomentBets, reached
from bnstats.testing.claims import InsufficientPower, false_alarm_rate
from bnstats.testing.own_function import HEAVY, Draws, random_function, tail_index
from bnstats.testing.suite import note, rate_of

MAX_DRAWS = 2**20
max_draws_of = partial(whole, minimum=32, maximum=2**53)
"""Check for the most values that an assertion may draw."""
MORE_FOR_TAIL = 400
"""Values that are drawn to name the tail of values that contradict their variance."""
SPREADS = np.array([0.05, 0.2, 0.5])
"""Stakes of the accounts that bet on a larger variance than the one stated."""


def _bounds(name: str, given: Any) -> tuple[float, float]:
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray) or len(given) != 2:
        raise ValueError(f"{name} is a pair, the smallest and the largest possible value; got {shown(given)}.")
    low, high = number(f"the first of {name}", given[0]), number(f"the second of {name}", given[1])
    if not low < high:
        raise ValueError(f"{name} is a pair, the smallest value below the largest; got {shown(given)}.")
    return low, high


@checked(
    f=random_function,
    value=number,
    within=interval("(0, inf)", "a distance"),
    bounds=optional(_bounds),
    variance=optional(interval("(0, inf)", "a variance")),
    false_alarm=optional(false_alarm_rate),
    seed=checked_seed,
    max_draws=max_draws_of,
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
    claim = MeanClaim(f"the mean of {Draws(f, seed).name}", value, within, bounds, variance, rate_of(false_alarm))
    claim.settle(Draws(f, seed), max_draws)


@checked(
    f=random_function,
    probability=proportion,
    within=interval("(0, 1)", "a distance"),
    false_alarm=optional(false_alarm_rate),
    seed=checked_seed,
    max_draws=max_draws_of,
)
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
    draws = Draws(f, seed)
    claim = MeanClaim(
        f"the probability that {draws.name} is true", probability, within, (0.0, 1.0), None, rate_of(false_alarm)
    )
    claim.settle(draws, max_draws, events=True)


class MeanClaim:
    """Claim that a mean lies within a distance of a value.

    Parameters
    ----------
    what : str
        The mean, in words.
    value, within : float
        The claim.
    bounds, variance
        What is known of the values.
    error : float
        False-alarm rate.
    """

    def __init__(
        self,
        what: str,
        value: float,
        within: float,
        bounds: tuple[float, float] | None,
        variance: float | None,
        error: float,
    ) -> None:
        self.what, self.value, self.within, self.bounds, self.error = what, value, within, bounds, error
        self.variance = variance if bounds is None else None
        low, high = bounds or (0.0, 1.0)
        self.start, self.scale = (low, high - low) if bounds else (0.0, 1.0)
        ends = [(value + side * within - self.start) / self.scale for side in (-1, 1)]
        self.low, self.high = (Border(min(max(end, 0.0), 1.0) if bounds else end) for end in ends)
        self.open = (bounds is not None and ends[0] <= 0, bounds is not None and ends[1] >= 1)
        self.bets: BoundedBets | MomentBets = BoundedBets((self.low, self.high))
        if variance is not None and bounds is None:
            self.bets = MomentBets((self.low, self.high), variance, within)
        self.spread = np.zeros(SPREADS.size)
        self.parts = 3 if self.variance else 2
        """Ways in which a true claim can fail, which share the error rate."""

    def settle(self, draws: Draws, max_draws: int, events: bool = False) -> None:
        """Draw until the claim is decided; return if it is true."""
        __tracebackhide__ = True
        held: list[FloatArray] = []
        for x in draws.looks(max_draws):
            self._check(x, draws, events)
            held.append(x)
            self.bets.add((x - self.start) / self.scale)
            self._check_spread(x, held, draws)  # first: a single huge value decides about the mean, too
            # The two claims about a mean are refuted by one bet each, and supported by two.
            error = self.error / self.parts
            if reached(self.low.below, error) or reached(self.high.above, error):
                side = "below" if reached(self.low.below, error) else "above"
                raise AssertionError(self._refuted(side, np.concatenate(held)))
            supported = self.open[0] or reached(self.low.above, self.error)
            if supported and (self.open[1] or reached(self.high.below, self.error)):
                note(
                    f"{self.what} is within {self.within:g} of {self.value:g}: {draws.n} draws; a mean farther "
                    f"away would have been found with a probability of {1 - self.error:.10g}"
                )
                return
        raise InsufficientPower(self._undecided(np.concatenate(held)))

    def _check(self, x: FloatArray, draws: Draws, events: bool) -> None:
        low, high = self.bounds or (-math.inf, math.inf)
        outside = x[(x < low) | (x > high) | (events & ~np.isin(x, (0.0, 1.0)))]
        if outside.size and events:
            raise ValueError(f"{draws.name} returns True or False; got {outside[0]:g}.")
        if outside.size:
            raise ValueError(f"{draws.name} returned {outside[0]:g}, outside bounds={self.bounds}; widen the bounds.")

    def _check_spread(self, x: FloatArray, held: list[FloatArray], draws: Draws) -> None:
        """Raise AssertionError if the values contradict the variance: a bet on larger squares wins."""
        __tracebackhide__ = True
        if self.variance is None:
            return
        ratio = (x - self.value) ** 2 / (self.variance + self.within**2)
        growth = self.spread[:, None] + np.cumsum(np.log1p(SPREADS[:, None] * (ratio - 1)), axis=1)
        self.spread = growth[:, -1]
        peak = growth.max(axis=0)
        capital = float((peak + np.log(np.exp(growth - peak).mean(axis=0))).max())
        if reached(capital, self.error / self.parts):
            values = np.concatenate(held)
            tail = _tail(np.concatenate([values, draws.take(MORE_FOR_TAIL)]))
            raise AssertionError(
                f"{self.what} has values that contradict variance={self.variance:g}: their mean square about "
                f"{self.value:g} is {np.mean((values - self.value) ** 2):.4g} in {values.size} draws{tail} "
                f"(false alarm {self.error:g}). State a larger variance, or use assert_quantile, which needs none."
            )

    def _refuted(self, side: str, values: FloatArray) -> str:
        border = self.value + (-self.within if side == "below" else self.within)
        return (
            f"{self.what} is about {values.mean():.5g}, {side} {border:.10g}, from {values.size} draws: not within "
            f"{self.within:g} of {self.value:g} (false alarm {self.error:g})."
        )

    def _undecided(self, values: FloatArray) -> str:
        mean, away = float(values.mean()), self.within - abs(float(values.mean()) - self.value)
        spread = self.variance if self.variance is not None else float(values.var())
        needed = math.inf if away == 0 else 3 * spread * math.log(2 / self.error) / away**2
        advice = (
            f"about {needed:.2g} draws would decide if the estimate stays" if needed < 2**53 else "no number would do"
        )
        tail = _tail(values) if self.bounds is None else ""
        return (
            f"{values.size} draws cannot decide that {self.what} is within {self.within:g} of {self.value:g}: the "
            f"estimate is {mean:.5g}{tail}; {advice}. Raise max_draws or change within."
        )


def _tail(values: FloatArray) -> str:
    """Return words about a heavy tail; empty if there is none."""
    index = tail_index(values) if values.size >= 100 else math.inf
    if index > HEAVY:
        return ""
    lacks = "mean" if index <= 1 else "variance"
    return f", with a heavy tail of index about {index:.1f}: no finite {lacks}"

"""Assertion that two random functions, or a function and a law, have the same distribution."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import interval
from bnstats._checks.user_code import answer, name_of_function
from bnstats._checks.values import require, shown
from bnstats.simulation.precision.looks import decided, sizes_at_looks
from bnstats.testing.own_function import CHECKS, MAX_DRAWS, Draws
from bnstats.testing.sequential.looks import Look, decide
from bnstats.testing.suite import rate_of

FIRST_LOOK = 64
ROUNDING = 1e-9
"""Distance from 0 and 1 up to which a distribution function of sums may lie outside."""


def _law_or_function(name: str, given: Any) -> Any:
    required = "a function f(rng), or a law with a cdf such as stats.norm()"
    require(callable(getattr(given, "cdf", None)) or callable(given), name, given, required)
    return given


@checked(**CHECKS, other=_law_or_function, within=interval("(0, 1)", "a distance of distribution functions"))
def assert_same_distribution(
    f: Callable[..., Any],
    other: Any,
    *,
    within: float,
    false_alarm: float | None = None,
    seed: int = 0,
    max_draws: int = MAX_DRAWS,
) -> None:
    """Assert that a random function has the distribution of another one, or of a law.

    The claim: the two distribution functions differ by at most `within` everywhere. Draws double until the interval of
    Massart (1990) for the largest difference decides; the error rate is split over the looks, whose number is fixed
    beforehand. There is no further assumption.

    Parameters
    ----------
    f : callable
        Function f(rng), which returns one number, or f(rng, size), which returns `size` independent numbers.
    other : callable or law
        Another such function, or a frozen distribution of SciPy, whose `cdf` is used.
    within : float
        Largest difference of the distribution functions for which the claim is true.
    false_alarm : float, optional
        Upper bound of the probability that a true claim fails, and of the probability that a false claim passes; see
        `assert_mean`.
    seed : int
        Seed of the random draws.
    max_draws : int
        Maximum number of values to draw of each function.

    Raises
    ------
    AssertionError
        If the distribution functions differ by more than `within`.
    InsufficientPower
        If `max_draws` values cannot decide the claim.

    Examples
    --------
    >>> from scipy import stats
    >>> assert_same_distribution(lambda rng, size: rng.normal(size=size), stats.norm(), within=0.05)
    >>> assert_same_distribution(lambda rng, size: rng.normal(size=size), stats.t(1), within=0.05)
    Traceback (most recent call last):
    AssertionError: the distribution functions of <lambda> and t differ by about 0.1..., from ... draws: by more than
    0.05 (false alarm 1e-06).
    """
    __tracebackhide__ = True
    draws, law = [Draws(f, seed)], other if callable(getattr(other, "cdf", None)) else None
    if law is None:
        draws.append(Draws(other, seed + 1))
    name = getattr(getattr(other, "dist", other), "name", None) or name_of_function(other)
    decide(_looks(draws, law, name, within, rate_of(false_alarm), max_draws))


def _looks(draws: list[Draws], law: Any, name: str, within: float, error: float, max_draws: int) -> Iterator[Look]:
    """Yield looks at the largest difference, by Massart's inequality for each of the functions."""
    both = f"{draws[0].name} and {name}"
    sizes = sizes_at_looks(FIRST_LOOK, max_draws, 2) if max_draws > FIRST_LOOK else [max_draws]
    for size in sizes:
        for one in draws:
            one.take(size - one.n)
        samples = [np.sort(one.values) for one in draws]
        margin = len(draws) * math.sqrt(math.log(2 * len(draws) * len(sizes) / error) / (2 * size))
        distance = _between(*samples) if law is None else _to_law(samples[0], law, name)
        verdict = decided((distance - margin, distance + margin), (-math.inf, within))
        needed = size * (margin / (within - distance)) ** 2 if within != distance else math.inf
        said = {
            True: f"{both} are equal within {within:g}: {size} draws; a larger difference would have been found with a "
            f"probability of {1 - error:.10g}",
            False: f"the distribution functions of {both} differ by about {distance:.4g}, from {size} draws: by more "
            f"than {within:g} (false alarm {error:g}).",
            None: f"{size} draws cannot decide that {both} differ by at most {within:g}: the estimate is "
            f"{distance:.4g}; about {needed:.2g} draws would decide if it stays. Raise max_draws or change within.",
        }
        yield Look(verdict, partial(str, said[verdict]))


def _to_law(x: FloatArray, law: Any, name: str) -> float:
    """Return the largest difference of an empirical distribution function and a law's, on both sides of a step."""
    at, left = (_probabilities(law, name, values) for values in (x, np.nextafter(x, -np.inf)))
    up_to, before = np.searchsorted(x, x, "right") / x.size, np.searchsorted(x, x, "left") / x.size
    return float(max(np.abs(up_to - at).max(), np.abs(before - left).max()))


def _probabilities(law: Any, name: str, x: FloatArray) -> FloatArray:
    """Return a law's distribution function; raise ValueError unless it has a probability for each value."""
    found = answer(f"the cdf of {name}", np.asarray, law.cdf, x)
    if found.shape != x.shape or found.dtype.kind not in "biuf" or not (np.abs(found - 0.5) <= 0.5 + ROUNDING).all():
        raise ValueError(
            f"the cdf of {name} returns a probability from 0 to 1 for each value; got {shown(found)} for {x.size} "
            "values."
        )
    probabilities: FloatArray = np.clip(found.astype(np.float64), 0, 1)
    return probabilities


def _between(x: FloatArray, y: FloatArray) -> float:
    """Return the largest difference of two empirical distribution functions."""
    every = np.concatenate([x, y])
    return float(
        np.abs(np.searchsorted(x, every, "right") / x.size - np.searchsorted(y, every, "right") / y.size).max()
    )

"""Assertion that two random functions, or a function and a law, have the same distribution."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import interval
from bnstats._checks.numbers import seed as checked_seed
from bnstats._checks.user_code import answer, name_of_function
from bnstats._checks.values import optional, shown
from bnstats.simulation.precision.looks import decided, sizes_at_looks
from bnstats.testing.claims import InsufficientPower, false_alarm_rate
from bnstats.testing.mean import MAX_DRAWS, max_draws_of
from bnstats.testing.own_function import Draws, random_function
from bnstats.testing.suite import note, rate_of

FIRST_LOOK = 64
ROUNDING = 1e-9
"""Distance from 0 and 1 up to which a distribution function of sums may lie outside."""


def _law_or_function(name: str, given: Any) -> Any:
    if callable(getattr(given, "cdf", None)) or callable(given):
        return given
    raise ValueError(f"{name} is a function f(rng), or a law with a cdf such as stats.norm(); got {shown(given)}.")


@checked(
    f=random_function,
    other=_law_or_function,
    within=interval("(0, 1)", "a distance of distribution functions"),
    false_alarm=optional(false_alarm_rate),
    seed=checked_seed,
    max_draws=max_draws_of,
)
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
    error = rate_of(false_alarm)
    is_law = callable(getattr(other, "cdf", None))
    draws = [Draws(f, seed)] + ([] if is_law else [Draws(other, seed + 1)])
    names = draws[0].name, getattr(getattr(other, "dist", other), "name", None) or name_of_function(other)
    sizes = sizes_at_looks(FIRST_LOOK, max_draws, 2) if max_draws > FIRST_LOOK else [max_draws]
    held: list[list[FloatArray]] = [[] for _ in draws]
    distance = margin = math.nan
    for size in sizes:
        for own, one in zip(held, draws, strict=True):
            own.append(one.take(size - one.n))
        samples = [np.sort(np.concatenate(own)) for own in held]
        # Massart's inequality, for each of the functions.
        margin = len(draws) * math.sqrt(math.log(2 * len(draws) * len(sizes) / error) / (2 * size))
        distance = _to_law(samples[0], other, names[1]) if is_law else _between(*samples)
        verdict = decided((distance - margin, distance + margin), (-math.inf, within))
        if verdict:
            note(
                f"{names[0]} and {names[1]} are equal within {within:g}: {size} draws; a larger difference would have "
                f"been found with a probability of {1 - error:.10g}"
            )
            return
        if verdict is False:
            raise AssertionError(
                f"the distribution functions of {names[0]} and {names[1]} differ by about {distance:.4g}, from {size} "
                f"draws: by more than {within:g} (false alarm {error:g})."
            )
    needed = sizes[-1] * (margin / (within - distance)) ** 2 if within != distance else math.inf
    raise InsufficientPower(
        f"{sizes[-1]} draws cannot decide that {names[0]} and {names[1]} differ by at most {within:g}: the estimate is "
        f"{distance:.4g}; about {needed:.2g} draws would decide if it stays. Raise max_draws or change within."
    )


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

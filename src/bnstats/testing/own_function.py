"""Values of a random function of one's own, f(rng) or f(rng, size), drawn some at a time."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from bnstats._checks.arguments import Check
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import plain_array
from bnstats._checks.numbers import LARGEST_COUNT, seed, whole
from bnstats._checks.safe_text import raised
from bnstats._checks.user_code import name_of_function
from bnstats._checks.values import optional, require
from bnstats.simulation.identity import stream
from bnstats.testing.sequential.looks import false_alarm_rate

FIRST, GROWTH = 16, 16
"""Values that are drawn at first; later looks come after a GROWTH-th more of all values."""
MAX_DRAWS = 2**20
"""Values that an assertion draws at most, by default."""


def _random_function(name: str, given: Any) -> Any:
    """Return a function that takes a generator, and perhaps a size."""
    require(callable(given), name, given, "a function f(rng) or f(rng, size) of random values")
    return given


CHECKS: Mapping[str, Check] = {
    "f": _random_function,
    "false_alarm": optional(false_alarm_rate),
    "seed": seed,
    "max_draws": partial(whole, minimum=32, maximum=LARGEST_COUNT),
}
"""Checks of arguments that all assertions about a random function have."""


class Draws:
    """Values of a function, in a stream of its own.

    Parameters
    ----------
    function : callable
        f(rng), which returns one number, or f(rng, size), which returns an array of `size`.
    seed : int
        Seed of the stream.
    """

    def __init__(self, function: Callable[..., Any], seed: int) -> None:
        self.name = name_of_function(function)
        self.function, self.rng = function, stream(seed, {"function": self.name}, 0)
        self.takes_size = _takes_size(function)
        self.n, self._taken = 0, list[FloatArray]()

    @property
    def values(self) -> FloatArray:
        """All values so far."""
        return np.concatenate(self._taken)

    def take(self, size: int) -> FloatArray:
        """Return the next values."""
        try:
            found = self.function(self.rng, size) if self.takes_size else [self._one() for _ in range(size)]
        except TypeError as error:
            raise ValueError(f"{self.name} raises {raised(error)}.") from error
        array = plain_array(f"what {self.name} returns", found)
        if array.shape != (size,) or array.dtype.kind not in "biuf":
            returns = f"(rng, size) returns {size} real numbers" if self.takes_size else "(rng) returns real numbers"
            raise ValueError(f"{self.name}{returns}; got an array of shape {array.shape} and type {array.dtype}.")
        values = array.astype(np.float64)
        if not np.isfinite(values).all():
            bad = int(np.argmax(~np.isfinite(values)))
            raise ValueError(f"{self.name} returned {values[bad]} in draw {self.n + bad}; return finite numbers.")
        self.n += size
        self._taken.append(values)
        return values

    def _one(self) -> Any:
        value = self.function(self.rng)
        if np.ndim(value) != 0:
            raise ValueError(
                f"{self.name}(rng) returns one number; got an array of shape {np.shape(value)}: let it take "
                "f(rng, size) to return several."
            )
        return value

    def looks(self, max_draws: int) -> Iterator[FloatArray]:
        """Yield values until `max_draws` were drawn."""
        while self.n < max_draws:
            yield self.take(min(max(FIRST, self.n // GROWTH), max_draws - self.n))


def _takes_size(function: Callable[..., Any]) -> bool:
    """Return True if a function has a second positional parameter that it needs, or one called size."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):  # some compiled functions show no signature
        return False
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(places) > 1 and (places[1].default is places[1].empty or places[1].name == "size")

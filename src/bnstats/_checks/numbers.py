"""Checks of numbers: whole numbers, sizes, proportions and intervals, each kind in one place.

Each check takes the argument's name and value. It returns the value for use, or raises a ValueError of one sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np

from bnstats._checks.values import each, scalar, shown

LARGEST_BATCH = 2**27
"""Maximum values in a simulated batch: one gigabyte."""
LARGEST_COUNT = 2**53
"""Maximum of other counts: floats represent no larger one exactly, and C integers do not overflow."""
MOST_THREADS = 2**16


def whole(name: str, value: Any, minimum: int, maximum: int | None = None) -> int:
    """Return a whole number of at least `minimum`, given as any type: 64.0 is one, True is none.

    >>> import numpy as np
    >>> whole("batch_size", 64.0, minimum=2), whole("batch_size", np.int8(3), minimum=2)
    (64, 3)
    >>> whole("steps", 2.5, minimum=1)
    Traceback (most recent call last):
        ...
    ValueError: steps is a whole number of at least 1; got 2.5.
    """
    given = scalar(value)
    fits = isinstance(given, Integral) or (given is not None and _float(given).is_integer())
    if not fits or given < minimum or (maximum is not None and given > maximum):
        too_large = fits and maximum is not None and given > maximum
        allowed = f"from {minimum} to {maximum}" if too_large else f"of at least {minimum}"
        raise ValueError(f"{name} is a whole number {allowed}; got {shown(value)}.")
    return int(given)


def batch_size(name: str, value: Any, minimum: int = 2, maximum: int = LARGEST_BATCH) -> int:
    """Return the number of values, or rows, in a batch.

    >>> batch_size("batch_size", 2**40)
    Traceback (most recent call last):
        ...
    ValueError: batch_size is a whole number from 2 to 134217728; got 1099511627776.
    """
    return whole(name, value, minimum, maximum)


def sample_size(name: str, value: Any) -> int:
    """Return the number of values in a formula, which may exceed memory because nothing is drawn.

    >>> sample_size("batch_size", 1e12)
    1000000000000
    """
    return whole(name, value, minimum=1, maximum=LARGEST_COUNT)


def batch_sizes(name: str, given: Any, minimum: int = 2) -> tuple[int, ...]:
    """Return one batch size or several, without duplicates.

    >>> batch_sizes("batch_sizes", [2, 64.0, 2])
    (2, 64)
    """
    return each(name, given, lambda n: batch_size(f"each of {name}", n, minimum))


def number(name: str, value: Any, within: str = "(-inf, inf)", meaning: str = "a number") -> float:
    """Return a number in an interval in mathematical notation: "[0, 1)" includes 0 and excludes 1.

    >>> number("phi", 1, within="[0, 1)")
    Traceback (most recent call last):
        ...
    ValueError: phi is a number, at least 0 and below 1; got 1.
    >>> number("momentum", "0.1")
    Traceback (most recent call last):
        ...
    ValueError: momentum is a number, finite; got '0.1'.
    """
    given = scalar(value)
    if given is None or not _within(_float(given), within):
        allowed = ", ".join(filter(None, (meaning, _spoken(within))))
        raise ValueError(f"{name} is {allowed}; got {shown(value)}.")
    return _float(given)


def count(name: str, value: Any) -> int:
    """Return a count: a whole number of at least 1."""
    return whole(name, value, minimum=1, maximum=LARGEST_BATCH)


def proportion(name: str, value: Any) -> float:
    """Return a proportion, from 0 to 1.

    >>> proportion("smoothness", 2)
    Traceback (most recent call last):
        ...
    ValueError: smoothness is a proportion, from 0 to 1; got 2.
    """
    return number(name, value, "[0, 1]", "a proportion")


def probability(name: str, value: Any) -> float:
    """Return a probability above 0 and below 1, such as a confidence or a false-alarm rate.

    >>> probability("confidence", 1.5)
    Traceback (most recent call last):
        ...
    ValueError: confidence is a probability, above 0 and below 1; got 1.5.
    """
    return number(name, value, "(0, 1)", "a probability")


def seed(name: str, value: Any) -> int:
    """Return a seed of random streams: a whole number of at least 0, also that of a `SeedSequence`.

    A `SeedSequence` that was made of one whole number is that number. Any other one is 256 bits of its state, so that
    spawned sequences have different seeds.

    >>> from numpy.random import SeedSequence
    >>> seed("seed", SeedSequence(3)), seed("seed", SeedSequence(3).spawn(1)[0]) > 2**200
    (3, True)
    >>> seed("seed", np.random.default_rng(3))
    Traceback (most recent call last):
        ...
    ValueError: seed is a whole number of at least 0, or a SeedSequence; got Generator(PCG64)..., which has no identity
    that a store could compare: give rng.bit_generator.seed_seq, or a number.
    """
    if isinstance(value, np.random.SeedSequence):
        if value.spawn_key == () and isinstance(value.entropy, Integral):
            return int(value.entropy)
        return int.from_bytes(value.generate_state(8).astype("<u4").tobytes(), "little")
    if isinstance(value, np.random.Generator):
        raise ValueError(
            f"{name} is a whole number of at least 0, or a SeedSequence; got {shown(value)}, which has no identity "
            "that a store could compare: give rng.bit_generator.seed_seq, or a number."
        )
    return whole(name, value, minimum=0)


def interval(within: str, meaning: str = "a number") -> Callable[[str, Any], float]:
    """Return a check for numbers in an interval, see `number`.

    >>> interval("(0, 1]")("weight", 1)
    1.0
    """
    return lambda name, value: number(name, value, within, meaning)


def _float(given: Any) -> float:
    try:
        return float(given)
    except OverflowError:  # whole numbers and fractions may exceed the largest float
        return math.inf if given > 0 else -math.inf


def _spoken(interval: str) -> str:
    """Return an interval in words.

    >>> _spoken("(0, 1]"), _spoken("[0, 2]"), _spoken("[0, inf)"), _spoken("(-inf, inf)")
    ('above 0 and at most 1', 'from 0 to 2', 'at least 0 and finite', 'finite')
    """
    low, high = interval[1:-1].split(", ")
    if interval[0] == "[" and interval[-1] == "]" and low != "-inf" and high != "inf":
        return f"from {low} to {high}"
    above = "" if low == "-inf" else f"{'at least' if interval[0] == '[' else 'above'} {low}"
    below = f"{'at most' if interval[-1] == ']' else 'below'} {high}"
    below = {"at most inf": "", "below inf": "finite"}.get(below, below)
    return " and ".join(part for part in (above, below) if part)


def _within(given: float, interval: str) -> bool:
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = given >= low if interval[0] == "[" else given > low
    return above and (given <= high if interval[-1] == "]" else given < high)

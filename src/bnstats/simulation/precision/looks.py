"""Sequential stopping: the sizes at which evidence is looked at, fixed beforehand, and what an interval decides.

A run adds blocks until its numbers are precise, a claim and an assertion until an interval decides them. All of them
look at sizes that double. An error rate that does not hold for all looks together is split over their number.
"""

from __future__ import annotations

FIRST_LOOK_BLOCKS = 8
"""Blocks at the first look of a run or a claim."""


def sizes_at_looks(first: int, largest: int, steps_per_doubling: int = 1) -> list[int]:
    """Return the sizes after each step, from `first` on, doubling; the last size is `largest`.

    >>> sizes_at_looks(8, 40), sizes_at_looks(8, 40, steps_per_doubling=3), sizes_at_looks(8, 5)
    ([8, 16, 32, 40], [8, 10, 13, 16, 20, 25, 32, 40], [5])
    """
    sizes: list[int] = []
    while (size := round(first * 2 ** (len(sizes) / steps_per_doubling))) < largest:
        sizes.append(size)
    return [*sizes, largest]


def decided(interval: tuple[float, float], region: tuple[float, float]) -> bool | None:
    """Return True for an interval inside the region, False for an interval outside, and None if it decides nothing.

    An interval with an end that is NaN decides nothing.

    >>> [decided(interval, (0.9, 1.0)) for interval in ((0.92, 0.95), (0.85, 0.88), (0.88, 0.95))]
    [True, False, None]
    """
    (low, high), (least, most) = interval, region
    if least <= low and high <= most:
        return True
    return False if high < least or most < low else None

"""Shapes of claims: an interval method with evidence that fits it, for proportions, chances, cases and numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.claims import Bounded, Claim, Enumerated, Exact, Proportion, Region, Within
from bnstats.claims.evidence import Evidence


def proportion(
    name: str, statement: str, source: str, quantity: str, region: Region, evidence: Evidence, most: int = 512
) -> Claim:
    """Return the claim about a proportion, such as an accuracy."""
    return Claim(name, statement, source, quantity, region, Bounded(0, 1), evidence, most)


def difference(
    name: str, statement: str, source: str, quantity: str, region: Region, evidence: Evidence, most: int = 2**12,
    largest: float = 1,
) -> Claim:  # fmt: skip
    """Return the claim about a difference of proportions, at most `largest` in size."""
    return Claim(name, statement, source, quantity, region, Bounded(-largest, largest), evidence, most)


def chance(
    name: str, statement: str, source: str, quantity: str, region: Region, evidence: Evidence, most: int = 2**15
) -> Claim:
    """Return the claim about the chance of an event, which evidence of 0 and 1 shows."""
    return Claim(name, statement, source, quantity, region, Proportion(), evidence, most)


def likely(
    name: str, statement: str, source: str, event: str, evidence: Within, low: float = 0.9, most: int = 2**10
) -> Claim:
    """Return the claim that an event has a chance of at least `low`, by default in nine networks of ten."""
    return chance(name, statement, source, f"chance that {event}", Region.above(low), evidence, most)


def all_cases(
    name: str, statement: str, source: str, quantity: str, region: Region, cases: Callable[[], FloatArray], scope: str,
    rounding: float = 0.0,
) -> Claim:  # fmt: skip
    """Return the claim about a quantity of all cases, which are computed up to `rounding`."""
    return Claim(name, statement, source, quantity, region, Exact(rounding), Enumerated(cases, scope))


def computed(
    name: str, statement: str, source: str, quantity: str, region: Region, value: Callable[[], float], scope: str,
    rounding: float,
) -> Claim:  # fmt: skip
    """Return the claim about a number that is computed up to `rounding`."""
    return all_cases(name, statement, source, quantity, region, lambda: np.array([value()]), scope, rounding)

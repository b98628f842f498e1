"""Shapes of claims: an interval method with evidence that fits it, for shares, their differences, chances and cases."""

from __future__ import annotations

from collections.abc import Callable

from bnstats._checks.array_types import FloatArray
from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import BatchStatistic, Enumerated, Evidence
from bnstats.claims.interval_methods import Bounded, Exact, Proportion


def share(
    name: str, statement: str, source: str, quantity: str, region: Region, evidence: Evidence, most: int = 512
) -> Claim:
    """Return the claim about a share between 0 and 1, such as an accuracy."""
    return Claim(name, statement, source, quantity, region, Bounded(0, 1), evidence, most)


def difference(
    name: str, statement: str, source: str, quantity: str, region: Region, evidence: Evidence, most: int = 2**12,
    largest: float = 1,
) -> Claim:  # fmt: skip
    """Return the claim about a difference of shares, at most `largest` in size."""
    return Claim(name, statement, source, quantity, region, Bounded(-largest, largest), evidence, most)


def chance(
    name: str, statement: str, source: str, quantity: str, region: Region, study: BatchStatistic, most: int = 2**15
) -> Claim:
    """Return the claim about the chance of an event, which a statistic of batches shows."""
    return Claim(name, statement, source, quantity, region, Proportion(), study.evidence, most)


def all_cases(
    name: str, statement: str, source: str, quantity: str, region: Region, cases: Callable[[], FloatArray], scope: str,
    rounding: float = 0.0,
) -> Claim:  # fmt: skip
    """Return the claim about a quantity of all cases, which are computed up to `rounding`."""
    return Claim(name, statement, source, quantity, region, Exact(rounding), Enumerated(cases, scope))

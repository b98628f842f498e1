"""Interval methods and what they refuse: false claims that must not be supported."""

from __future__ import annotations

import numpy as np
import pytest

from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import BatchStatistic, Enumerated, Evidence, Within
from bnstats.claims.interval_methods import Bounded, Exact, IntervalMethod, Moment, Proportion
from bnstats.claims.ledger import check_claims


def claim(region: Region, interval_method: IntervalMethod, evidence: Evidence, max_replicates: int = 2**14) -> Claim:
    return Claim("own", "statement", "source", "quantity", region, interval_method, evidence, max_replicates)


DRAWN = BatchStatistic("uniform", 2, lambda x: x.mean(axis=1)).evidence


@pytest.mark.parametrize("evidence", [DRAWN, DRAWN - DRAWN, Within(DRAWN, 0.0, 0.5)])
def test_drawn_evidence_is_no_algebra(evidence: Evidence) -> None:
    """All means of 2**14 pairs of uniform values lie between 0 and 1; that the mean is in 0 to 1 is no algebra."""
    with pytest.raises(ValueError, match=r"takes bn.claims.Enumerated.*or an interval_method that is valid for drawn"):
        claim(Region(0.1, 0.9), Exact(), evidence)


def test_cases_that_are_drawn_are_no_enumeration() -> None:
    """A few normal values are all below 6; "each is below 6" is false, and must not be supported."""
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"claim 'own': cases.* other values at the second call"):
        check_claims(claim(Region.below(6.0), Exact(), Enumerated(lambda: rng.normal(size=8))))


def test_cases_that_reuse_their_memory_are_compared_as_they_were() -> None:
    kept, rng = np.zeros(4), np.random.default_rng(0)

    def cases() -> np.ndarray:
        kept[:] = rng.normal(size=4)
        return kept

    with pytest.raises(ValueError, match="other values at the second call"):
        check_claims(claim(Region.below(6.0), Exact(), Enumerated(cases)))


@pytest.mark.parametrize("cases", [lambda: 1.0, lambda: "one", lambda: np.ones((2, 2)), lambda: [1 + 1j]])
def test_cases_are_one_real_array(cases: object) -> None:
    with pytest.raises(ValueError, match=r"claim 'own': what cases\(\) returns"):
        check_claims(claim(Region.below(6.0), Exact(), Enumerated(cases)))  # type: ignore[arg-type]


def test_a_skewness_is_always_said() -> None:
    """A rare large value: 10^6 once in a million batches, so that the mean is 1, and "at most 0.5" is false.

    Without a bound for the skewness it is supported by any number of zeros that is affordable; its skewness is 1000,
    with which far more replicates are needed.
    """
    with pytest.raises(TypeError, match="skewness"):
        Moment()  # type: ignore[call-arg]
    rare = BatchStatistic("uniform", 2, lambda x: 1e6 * (x[:, 0] < 1e-6)).evidence
    row = check_claims(claim(Region.below(0.5), Moment(1000.0), rare, max_replicates=2**16)).table.iloc[0]
    assert (row["verdict"], row["replicates_needed"] > 1e8) == ("undecided", True)


@pytest.mark.parametrize("value", [0.0, 1e-300, 0.1, -1e9])
def test_replicates_that_are_all_equal_decide_nothing_on_the_grounds_of_a_moment(value: float) -> None:
    """Their spread is 0, which says nothing about what was not drawn; equal but for rounding is equal."""
    equal = value * (1 + np.resize([0.0, np.finfo(float).eps], 4096))
    assert Moment(0.0).interval(equal, 0.01) == (-np.inf, np.inf)
    evidence = BatchStatistic("uniform", 2, lambda x: np.full(len(x), value)).evidence
    table = check_claims(claim(Region.near(value, 1e-3), Moment(0.0), evidence, max_replicates=2**16)).table
    assert table["verdict"].item() == "undecided"
    assert table["replicates_needed"].item() == np.inf


def test_other_grounds_decide_by_equal_replicates_as_far_as_those_go() -> None:
    """Bounds and counts are valid for any replicates: they are no part of the rule above."""
    ones = np.ones(4096)
    for interval_method in (Proportion(), Bounded(0, 1)):
        low, high = interval_method.interval(ones, 0.01)
        assert 0.99 < low < 1
        assert high == pytest.approx(1, abs=1e-9)

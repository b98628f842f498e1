"""The ledger: true claims, false ones, none without evidence, and how often its verdicts are wrong."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import BatchStatistic, Enumerated, Measures
from bnstats.claims.interval_methods import Bounded, Exact, IntervalMethod, Moment, Proportion
from bnstats.claims.ledger import Ledger, check_claims
from bnstats.claims.published import PublishedSign
from bnstats.claims.registry import CLAIMS
from bnstats.claims.sequential_test import SequentialTest, verdict

ROOT = Path(__file__).parents[2]

# Cheap claims of every interval method.
QUICK = (
    "variance-biased-exactly", "question-zeros", "only-order-survives-at-2", "zero-at-3", "zero-at-8", "zero-at-64",
    "variance-biased", "variance-converges", "correction-helps-nuisance", "correction-hurts-signal", "large-enough",
)  # fmt: skip

LEDGERS = 1000


def mean_of(law: str, n: int = 4) -> Measures:
    return BatchStatistic(law, n, lambda x: x.mean(axis=1)).evidence


def claim(
    region: Region, interval_method: IntervalMethod, evidence: Measures | Enumerated, max_replicates: int = 2**14
) -> Claim:
    return Claim("own", "statement", "source", "quantity", region, interval_method, evidence, max_replicates)


def elsewhere(region: Region) -> Region:
    """A region that a true claim's quantity is not in: beside it where it has two ends, else the other side."""
    if np.isfinite(region.low) and np.isfinite(region.high):
        width = max(region.high - region.low, 1e-3)
        return Region(region.high + 2 * width, region.high + 4 * width)
    edge = region.low if np.isfinite(region.low) else region.high
    return Region.below(edge) if np.isfinite(region.low) else Region.above(edge)


@pytest.mark.slow
def test_true_claims_are_supported_and_deliberately_false_variants_refuted():
    """False alarm: 1e-3 for the whole ledger, in which a claim and its variant share blocks."""
    true = [CLAIMS[name] for name in QUICK]
    false = [replace(claim, identifier=f"not {claim.identifier}", region=elsewhere(claim.region)) for claim in true]
    table = check_claims([*true, *false]).table
    expected = np.repeat(["supported", "refuted"], len(QUICK))
    assert (table["verdict"] == expected).all(), table[["claim", "estimate", "low", "high", "verdict"]]


def test_without_evidence_nothing_is_decided():
    table = check_claims(max_replicates=0).table
    assert len(table) == len(CLAIMS)
    signs = [isinstance(entry, PublishedSign) for entry in CLAIMS.values()]
    assert table["verdict"].tolist() == ["undecided here" if sign else "undecided" for sign in signs]
    assert (table["replicates"] == 0).all()
    assert (table["replicates_needed"] > 0).all()


def test_a_border_is_undecided_and_says_so():
    evidence = mean_of("uniform") - mean_of("uniform", 5)
    ledger = check_claims(claim(Region.above(0.0), Bounded(-1, 1), evidence))
    row = ledger.table.iloc[0]
    assert f"about {row['replicates_needed']:.3g} replicates are needed, there were" in ledger.summary()
    assert row["verdict"] == "undecided"
    assert row["low"] < 0 < row["high"]
    assert row["replicates_needed"] > row["replicates"]


@pytest.mark.slow
@pytest.mark.parametrize("interval_method", ["proportion", "bounded", "moment"])
def test_verdicts_are_seldom_wrong_on_the_border(interval_method):
    """1000 ledgers of one claim at an error of 0.05 whose quantity is the border itself: any verdict is wrong.

    More than 77 wrong ones have a chance below 1e-4 if the error is right; twice the error is found with a probability
    of 0.99. A rule that looks four times without splitting its error, or at half its width, has more (next test).
    """
    assert wrong_verdicts(interval_method) <= int(stats.binom.isf(1e-4, LEDGERS, 0.05))


@pytest.mark.parametrize("interval_method", ["proportion", "moment"])
def test_a_rule_that_does_not_split_its_error_is_found_out(interval_method):
    # Error 0.2 at each of the looks: about 0.3 of the ledgers are wrong; power above 0.9999.
    bound = int(stats.binom.isf(1e-4, LEDGERS, 0.05))
    assert wrong_verdicts(interval_method, wrong=16, enough=bound) > bound


class Drawn(Enumerated):
    """Any number of blocks, each drawn anew."""

    @property
    def blocks(self) -> float:
        return np.inf

    def values(self, found: object) -> np.ndarray:
        return np.asarray(self.cases())


def wrong_verdicts(kind: str, wrong: float = 1.0, enough: float = np.inf) -> int:
    """Ledgers with a verdict, of claims "at most the mean" and "at least the mean" in turn; no more than enough."""
    laws = {
        "proportion": (Proportion(), 0.3, lambda rng: (rng.random(8) < 0.3).astype(float)),
        "bounded": (Bounded(0, 1), 0.8, lambda rng: rng.beta(8, 2, size=8)),
        "moment": (Moment(2.0), 1.0, lambda rng: rng.exponential(size=8)),
    }
    interval_method, mean, draw = laws[kind]
    rng, count = np.random.default_rng(0), 0
    blocks = 160 if kind == "moment" else 64
    for i in range(LEDGERS):
        region = Region.below(mean) if i % 2 else Region.above(mean)
        test = SequentialTest(
            claim(region, interval_method, Drawn(lambda: draw(rng))), 0.05 * wrong, max_replicates=blocks
        )
        for step in range(len(test.ends)):
            for _ in test.blocks_of(step):
                test.add({})
            test.end(step)
        count += test.verdict != "undecided"
        if count > enough:
            break
    return count


def test_the_moment_grounds_wait_for_their_normal_approximation():
    """Exponential values at an error of 0.01: at the number that is asked for, misses are as rare as said.

    40000 intervals: more than 476 misses have a chance below 1e-4 at 0.01. At a fortieth of the number there are more.
    """
    interval_method, rng = Moment(2.0), np.random.default_rng(0)
    enough = interval_method.needed(0.01)

    def misses(n: int) -> int:
        x = rng.exponential(size=(40_000, n))
        half = stats.norm.isf(0.01 / 4) * x.std(axis=1, ddof=1) / np.sqrt(n)
        return int((abs(x.mean(axis=1) - 1) > half).sum())

    assert 100 < enough < 1000
    max_replicates = int(stats.binom.isf(1e-4, 40_000, 0.01))
    assert misses(enough) <= max_replicates < misses(max(enough // 40, 3))
    few = check_claims(claim(Region.above(0.5), interval_method, mean_of("exponential", 1024), max_replicates=64)).table
    assert few["verdict"].item() == "undecided"


def test_proportion_covers_exactly():
    # Enumerated: for 30 coins of any chance, the interval misses with at most the error, on both sides together.
    for p in (0.01, 0.1, 0.5, 0.9):
        k = np.arange(31)
        ends = np.array([Proportion().interval(np.repeat([1.0, 0.0], [i, 30 - i]), 0.05) for i in k])
        missed = stats.binom.pmf(k, 30, p)[(ends[:, 0] > p) | (ends[:, 1] < p)].sum()
        assert missed <= 0.05


def test_a_farther_quantity_would_have_been_found_out():
    """The smallest departure is honest: shift the region by it beyond the estimate's interval, and it is refuted."""
    row = check_claims("variance-biased").table.iloc[0]
    shifted = Region.above(row["low"] + row["min_detectable"] + 1e-9)
    assert verdict((row["low"], row["high"]), shifted) == "refuted"


@pytest.mark.slow
def test_results_do_not_depend_on_threads_or_on_who_shares_blocks():
    pair = ["correction-helps-nuisance", "distinct-batches"]
    one, two = check_claims(pair, executor=1).table, check_claims(pair, executor=2).table
    assert one.equals(two)
    alone = check_claims(pair[0], false_verdicts=5e-4).table
    assert alone["estimate"].item() == one["estimate"].iloc[0]


def test_claims_that_cannot_be_false_are_refused():
    with pytest.raises(ValueError, match="cannot be false"):
        claim(Region(0.0, 1.0), Bounded(0, 1), mean_of("uniform"))
    with pytest.raises(ValueError, match="cannot be true"):
        claim(Region.above(2.0), Bounded(0, 1), mean_of("uniform"))
    with pytest.raises(ValueError, match="leaves values out"):
        Region()


def test_replicates_that_their_grounds_rule_out_are_refused():
    with pytest.raises(ValueError, match="claim 'own': replicates for interval method 'bounded'"):
        check_claims(claim(Region.above(0.5), Bounded(0, 1), mean_of("normal")))
    with pytest.raises(ValueError, match="are 0 or 1"):
        check_claims(claim(Region.above(0.5), Proportion(), mean_of("uniform")))
    with pytest.raises(ValueError, match="lie from"):
        check_claims(claim(Region.above(0.5), Exact(), Enumerated(lambda: np.array([np.nan]))))


@pytest.mark.slow
def test_claims_are_made_without_the_package_that_holds_their_data():
    """In a process of its own, where scikit-learn cannot be imported: only what is judged needs data."""
    code = (
        "import sys; sys.modules['sklearn'] = sys.modules['sklearn.datasets'] = None; import bnstats as bn; "
        "print(len(bn.claims.CLAIMS), bn.check_claims('zero-at-3').table['verdict'].item())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(len(CLAIMS)), "supported"]


def test_bad_arguments():
    with pytest.raises(ValueError, match="did you mean 'zero-at-3'"):
        check_claims("zero-at-33")
    with pytest.raises(ValueError, match="identifier of its own"):
        check_claims(["zero-at-3", "zero-at-3"])
    with pytest.raises(ValueError, match="claims is empty"):
        check_claims([])
    with pytest.raises(ValueError, match="false_verdicts"):
        check_claims("zero-at-3", false_verdicts=2)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Region("low"), "low is a number; got 'low'"),
        (lambda: Region.near(0.5, -1), "margin is a number, at least 0"),
        (lambda: Bounded(1, 0), "low below high"),
        (lambda: Proportion().interval([0.0, np.nan], 0.01), "are 0 or 1"),
        (lambda: Moment(1.0).interval([1.0], 0.01), "takes at least two replicates"),
        (lambda: Enumerated(3), "cases can be called"),
        (lambda: claim(3, Proportion(), mean_of("uniform")), "region is an object such as"),
        (lambda: check_claims(1.0), "claim takes a name .* and [0-9]+ more"),
        (lambda: check_claims("zero-at-3", max_replicates=10**400), "max_replicates is a whole number from 0"),
        (lambda: check_claims("zero-at-3", executor=2**63), "executor is None, a number of threads of at least 1"),
        (lambda: check_claims("zero-at-3", progress="no"), "progress is True or False"),
    ],
)
def test_parts_of_claims_are_checked(made, message):
    with pytest.raises(ValueError, match=message):
        made()


def test_infinite_replicates_are_no_warning():
    assert not np.isfinite(Moment(1.0).interval([1e308, -1e308, 1e308], 0.01)).all()


def draws(claim) -> float:
    """Values that the evidence takes at most; infinitely many of studies of more than a statistic of batches."""
    if isinstance(claim, PublishedSign) or not all(isinstance(s, BatchStatistic) for s in claim.evidence.studies):
        return np.inf
    return claim.max_replicates * sum(study.batch_size for study in claim.evidence.studies)


@pytest.mark.parametrize("name", [name for name, claim in CLAIMS.items() if draws(claim) <= 2**21])
def test_a_cheap_claim_has_the_verdict_of_the_committed_ledger(name):
    """A claim that is not in the ledger yet is supported. False alarm: 1e-3 for the ledger, a share of it for each."""
    committed = pd.read_csv(ROOT / "figures/claims.csv", index_col="claim")["verdict"]
    assert check_claims(name).table["verdict"].item() == committed.get(name, "supported")


def test_every_claim_is_complete():
    for name, entry in CLAIMS.items():
        assert name == entry.identifier
        assert name == name.lower()
        assert entry.statement.endswith("."), name
        assert all((entry.source, entry.quantity)), name
    assert {entry.interval_method.name for entry in CLAIMS.values()} == {
        "by algebra",
        "proportion",
        "bounded",
        "moment",
    }


def test_every_claim_says_its_scope():
    """The data and the networks, from the evidence itself, without loading any data."""
    for name, entry in CLAIMS.items():
        assert entry.evidence.scope, name
    differ = CLAIMS["very-small-batches-are-bad"].evidence.scope.split("; ")
    assert differ[0] == "digits"
    assert [phrase.rpartition(", ")[2] for phrase in differ[-2:]] == ["batches of 64", "batches of 2"]


def test_a_zero_means_what_a_simulation_that_knows_no_formula_finds():
    """The grades behind a 0 in 200 000 pairs of batches, drawn and solved for the value whose normalized one is 0.

    False alarm: 4.5 standard errors for each of three sizes, 2e-5. Power: a chance that is off by 3 % at n = 3 is seen
    with 0.98; at n = 64, where it is 1.5e-8, more than 10 in 200 000 would be.
    """
    rng = np.random.default_rng(0)
    for n in (3, 8, 64):
        claimed = CLAIMS[f"zero-at-{n}"].evidence.values({}).item()
        differ = total = 0
        for _ in range(20):
            pair = rng.normal(72, 10, size=(10_000, 2, n))
            z = (pair - pair.mean(axis=2, keepdims=True)) / pair.std(axis=2, keepdims=True)
            # The line through two of a batch's points (z, grade), at z = 0.
            slope = (pair[..., 1] - pair[..., 0]) / (z[..., 1] - z[..., 0])
            grade = pair[..., 0] - slope * z[..., 0]
            differ, total = differ + int((abs(grade[:, 0] - grade[:, 1]) > 10).sum()), total + 10_000
        assert abs(differ / total - claimed) < 4.5 * np.sqrt(claimed * (1 - claimed) / total) + 1e-7


def test_claims_by_algebra_and_published_signs_are_counted_apart():
    decided = check_claims(["zero-at-3", "zero-at-64", "same-as-whole-data-at-3"]).table
    sign = check_claims("group-norm-at-2", max_replicates=0).table
    ledger = Ledger(pd.concat([decided, sign], ignore_index=True), 1e-3)
    assert ledger.table["interval_method"].tolist() == ["by algebra", "by algebra", "proportion", "bounded"]
    assert ledger.summary().splitlines()[:4] == [
        "1 claim by evidence: 0 supported, 1 refuted, 0 undecided.",
        "2 claims by algebra: 2 supported, 0 refuted.",
        "1 published sign: 0 the same here, 0 opposite here, 1 undecided here.",
        "Any of the verdicts is wrong with a probability of at most 0.001.",
    ]
    last = f"undecided here: {CLAIMS['group-norm-at-2'].statement.rstrip('.')}"
    assert ledger.summary().splitlines()[-1].startswith(last)
    ledger.plot()


def test_what_is_so_by_construction_is_marked():
    """Claims that no data could make false."""
    algebra = {name for name, entry in CLAIMS.items() if entry.interval_method.name == "by algebra"}
    assert algebra == {
        "variance-biased-exactly", "question-zeros", "equal-values-become-zeros", "only-order-survives-at-2",
        "normalized-batches-comparable", "zero-at-3", "zero-at-8", "zero-at-64", "same-batches-show-mean",
        "spread-at-3", "spread-at-64", "tenth-at-3", "tenth-at-64", "d-at-zero-at-3", "d-at-zero-at-64",
        "equal-grades-are-rare-at-3", "one-letter-is-rare-at-8",
    }  # fmt: skip

"""Claims of sentences that had none: cheap ones are decided, and a false variant of each is refuted or undecided.

False alarms: 1e-3 for all verdicts of a call together (`check_claims`), so 2e-3 for the file; checks of formulas state
their own. Seeds are the defaults. Power: a false variant of each cheap claim is
refuted; others are of networks and models, where few replicates may leave it undecided.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bnstats.claims.builtin import answers, fixed_batches, meaning
from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import BatchStatistic, Squared
from bnstats.claims.grades import CUTS
from bnstats.claims.ledger import check_claims
from bnstats.claims.registry import CLAIMS

CHEAP = {
    "same-batches-show-mean": "supported",
    "same-batches-show-variance": "refuted",
    "same-batches-variance-at-16": "supported",
    "same-batches-variance-at-64": "supported",
    "same-batches-variance-at-256": "supported",
    "same-batches-constant-momentum": "supported",
    "beforehand-shuffled-batches-differ": "refuted",
    "beforehand-batches-of-a-letter-differ": "supported",
    "spread-at-3": "supported",
    "spread-at-64": "supported",
    "tenth-at-3": "supported",
    "tenth-at-64": "supported",
    "subsamples-at-4": "supported",
    "same-correction-on-new-data": "supported",
}
DEAR = {
    "distribution-converges": "supported",
    "beforehand-instead-of-batch": "supported",
    "variances-differ": "supported",
    "variances-alike": "refuted",
    "subsamples-at-32": "supported",
    "same-statistics-on-new-data": "undecided",
    "same-statistics-on-like-data": "refuted",
    "better-training-deep": "supported",
    "better-training-shallow": "supported",
    "better-training-at-2": "refuted",
}
SOURCES = (
    *(fixed_batches.COMMENT, meaning.BEFOREHAND, meaning.TENTH, meaning.SPREAD, meaning.DISTRIBUTION),
    *(answers.BEFOREHAND, answers.SAME, answers.SUBSAMPLES, answers.VARIANCES, answers.BETTER),
)
# Enough networks and models to see that nothing false is supported, and most of it not refuted yet.
FEW = 32


def false(claim: Claim) -> Claim:
    """The same quantity, claimed to lie elsewhere: beside a region with two ends, on the other side of one with one."""
    low, high = claim.region.low, claim.region.high
    if np.isfinite(low) and np.isfinite(high):
        width = max(high - low, 1e-3)
        return replace(claim, region=Region(high + width / 2, high + 2 * width))
    return replace(claim, region=Region.below(low) if np.isfinite(low) else Region.above(high))


def test_verdicts_of_cheap_claims_and_of_their_false_variants() -> None:
    """In one ledger, in which a claim and its variant share blocks."""
    supported = [name for name, verdict in CHEAP.items() if verdict == "supported"]
    wrong = [replace(false(CLAIMS[name]), identifier=f"not {name}") for name in supported]
    table = check_claims([*(CLAIMS[name] for name in CHEAP), *wrong]).table.set_index("claim")
    expected = CHEAP | {claim.identifier: "refuted" for claim in wrong}
    assert table["verdict"].to_dict() == expected, table[["estimate", "low", "high", "verdict"]]


@pytest.mark.parametrize("name", DEAR)
def test_false_variants_of_others_are_not_supported(name: str) -> None:
    """Those that the ledger refutes or leaves undecided are not supported themselves."""
    claim = CLAIMS[name]
    wrong = false(claim) if DEAR[name] == "supported" else claim
    row = check_claims(wrong, max_replicates=FEW).table.iloc[0]
    assert row["replicates"] > 0
    assert row["verdict"] != "supported"


def test_every_claim_is_tested_here() -> None:
    assert {name for name, claim in CLAIMS.items() if claim.source in SOURCES} == set(CHEAP | DEAR)


# ---- exact values that regions rest on, against simulations that do not share the formulas


def test_squares_of_measures() -> None:
    measures = BatchStatistic("normal", 4, np.ptp).evidence
    (study,) = measures.studies
    drawn = {study: {"value": np.arange(float(measures.size))}}
    np.testing.assert_array_equal(Squared(measures).values(drawn), np.arange(float(measures.size)) ** 2)


def test_skewness_of_a_squared_distance() -> None:
    """Of one chi-squared value by integration, of a nearly normal sum that of a squared normal value, sqrt(8)."""
    law = stats.chi2(3)
    second, fourth, sixth = (law.expect(lambda x, k=k: (x - 3) ** k, epsabs=1e-10, limit=200) for k in (2, 4, 6))
    wanted = (sixth - 3 * fourth * second + 2 * second**3) / (fourth - second**2) ** 1.5
    assert fixed_batches._skewness_of_square(np.array([-0.3]), np.array([3.0])) == pytest.approx(wanted, rel=1e-6)
    nearly = fixed_batches._skewness_of_square(np.array([1.0]), np.array([1e8]))
    assert nearly == pytest.approx(8**0.5, rel=1e-3)


def test_the_law_of_the_squared_distance() -> None:
    """Chi-squared values with the weights of the claim are the distance: variance of 10^5 within 6 standard errors.

    False alarm about 2e-9 (normal approximation); the fourth moment of the distance is 6.2 times its squared variance,
    so that a variance that is 5 % off is found out.
    """
    x = np.random.default_rng(0).normal(size=(10**5, 4, 8))
    distance = x.var(axis=2, ddof=1).mean(axis=1) - x.reshape(len(x), -1).var(axis=1, ddof=1)
    weights, freedom = np.array([fixed_batches._WITHIN, fixed_batches._BETWEEN]), np.array([28.0, 3.0])
    squared = 2 * (freedom * weights**2).sum()
    assert fixed_batches._mean_square("var", 256) == pytest.approx(squared)
    assert abs((distance**2).mean() - squared) < 6 * (distance**2).std() / np.sqrt(len(x))


@pytest.mark.parametrize("n", [3, 8, 64])
def test_letters_behind_a_tenth(n: int) -> None:
    """40 000 pairs of batches, each drawn and normalized: within 6 standard errors, false alarm 2e-9, power at 2 %."""
    rng, pairs = np.random.default_rng(n), 40_000
    letters = []
    for _ in range(2):
        batch = rng.normal(72, 10, size=(pairs, n))
        letters.append(np.digitize(batch.mean(axis=1) + 0.1 * batch.std(axis=1), CUTS))
    differ = (letters[0] != letters[1]).mean()
    known = meaning.chance_of_other_letter(n)
    assert abs(differ - known) < 6 * np.sqrt(known * (1 - known) / pairs)


@pytest.mark.parametrize("n", [3, 8, 64])
def test_spreads_that_differ_by_a_factor_of_two(n: int) -> None:
    """40 000 pairs of batches: within 6 standard errors and one pair, false alarm below 1e-8, power at 2 %."""
    batches = np.random.default_rng(n).normal(size=(2, 40_000, n)).std(axis=2)
    ratio = batches[0] / batches[1]
    known = meaning.chance_of_spread(n)
    differ = ((ratio >= 2) | (ratio <= 0.5)).mean()
    assert abs(differ - known) < 6 * np.sqrt(known * (1 - known) / 40_000) + 1 / 40_000

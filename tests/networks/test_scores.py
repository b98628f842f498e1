"""Scores: against scikit-learn, pandas and plain NumPy, at extreme logits, and on predictors with a known expectation.

Means over independent replicates (bounded or normal-tailed, 4000 of them) are held against the normal quantile at
1e-9 / (10 conditions), so that the file raises a false alarm with a probability below 1e-8. Power: each wrong claim
lies at least 6 standard errors beyond the bound, so that a run misses it with a probability below 1e-8; that it is
rejected is asserted.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, log_loss

from bnstats.networks.scores import scores

BOUND = stats.norm.isf(1e-9 / 10)
REPLICATES = 4000


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def drawn(seed: int, rows: int = 300, classes: int = 7, scale: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    logits = rng(seed).normal(scale=scale, size=(rows, classes)).astype(np.float32)
    return logits, rng(seed, 1).integers(classes, size=rows)


def ece_by_pandas(probabilities: np.ndarray, y: np.ndarray) -> float:
    frame = pd.DataFrame({"confidence": probabilities.max(axis=1), "hit": probabilities.argmax(axis=1) == y})
    bins = pd.cut(frame["confidence"], np.arange(16) / 15)
    by_bin = frame.groupby(bins, observed=True).agg(["mean", "size"])
    gap = (by_bin["hit"]["mean"] - by_bin["confidence"]["mean"]).abs()
    return float((gap * by_bin["hit"]["size"]).sum() / len(frame))


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(1, 60),
    classes=st.integers(2, 12),
    scale=st.floats(0.01, 30.0),
    double=st.booleans(),
)
def test_scores_are_those_of_scikit_learn_and_pandas(
    seed: int, rows: int, classes: int, scale: float, double: bool
) -> None:
    logits, y = drawn(seed, rows, classes, scale)
    given_logits = logits.astype(np.float64) if double else logits
    probabilities = special.softmax(logits.astype(np.float64), axis=1)
    reference = rng(seed, 2).integers(classes, size=rows)
    result = scores(given_logits, y, reference)
    prediction = logits.argmax(axis=1)
    assert result["accuracy"] == pytest.approx(accuracy_score(y, prediction), abs=1e-12)
    log_p = special.log_softmax(logits.astype(np.float64), axis=1)
    assert result["nll"] == pytest.approx(-log_p[np.arange(rows), y].mean(), rel=1e-12, abs=1e-12)
    assert result["ece"] == pytest.approx(ece_by_pandas(probabilities, y), abs=1e-12)
    assert result["disagreement"] == pytest.approx(1 - accuracy_score(reference, prediction), abs=1e-12)


def test_nll_is_scikit_learns_log_loss() -> None:
    logits, y = drawn(0)
    probabilities = special.softmax(logits.astype(np.float64), axis=1)
    assert scores(logits, y)["nll"] == pytest.approx(log_loss(y, probabilities), rel=1e-9)


def test_ece_is_the_weighed_distance_of_scikit_learns_calibration_curve() -> None:
    """For two classes, of which the first is always predicted, the curve's bins are the same 15."""
    confidence = rng(0).uniform(0.5, 1.0, size=2000)
    y = (rng(1).random(2000) > 0.7).astype(np.int64)
    logits = np.column_stack([special.logit(confidence), np.zeros(2000)])
    share, mean = calibration_curve(y == 0, confidence, n_bins=15)
    count = np.histogram(confidence, np.linspace(0, 1, 16))[0]
    expected = np.sum(np.abs(share - mean) * count[count > 0]) / 2000
    assert scores(logits, y)["ece"] == pytest.approx(expected, abs=1e-12)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    """1/3 ends the fifth bin and 0.36 lies in the sixth: a right and a wrong prediction do not offset."""
    probabilities = np.array([[1 / 3, 1 / 3, 1 / 3], [0.36, 0.32, 0.32]])
    y = np.array([0, 1])
    expected = ((1 - 1 / 3) + 0.36) / 2
    assert scores(np.log(probabilities), y)["ece"] == pytest.approx(expected, abs=1e-12)
    assert ece_by_pandas(probabilities, y) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32), shift=st.integers(-1000, 1000))
def test_a_constant_added_to_a_rows_logits_changes_nothing(seed: int, shift: int) -> None:
    logits, y = drawn(seed, rows=20)
    moved = scores(logits.astype(np.float64) + shift, y)
    for key, value in scores(logits, y).items():
        assert moved[key] == pytest.approx(value, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_nll_is_stable_for_huge_logits(size: float) -> None:
    logits = np.array([[size, -size, 0.0], [size, -size, 0.0]], dtype=np.float32)
    result = scores(logits, np.array([0, 1]), np.array([0, 0]))
    assert result["nll"] == pytest.approx(float(logits[0, 0]), rel=1e-12)  # the mean of 0 and 2 size
    assert (result["accuracy"], result["ece"], result["disagreement"]) == (0.5, 0.5, 0.0)
    assert scores(logits, np.array([0, 0]))["nll"] == 0.0


def test_small_losses_keep_their_digits() -> None:
    logits = np.array([[30.0, 0.0]])
    assert scores(logits, np.array([0]))["nll"] == pytest.approx(np.log1p(np.exp(-30.0)), rel=1e-12)


def test_equal_logits_predict_the_first_class() -> None:
    result = scores(np.zeros((4, 4)), np.arange(4), np.zeros(4, dtype=np.int64))
    assert result == {"accuracy": 0.25, "nll": pytest.approx(np.log(4), rel=1e-15), "ece": 0.0, "disagreement": 0.0}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_not_finite_makes_every_score_nan(bad: float) -> None:
    logits, y = drawn(0)
    logits[-1, 3] = bad
    assert all(np.isnan(value) for value in scores(logits, y, y).values())


def test_no_disagreement_without_a_reference() -> None:
    assert list(scores(*drawn(0))) == ["accuracy", "nll", "ece"]


def mean_absolute_deviation(n: int, p: float) -> float:
    """E|X - n p| of a binomial X, in de Moivre's closed form: 2 k P(X = k) (1 - p) with k = floor(n p) + 1."""
    k = np.floor(n * p) + 1
    return float(2 * k * stats.binom.pmf(k, n, p) * (1 - p))


CONFIDENCES = np.array([0.55, 0.7, 0.85, 0.97])  # one a bin


def replicates(rows: int, temperature: float = 1.0) -> dict[str, np.ndarray]:
    """Scores of a predictor of two classes whose true odds are the power 1 / `temperature` of what it says."""
    confidence = np.repeat(CONFIDENCES, rows)
    logits = np.column_stack([special.logit(confidence), np.zeros(confidence.size)])
    true = special.expit(logits[:, 0] / temperature)
    y = (rng(rows).random((REPLICATES, confidence.size)) >= true).astype(np.int64)
    return {key: np.array([scores(logits, labels)[key] for labels in y]) for key in ("accuracy", "nll", "ece")}


def z(values: np.ndarray, claim: float) -> float:
    return abs(float((values.mean() - claim) / (values.std(ddof=1) / np.sqrt(values.size))))


@pytest.mark.parametrize("rows", [5, 40])
def test_a_calibrated_predictor_has_its_small_sample_calibration_error_and_its_entropy(rows: int) -> None:
    """The ece of a perfectly calibrated predictor is not 0 but the mean absolute deviation of binomial counts."""
    result = replicates(rows)
    expected = np.mean([mean_absolute_deviation(rows, p) / rows for p in CONFIDENCES])
    entropy = np.mean(stats.bernoulli(CONFIDENCES).entropy())
    assert z(result["ece"], expected) < BOUND
    assert z(result["nll"], entropy) < BOUND
    assert z(result["accuracy"], CONFIDENCES.mean()) < BOUND
    for wrong in (0.0, expected * 1.15):
        assert z(result["ece"], wrong) > BOUND
    assert z(result["nll"], entropy * 1.2) > BOUND
    assert z(result["accuracy"], CONFIDENCES.mean() - 0.05) > BOUND


def test_the_calibration_error_of_a_calibrated_predictor_goes_to_zero_and_that_of_another_does_not() -> None:
    rows = 20_000
    confidence = np.repeat(CONFIDENCES, rows)
    logits = np.column_stack([special.logit(confidence), np.zeros(confidence.size)])
    uniform = rng(1).random(confidence.size)
    calibrated = scores(logits, (uniform >= confidence).astype(np.int64))["ece"]
    true = special.expit(logits[:, 0] / 2)
    overconfident = scores(logits, (uniform >= true).astype(np.int64))["ece"]
    limit = np.mean(np.abs(true - confidence)[::rows])
    room = BOUND * 0.5 / np.sqrt(rows)  # a bin's share is farther off with a probability below 1e-9
    assert calibrated < room < limit - room
    assert abs(overconfident - limit) < room


BAD = {
    "label": (np.zeros((2, 3)), np.array([0, 3]), "classes from 0 to 2; got 0 to 3"),
    "negative": (np.zeros((2, 3)), np.array([-1, 0]), "got -1 to 0"),
    "rows": (np.zeros((2, 3)), np.array([0]), r"got \(2, 3\) and \(1,\)"),
    "batches": (np.zeros((2, 2, 3)), np.zeros((2, 2), dtype=np.int64), r"logits have shape \(rows, classes\)"),
    "none": (np.zeros((0, 3)), np.zeros(0, dtype=np.int64), r"got \(0, 3\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_match_is_refused(case: str) -> None:
    logits, y, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        scores(logits, y)

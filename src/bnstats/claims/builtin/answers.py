"""Claims of the answers: batches that tell of the label, later data, subsamples of one population, better training."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.claims import BatchStatistic, Claim, Measure, Measures, Networks, Region, accuracy, letter_grades
from bnstats.claims.borders import DIGITS
from bnstats.claims.builtin.correction import NOISE, correction_study
from bnstats.claims.builtin.shapes import difference, proportion
from bnstats.claims.grades import CUTS, GRADES
from bnstats.datasets.row_batching import OneClass
from bnstats.datasets.shifts import Offset
from bnstats.sampling.effects import Distinct
from bnstats.studies.information.bayes_classifier import exact_information

HIDDEN = "answer: where the batch tells of the label, normalizing removes signal"
BEFOREHAND = "question: features were normalized beforehand"
SAME = "accepted answer: new data need the same methodology as the training data"
SUBSAMPLES = "accepted answer: batches that subsample a continuous population are not what per-batch correction is for"
VARIANCES = "accepted answer: batches that differ in their means and variances by nuisance are made comparable"
BETTER = "answer: batch normalization makes training better"
BATCHES, ROWS = 25, 32


def _gain_of_correcting_new(values: FloatArray) -> FloatArray:
    """Return the gain in accuracy of centering new rows by batch.

    The classifier is the sign, the Bayes classifier of centered rows whose labels are the sign of the signal.
    """
    shift, rest = values[:, :BATCHES, None], values[:, BATCHES:].reshape(len(values), 2, BATCHES, ROWS)
    signal = np.sqrt(1 - NOISE) * rest[:, 0]
    seen = shift + signal + np.sqrt(NOISE) * rest[:, 1]
    centered = seen - seen.mean(axis=2, keepdims=True)
    right = [((x > 0) == (signal > 0)).mean(axis=(1, 2)) for x in (centered, seen)]
    return np.asarray(right[0] - right[1])


def _rows(one: str, other: str, *, n: int, spread: float = 0.0, features: int = 1) -> Measures:
    """Return the gain in accuracy of one correction over the other, for a logistic model on new batches."""
    study = correction_study(Distinct(spread), "nuisance", n, 0.0, (one, other), ("accuracy",), features)
    what = f"simulated rows; 20 batches of {n}, 5 new ones; features: {features}"
    scope = f"{what}; nuisance: shifts of 0, spreads with a log-sd of {spread:g}"
    return Measures(
        tuple((Measure(study, (name, "accuracy"), scope), sign) for name, sign in ((one, 1.0), (other, -1.0)))
    )


def _corrected(name: str, statement: str, source: str, what: str, region: Region, evidence: Measures) -> Claim:
    quantity = f"difference in accuracy of a logistic model on new batches, {what}"
    return difference(name, statement, source, quantity, region, evidence)


def _later(shift: Offset | None) -> Measures:
    """Return the gain in accuracy of test batch statistics over running ones, digits in batches of 8."""
    study = Networks("digits", batch_size=8, shift=shift)
    return accuracy(study, "batch") - accuracy(study, "running")


def _better(name: str, training: str, **how: Any) -> Claim:
    """Return the claim for networks that are trained at the same rate for the same number of steps."""
    ours, theirs = (accuracy(Networks("digits", normalizer, **how), "running") for normalizer in ("batch", "none"))
    return difference(
        f"better-training-{name}",
        f"On digits at the same learning rate, batch normalization makes training more accurate: {training}.",
        BETTER,
        f"difference in accuracy on test digits, batch normalization (evaluation mode) less none, {training}",
        Region.above(0.0),
        ours - theirs,
    )


_CORRECTED = Measure(
    BatchStatistic("normal", BATCHES * (1 + 2 * ROWS), _gain_of_correcting_new),
    "value",
    f"simulated rows of one feature; {BATCHES} batches of {ROWS}; distinct effects of 1, a nuisance",
)
_ONE_CLASS = Networks("digits", batch_size=20, batching=OneClass())
_CEILING = exact_information(GRADES, CUTS, 3)[0]

CLAIMS = (
    difference(
        "one-class-training-mode-ahead",
        "On digits, with one class a batch, training mode is more accurate than evaluation mode.",
        HIDDEN, "difference in accuracy on test digits, training less evaluation mode, batches of 20 of one class",
        Region.above(0.0), accuracy(_ONE_CLASS, "batch") - accuracy(_ONE_CLASS, "running"), 2**11,
    ),
    proportion(
        "one-class-shows-in-training-mode",
        "On digits, training with one class a batch is broken in training mode, too, which shows the harm.",
        HIDDEN, "accuracy on test digits in training mode, batches of 20 of one class",
        DIGITS.broken, accuracy(_ONE_CLASS, "batch"),
    ),
    proportion(
        "beforehand-instead-of-batch",
        "Without batch normalization, a network predicts more letters from grades N(72, 10) than any method can from "
        "grades normalized in batches of 3.",
        BEFOREHAND, f"accuracy on letters without batch normalization; normalized in batches, at most {_CEILING:.4f}",
        Region.above(_CEILING + 0.02),
        accuracy(Networks(letter_grades(), "none", batch_size=3, learning_rate=0.1, steps=4000), "running"),
    ),
    _corrected(
        "variances-differ",
        "Where batches of 8 differ in variance by nuisance, standardizing gives higher accuracy than centering.",
        VARIANCES, "standardized less centered; two features, batches of 8, spreads with a log-sd of 0.5, equal means",
        Region.above(0.0), _rows("standardize", "center", n=8, spread=0.5, features=2),
    ),
    _corrected(
        "variances-alike",
        "Where batches of 8 do not differ in variance, standardizing gives higher accuracy than centering.",
        VARIANCES, "standardized less centered; two features, batches of 8 that do not differ",
        Region.above(0.0), _rows("standardize", "center", n=8, features=2),
    ),
    _corrected(
        "subsamples-at-4",
        "Where batches of 4 are random subsamples of one continuous population, centering lowers accuracy.",
        SUBSAMPLES, "centered less uncorrected; batches of 4 that do not differ",
        Region.below(0.0), _rows("center", "none", n=4),
    ),
    _corrected(
        "subsamples-at-32",
        "Where batches of 32 are random subsamples of one continuous population, centering costs less than two "
        "points of accuracy.",
        SUBSAMPLES, "centered less uncorrected; batches of 32 that do not differ",
        Region.near(0.0, 0.02), _rows("center", "none", n=32),
    ),
    difference(
        "same-correction-on-new-data",
        "A rule learned from centered batches needs new batches that are centered in the same way.",
        SAME,
        f"difference in accuracy on new rows, centered less uncorrected; batches of {ROWS} that differ by one standard "
        "deviation",
        Region.above(0.0),
        Measures(((_CORRECTED, 1.0),)),
    ),
    difference(
        "same-statistics-on-new-data",
        "On digits with all inputs one spread higher, statistics of the test batches give higher accuracy than running "
        "statistics.",
        SAME,
        "difference in accuracy on shifted test digits, training less evaluation mode, batches of 8",
        Region.above(0.0),
        _later(Offset(1.0)),
        most=2**10,  # four times as many leave the claim undecided, too
    ),
    difference(
        "same-statistics-on-like-data",
        "On digits without a shift, statistics of the test batches give higher accuracy than running statistics.",
        SAME,
        "difference in accuracy on test digits, training less evaluation mode, batches of 8",
        Region.above(0.0),
        _later(None),
    ),
    _better("deep", "four hidden layers, 100 steps of 32", batch_size=32, hidden=(32,) * 4, steps=100),
    _better("shallow", "one hidden layer, 100 steps of 32", batch_size=32, steps=100),
    _better("at-2", "one hidden layer, 8000 steps of 2", batch_size=2),
)  # fmt: skip

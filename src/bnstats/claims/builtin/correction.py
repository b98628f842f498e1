"""Claims about batch correction of data: when it helps, when it hurts, and what corrects drift."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bnstats.claims import Claim, Measure, Measures, Region
from bnstats.claims.borders import NOT_BROKEN
from bnstats.claims.builtin.shapes import difference
from bnstats.corrections import correction_of
from bnstats.sampling.effects import Effect
from bnstats.studies.batch_effects.study import CorrectionStudy

ANSWER = "answer: correct for the batch where it is a nuisance"
CONDITIONS = "accepted answer: per-batch correction suits batches that are distinct, large enough and categorical"
WORKING = "answer: where the batch is signal, it may look like it's working during training"
CORRECTIONS = ("none", "center", "standardize", "shrink", "lowess")
NOISE = 0.2


def correction_study(
    effect: Effect, labels: str, n: int, size: float, corrections: Iterable[str], measures: tuple[str, ...],
    features: int = 1,
) -> CorrectionStudy:  # fmt: skip
    """Return the study of a logistic model on simulated rows, in 20 batches of n and 5 new ones."""
    return CorrectionStudy(
        effect=(effect,),
        effect_size=(size,),
        smoothness=(1.0,),
        batch_size=(n,),
        labels=(labels,),
        design=("balanced",),
        corrections=tuple(correction_of(name) for name in corrections),
        batches=20,
        new_batches=5,
        refit=True,
        features=features,
        noise=NOISE,
        ticks=4,
        measures=measures,
    )


def _accuracy(
    correction: str, effect: str = "distinct", labels: str = "nuisance", n: int = 32, size: float = 1.0,
    measure: str = "accuracy",
) -> Measures:  # fmt: skip
    role = {"nuisance": "a nuisance", "signal": "signal"}[labels]
    scope = f"simulated rows of one feature; 20 batches of {n}, 5 new ones; {effect} effects of {size:g}, {role}"
    study = correction_study(Effect.of(effect), labels, n, size, CORRECTIONS, ("accuracy", "training_accuracy"))
    return Measures(((Measure(study, (correction, measure), scope), 1.0),))


def _gain(one: str, other: str, **how: Any) -> Measures:
    """Return the accuracy after one correction less the accuracy after the other, on the same rows."""
    return _accuracy(one, **how) - _accuracy(other, **how)


def _claim(name: str, statement: str, source: str, quantity: str, region: Region, evidence: Measures) -> Claim:
    full = f"difference in accuracy of a logistic model, {quantity}"
    return difference(name, statement, source, full, region, evidence, 2**13)


# Accuracy on the rows that the model was fitted to, with the batch effect as signal.
TRAINING: dict[str, Any] = {"labels": "signal", "measure": "training_accuracy"}

CLAIMS = (
    _claim(
        "correction-helps-nuisance",
        "Centering batches of 32 simulated rows raises accuracy by at least five points where their effect is a "
        "nuisance.",
        ANSWER, "on new batches of 32, centered less uncorrected, effects as large as the spread",
        Region.above(0.05), _gain("center", "none"),
    ),
    _claim(
        "correction-hurts-signal",
        "Centering batches of 32 simulated rows lowers accuracy by at least five points where their effect is signal.",
        ANSWER, "on new batches of 32, centered less uncorrected, effects as large as the spread are part of the label",
        Region.below(-0.05), _gain("center", "none", labels="signal"),
    ),
    _claim(
        "large-enough",
        "With batches of 2 simulated rows and small batch effects, centering lowers accuracy.",
        CONDITIONS, "on new batches of 2, centered less uncorrected, effects 0.3 of the spread",
        Region.below(0.0), _gain("center", "none", n=2, size=0.3),
    ),
    _claim(
        "large-enough-at-32",
        "With batches of 32 simulated rows and the same small batch effects, centering raises accuracy.",
        CONDITIONS, "on new batches of 32, centered less uncorrected, effects 0.3 of the spread",
        Region.above(0.0), _gain("center", "none", size=0.3),
    ),
    _claim(
        "distinct-batches",
        "For distinct effects of batches of 32 simulated rows, centering gives higher accuracy than a smooth curve "
        "over time.",
        CONDITIONS, "on new batches of 32, centered less detrended (lowess)",
        Region.above(0.0), _gain("center", "lowess"),
    ),
    _claim(
        "continuous-drift",
        "For continuous drift of simulated rows, a smooth curve over time gives higher accuracy than standardizing "
        "batches of 2.",
        CONDITIONS, "on new batches of 2, detrended (lowess) less standardized, effect sinusoid",
        Region.above(0.0), _gain("lowess", "standardize", effect="sinusoid", n=2),
    ),
    _claim(
        "continuous-drift-large-batches",
        "For continuous drift of simulated rows, a smooth curve over time gives higher accuracy than standardizing "
        "batches of 32, too.",
        CONDITIONS, "on new batches of 32, detrended (lowess) less standardized, effect sinusoid",
        Region.above(0.0), _gain("lowess", "standardize", effect="sinusoid", n=32),
    ),
    _claim(
        "categorical",
        "Standardizing batches of 32 simulated rows raises accuracy less where the effect drifts within a batch than "
        "where it is distinct.",
        CONDITIONS, "on new batches of 32, gain of standardizing distinct effects less gain with a sinusoid",
        Region.above(0.0),
        _gain("standardize", "none") - _gain("standardize", "none", effect="sinusoid"),
    ),
    _claim(
        "signal-looks-like-working",
        "Where the effect of batches of 32 simulated rows is signal, centered training rows keep nine tenths of the "
        "accuracy above chance.",
        WORKING,
        "on the rows that it was fitted to, centered less nine tenths of uncorrected; chance is one half",
        Region.above((1 - NOT_BROKEN) / 2),
        _accuracy("center", **TRAINING) - _accuracy("none", **TRAINING) * NOT_BROKEN,
    ),
    _claim(
        "signal-shows-in-training",
        "Where the effect of batches of 32 simulated rows is signal, training rows lose at least half as much "
        "accuracy by centering as new batches.",
        WORKING,
        "the loss by centering on the rows that it was fitted to, less half of the loss on new batches",
        Region.above(0.0),
        _gain("none", "center", **TRAINING) - _gain("none", "center", labels="signal") * 0.5,
    ),
)  # fmt: skip

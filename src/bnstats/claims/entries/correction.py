"""Claims about correcting data for their batch: when it helps, when it hurts, and what corrects drift."""

from __future__ import annotations

from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import Measure, Measures
from bnstats.claims.grounds import Bounded
from bnstats.corrections import correction_of
from bnstats.sampling.effects import Effect
from bnstats.studies.batch_effects.study import CorrectionStudy

ANSWER = "answer: correct for the batch where it is a nuisance"
CONDITIONS = "accepted answer: per-batch correction suits batches that are distinct, large enough and categorical"
CORRECTIONS = ("none", "center", "standardise", "shrink", "lowess")


def _study(effect: str, labels: str, n: int, size: float) -> CorrectionStudy:
    return CorrectionStudy(
        effect=(Effect.of(effect),),
        effect_size=(size,),
        smoothness=(1.0,),
        batch_size=(n,),
        labels=(labels,),
        design=("balanced",),
        corrections=tuple(correction_of(name) for name in CORRECTIONS),
        batches=20,
        new_batches=5,
        refit=True,
        features=1,
        noise=0.2,
        ticks=4,
        measures=("accuracy", "training_accuracy"),
    )


def _gain(
    one: str, other: str, *, effect: str = "distinct", labels: str = "relative", n: int = 32, size: float = 1.0,
    measure: str = "accuracy",
) -> Measures:  # fmt: skip
    """How many more rows are classified right after one correction than after the other, of the same rows."""
    study = _study(effect, labels, n, size)
    return Measures(((Measure(study, (one, measure)), 1.0), (Measure(study, (other, measure)), -1.0)))


def _claim(name: str, statement: str, source: str, quantity: str, region: Region, evidence: Measures) -> Claim:
    full = f"share of rows classified right by a logistic model, {quantity}"
    return Claim(name, statement, source, full, region, Bounded(-1, 1), evidence, most=2**13)


CLAIMS = (
    _claim(
        "correction-helps-nuisance",
        "Centring each batch helps where its effect is a nuisance.",
        ANSWER, "on new batches of 32, centred less as they are, effects as large as the spread",
        Region.above(0.05), _gain("center", "none"),
    ),
    _claim(
        "correction-hurts-signal",
        "Centring each batch hurts where its effect is signal.",
        ANSWER, "on new batches of 32, centred less as they are, effects as large as the spread are part of the label",
        Region.below(-0.05), _gain("center", "none", labels="global"),
    ),
    _claim(
        "large-enough",
        "Correcting needs batches that are large enough: of two rows, with small effects, centring hurts.",
        CONDITIONS, "on new batches of 2, centred less as they are, effects 0.3 of the spread",
        Region.below(0.0), _gain("center", "none", n=2, size=0.3),
    ),
    _claim(
        "large-enough-at-32",
        "With batches of 32 the same small effects are corrected with gain.",
        CONDITIONS, "on new batches of 32, centred less as they are, effects 0.3 of the spread",
        Region.above(0.0), _gain("center", "none", size=0.3),
    ),
    _claim(
        "distinct-batches",
        "For distinct batches, centring them beats a smooth curve over time.",
        CONDITIONS, "on new batches of 32, centred less detrended (lowess)",
        Region.above(0.0), _gain("center", "lowess"),
    ),
    _claim(
        "continuous-drift",
        "For continuous drift, a smooth curve over time beats standardising each batch.",
        CONDITIONS, "on new batches of 2, detrended (lowess) less standardised, effect sinusoid",
        Region.above(0.0), _gain("lowess", "standardise", effect="sinusoid", n=2),
    ),
    _claim(
        "continuous-drift-large-batches",
        "For continuous drift, a smooth curve over time beats standardising however large the batches.",
        CONDITIONS, "on new batches of 32, detrended (lowess) less standardised, effect sinusoid",
        Region.above(0.0), _gain("lowess", "standardise", effect="sinusoid", n=32),
    ),
    _claim(
        "categorical",
        "A batch is a category: where the effect goes on within it (drift), standardising it helps less.",
        CONDITIONS, "on new batches of 32, gain of standardising distinct effects less gain with a sinusoid",
        Region.above(0.0),
        _gain("standardise", "none") - _gain("standardise", "none", effect="sinusoid"),
    ),
)  # fmt: skip

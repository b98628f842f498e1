"""Claims about the mean step of training: downhill with shuffled batches, uphill with batches of one class."""

from __future__ import annotations

from functools import cache, partial

from bnstats.claims import Claim, Measure, Measures, Within
from bnstats.claims.builtin.shapes import likely
from bnstats.claims.evidence import LaterMeasure
from bnstats.datasets.dataset import Dataset, Gaussians
from bnstats.datasets.row_batching import ClassBalanced, OneClass, RowBatching, Shuffled
from bnstats.networks.recipe import Recipe
from bnstats.studies.steps.study import (
    BATCH,
    BIAS,
    COSINE,
    DOWNHILL,
    NOISE,
    OFFSET_RATIO,
    POPULATION,
    StepKey,
    StepStudy,
)

TITLE = "question: why does this not break training in its entirety?"
HIDDEN = "answer: where the batch tells of the label, normalizing removes signal"
SAID = "often said of batch normalization"
RATE, MOMENTUM, TRAINED = 0.02, 0.9, 20


@cache
def _study(rule: RowBatching, n: int, step: int, kinds: tuple[str, ...], measure: str, batches: int) -> StepStudy:
    recipe = Recipe((32, 32), learning_rate=RATE, sgd_momentum=MOMENTUM)
    data = Dataset.of("digits")
    return StepStudy(data, (recipe,), (rule,), (n,), (step,), Shuffled(), TRAINED, kinds, (measure,), batches, 0.1)


def _measured(
    measure: str, rule: RowBatching = Shuffled(), n: int = 20, *, step: int = 60, statistics: str = BATCH,
    batches: int = 128,
) -> Measures:  # fmt: skip
    """Return a measure of digits networks, by default after 60 steps with shuffled batches of 20."""
    kinds = (BATCH, POPULATION) if measure == NOISE else (statistics,)
    trained = f"learning rate {RATE}, momentum {MOMENTUM}, shuffled batches of {TRAINED}"
    scope = f"digits; hidden units: 32 and 32; {step} steps; {trained}; steps of batches of {n} ({rule})"
    study = partial(_study, rule, n, step, kinds, measure, batches)
    return Measures(((LaterMeasure(study, StepKey(step, statistics, measure), scope), 1.0),))


def _offset_ratio(activation: str) -> Measures:
    recipe = Recipe((8, 8), activation=activation)
    data = Gaussians(classes=3, inputs=6, rows=256, separation=2.0, test_rows=20)
    study = StepStudy(
        data, (recipe,), (Shuffled(),), (64,), (60,), Shuffled(), TRAINED, (BATCH,), (OFFSET_RATIO,), 1024, 0.1
    )  # fmt: skip
    scope = f"256 rows of gaussians; hidden units: 8 and 8; activation: {activation}; 60 steps; batches of 64"
    return Measures(((Measure(study, StepKey(60, BATCH, OFFSET_RATIO), scope), 1.0),))


def _uphill(n: int) -> Claim:
    return likely(
        f"one-class-steps-uphill-at-{n}",
        f"On digits, batches of {n} rows of one class step uphill on the whole data's loss, after 60 steps of "
        "training with shuffled batches.",
        HIDDEN,
        f"the mean step of batches of {n} of one class goes uphill",
        Within(_measured(COSINE, OneClass(), n), high=0.0),
    )


CLAIMS = (
    likely(
        "shuffled-steps-downhill",
        "On digits, the mean step of shuffled batches of 20 goes downhill on the whole data's loss, nearly along the "
        "steepest descent.",
        TITLE,
        "the cosine of the mean step and the steepest descent is at least 0.9, after 60 steps",
        Within(_measured(COSINE), low=0.9),
    ),
    likely(
        "most-single-steps-downhill-at-3",
        "On digits, even single batches of 3 step downhill more often than not.",
        TITLE,
        "more than half of the steps of length 0.1 lower the whole data's loss, batches of 3 after 30 steps",
        Within(_measured(DOWNHILL, n=3, step=30), low=0.5),
    ),
    likely(
        "five-classes-step-downhill",
        "On digits, batches of five classes step downhill, too.",
        HIDDEN,
        "the cosine of the mean step and the steepest descent is at least 0.5, five classes a batch after 60 steps",
        Within(_measured(COSINE, ClassBalanced(5, 4)), low=0.5),
    ),
    *(_uphill(n) for n in (8, 20, 64)),
    likely(
        "larger-one-class-batches-help",
        "On digits, larger batches of one class help: 64 rows of one class step downhill.",
        SAID,
        "the mean step of batches of 64 of one class goes downhill, after 60 steps",
        Within(_measured(COSINE, OneClass(), 64), low=0.0),
        low=0.5,
    ),
    likely(
        "one-class-downhill-at-initialization",
        "On digits, batches of one class still step downhill at initialization.",
        HIDDEN,
        "the mean step of batches of 20 of one class goes downhill, before training",
        Within(_measured(COSINE, OneClass(), step=0), low=0.0),
    ),
    likely(
        "one-class-downhill-with-statistics-of-all",
        "On digits, the same batches of one class step downhill if the whole data's statistics normalize them.",
        HIDDEN,
        "the mean step goes downhill, batches of 20 of one class after 60 steps, statistics of all rows as constants",
        Within(_measured(COSINE, OneClass(), statistics=POPULATION), low=0.0),
    ),
    likely(
        "loss-offset-as-predicted",
        "Without kinks, the mean loss of batches of 64 of 256 rows exceeds the whole data's by C (N - n)/(n (N - "
        "1)), up to a quarter.",
        TITLE,
        "the excess of the mean loss is within a quarter of the formula, linear activation",
        Within(_offset_ratio("linear"), 0.75, 1.25),
    ),
    likely(
        "mean-step-is-whole-gradient",
        "On digits, the mean step of batches of 20 is the whole data's gradient.",
        SAID,
        "the mean step differs from the whole data's gradient by at most a twentieth of it, after 300 steps",
        Within(_measured(BIAS, step=300), 0.0, 0.05),
        low=0.5,
    ),
    likely(
        "gradient-bias-one-over-n-with-relu",
        "On digits with ReLU, the mean step's difference from the whole data's gradient falls as 1/n: at least "
        "1.75-fold from batches of 64 to 128.",
        SAID,
        "the difference of the mean step and the whole data's gradient at n = 64 is at least 1.75 times that at n = "
        "128, after 60 steps",
        Within(_measured(BIAS, n=64, batches=512) - _measured(BIAS, n=128, batches=512) * 1.75, low=0.0),
        low=0.5,
    ),
    likely(
        "batch-statistics-halve-gradient-noise",
        "On digits, batch statistics halve the noise of gradients, at the same weights.",
        SAID,
        "the gradient's variance over its squared mean is, with batch statistics, at most half of that with the whole "
        "data's statistics as constants, batches of 20 after 60 steps",
        Within(_measured(NOISE) - _measured(NOISE, statistics=POPULATION) * 0.5, high=0.0),
        low=0.5,
    ),
)

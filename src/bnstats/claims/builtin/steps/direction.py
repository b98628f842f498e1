"""Claims about the mean step of training: downhill with shuffled batches, uphill with batches of one class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import Measure, Measures, Within
from bnstats.claims.interval_methods import Proportion
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


@dataclass(frozen=True)
class DigitsStep:
    """Measure of digits networks, by default after 60 steps with shuffled batches of 20, as a source of evidence."""

    measure: str
    rule: RowBatching = Shuffled()
    n: int = 20
    step: int = 60
    statistics: str = BATCH
    batches: int = 128

    @property
    def scope(self) -> str:
        """Data, networks and batches, in phrases separated by semicolons."""
        trained = f"learning rate {RATE}, momentum {MOMENTUM}, shuffled batches of {TRAINED}"
        rule = f"steps of batches of {self.n} ({self.rule})"
        return f"digits; hidden units: 32 and 32; {self.step} steps; {trained}; {rule}"

    @property
    def study(self) -> StepStudy:
        """Study of this measure alone; the first access loads the data."""
        return _study(self)

    @property
    def key(self) -> StepKey:
        """Key of the measure."""
        return StepKey(self.step, self.statistics, self.measure)


@cache
def _study(of: DigitsStep) -> StepStudy:
    recipe = Recipe((32, 32), learning_rate=RATE, sgd_momentum=MOMENTUM)
    kinds = (BATCH, POPULATION) if of.measure == NOISE else (of.statistics,)
    return StepStudy(
        *(Dataset.of("digits"), (recipe,), (of.rule,), (of.n,), (of.step,), Shuffled(), TRAINED),
        *(kinds, (of.measure,), of.batches, 0.1),
    )


def _measured(measure: str, rule: RowBatching = Shuffled(), n: int = 20, **how: Any) -> Measures:
    return Measures(((DigitsStep(measure, rule, n, **how), 1.0),))


def _offset_ratio(activation: str) -> Measures:
    recipe = Recipe((8, 8), activation=activation)
    data = Gaussians(classes=3, inputs=6, rows=256, separation=2.0, test_rows=20)
    study = StepStudy(
        data, (recipe,), (Shuffled(),), (64,), (60,), Shuffled(), TRAINED, (BATCH,), (OFFSET_RATIO,), 1024, 0.1
    )  # fmt: skip
    scope = f"256 rows of gaussians; hidden units: 8 and 8; activation: {activation}; 60 steps; batches of 64"
    return Measures(((Measure(study, StepKey(60, BATCH, OFFSET_RATIO), scope), 1.0),))


def _chance(name: str, statement: str, source: str, quantity: str, evidence: Within, low: float = 0.9) -> Claim:
    return Claim(
        name,
        statement,
        source,
        f"chance that {quantity}",
        Region.above(low),
        Proportion(),
        evidence,
        max_replicates=2**10,
    )


def _uphill(n: int) -> Claim:
    return _chance(
        f"one-class-steps-uphill-at-{n}",
        f"On digits, batches of {n} rows of one class step uphill on the whole data's loss, at weights that shuffled "
        "batches have trained for 60 steps.",
        HIDDEN,
        f"the mean step of batches of {n} of one class goes uphill",
        Within(_measured(COSINE, OneClass(), n), -math.inf, 0.0),
    )


CLAIMS = (
    _chance(
        "shuffled-steps-downhill",
        "On digits, the mean step of shuffled batches of 20 goes downhill on the whole data's loss, nearly straight.",
        TITLE,
        "the cosine of mean step and descent is at least 0.9, after 60 steps",
        Within(_measured(COSINE), 0.9, math.inf),
    ),
    _chance(
        "most-single-steps-downhill-at-3",
        "On digits, even single batches of 3 step downhill more often than not.",
        TITLE,
        "more than half of the steps of length 0.1 lower the whole data's loss, batches of 3 after 30 steps",
        Within(_measured(DOWNHILL, n=3, step=30), 0.5, math.inf),
    ),
    _chance(
        "five-classes-step-downhill",
        "On digits, batches of five classes step downhill, too.",
        HIDDEN,
        "the cosine of mean step and descent is at least 0.5, five classes a batch after 60 steps",
        Within(_measured(COSINE, ClassBalanced(5, 4)), 0.5, math.inf),
    ),
    *(_uphill(n) for n in (8, 20, 64)),
    _chance(
        "larger-one-class-batches-help",
        "On digits, larger batches of one class help: 64 rows of one class step downhill.",
        SAID,
        "the mean step of batches of 64 of one class goes downhill, after 60 steps",
        Within(_measured(COSINE, OneClass(), 64), 0.0, math.inf),
        low=0.5,
    ),
    _chance(
        "one-class-downhill-at-initialization",
        "On digits, batches of one class still step downhill at initialization.",
        HIDDEN,
        "the mean step of batches of 20 of one class goes downhill, before training",
        Within(_measured(COSINE, OneClass(), step=0), 0.0, math.inf),
    ),
    _chance(
        "one-class-downhill-with-statistics-of-all",
        "On digits, the same batches of one class step downhill if the whole data's statistics normalize them.",
        HIDDEN,
        "the mean step goes downhill, batches of 20 of one class after 60 steps, statistics of all rows as constants",
        Within(_measured(COSINE, OneClass(), statistics=POPULATION), 0.0, math.inf),
    ),
    _chance(
        "loss-offset-as-predicted",
        "The mean loss of batches exceeds the whole data's by C (N - n)/(n (N - 1)), within a quarter at n = 64 of 256 "
        "rows, without kinks.",
        TITLE,
        "the offset is within a quarter of the formula, linear activation",
        Within(_offset_ratio("linear"), 0.75, 1.25),
    ),
    _chance(
        "mean-step-is-whole-gradient",
        "On digits, the mean step of batches of 20 is the whole data's gradient.",
        SAID,
        "the difference is at most a twentieth of the whole data's gradient, after 300 steps",
        Within(_measured(BIAS, step=300), 0.0, 0.05),
        low=0.5,
    ),
    _chance(
        "gradient-bias-one-over-n-with-relu",
        "On digits with ReLU, the difference of mean step and whole gradient falls as 1/n, by a factor of at least "
        "1.75 from batches of 64 to batches of 128.",
        SAID,
        "the difference at n = 64 is at least 1.75 times that at n = 128, after 60 steps",
        Within(_measured(BIAS, n=64, batches=512) - _measured(BIAS, n=128, batches=512) * 1.75, 0.0, math.inf),
        low=0.5,
    ),
    _chance(
        "batch-statistics-halve-gradient-noise",
        "On digits, batch statistics halve the noise of gradients, at the same weights.",
        SAID,
        "the gradient's variance over the squared length of its mean is at most half of that with the whole data's "
        "statistics as constants, batches of 20 after 60 steps",
        Within(_measured(NOISE) - _measured(NOISE, statistics=POPULATION) * 0.5, -math.inf, 0.0),
        low=0.5,
    ),
)

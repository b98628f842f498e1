"""Claims about contradicting batches on the question's example: how likely they are, what they change, how long."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.claims.builtin.grades import DATA, SIZES
from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import Enumerated, Measure, Measures, Within
from bnstats.claims.grades import CUTS, GRADES
from bnstats.claims.interval_methods import Bounded, Exact, Proportion
from bnstats.claims.networks import Networks, Score
from bnstats.networks.recipe import Recipe
from bnstats.studies.information.class_given_normalized import (
    class_given_normalized,
    entropy_given_normalized,
    same_class_probability,
)
from bnstats.studies.steps.contradiction import CHANGE, WITHOUT, ContradictionKey, ContradictionStudy

QUESTION = "question: a 0 means B in one batch and D in the next"
TITLE = "question: why does this not break training in its entirety?"
D = 1
SCOPE = "normal grades of mean 72 and standard deviation 10"
WHOLE_GRADES = tuple(np.arange(0.5, 150.0).tolist())
STUDY = ContradictionStudy(
    DATA, Recipe((32,), learning_rate=0.1), (60.0, 60.0, 60.0), followed=D, later=(0, 10, 100)
)  # fmt: skip


def _measured(later: int, measure: str) -> Measures:
    trained = "hidden units: 32; 4000 steps; learning rate 0.1, batches of 3"
    return Measures(((Measure(STUDY, ContradictionKey(later, measure), f"{SCOPE}; {trained}"), 1.0),))


def _exact(name: str, statement: str, quantity: str, region: Region, value: Callable[[], float]) -> Claim:
    def cases() -> FloatArray:
        return np.array([value()])

    return Claim(name, statement, QUESTION, quantity, region, Exact(rounding=1e-9), Enumerated(cases, SCOPE))


def _d_at_zero(n: int) -> float:
    return float(class_given_normalized(GRADES, CUTS, 0.0, n)[D])


def _near_floor(n: int) -> Claim:
    floor = entropy_given_normalized(GRADES, CUTS, n)
    networks = Networks(DATA, batch_size=n, learning_rate=0.1, steps=4000)
    loss = Measures(((Score(networks, "batch", metric="nll"), 1.0),))
    return Claim(
        f"grades-near-floor-at-{n}",
        f"In training mode with batches of {n}, a network's loss is at most 0.1 nats above the lowest that any "
        "classifier of the normalized grade can have.",
        TITLE,
        f"chance that a network's mean loss on new grades is at most 0.1 nats above {floor:.3f}, the lowest",
        Region.above(0.9),
        Proportion(),
        Within(loss, -np.inf, floor + 0.1),
        max_replicates=2**11,
    )


CLAIMS = (
    _exact(
        "d-at-zero-at-3",
        "In batches of 3 a normalized 0 stands for a D about one time in three: contradictions become a probability.",
        "probability of a D, given a normalized 0 in a batch of 3",
        Region.near(1 / 3, 0.02),
        partial(_d_at_zero, 3),
    ),
    _exact(
        "d-at-zero-at-64",
        "In batches of 64 a normalized 0 stands for a D less than one time in ten.",
        "probability of a D, given a normalized 0 in a batch of 64",
        Region.below(0.1),
        partial(_d_at_zero, 64),
    ),
    _exact(
        "equal-grades-are-rare-at-3",
        "Under shuffling, fewer than one batch of 3 in a thousand has one whole grade only, as (60, 60, 60) has.",
        "probability that three grades, rounded to whole ones, are equal",
        Region.below(1e-3),
        partial(same_class_probability, GRADES, WHOLE_GRADES, 3),
    ),
    _exact(
        "one-letter-is-rare-at-8",
        "Under shuffling, fewer than one batch of 8 in a thousand has one letter only.",
        "probability that eight grades have the same letter",
        Region.below(1e-3),
        partial(same_class_probability, GRADES, CUTS, 8),
    ),
    Claim(
        "network-gives-d-at-zero",
        "A network trained with batches of 3 gives a normalized 0 the D nearly as often as grades do.",
        QUESTION,
        f"probability that a network gives the D for a normalized 0; exact for grades: {_d_at_zero(3):.3f}",
        Region.near(_d_at_zero(3), 0.03),
        Bounded(0, 1),
        _measured(100, WITHOUT),
        max_replicates=2**11,
    ),
    Claim(
        "contradiction-turns-network",
        "After one batch (60, 60, 60), a network holds a normalized 0 for a D, more likely than all other letters.",
        QUESTION,
        "chance that a network gives the D for a 0 with a probability above 1/2 right after the batch",
        Region.above(0.5),
        Proportion(),
        Within(_measured(0, WITHOUT) + _measured(0, CHANGE), 0.5, np.inf),
        max_replicates=2**11,
    ),
    Claim(
        "contradiction-changes-little",
        "One contradicting batch changes the probability of a D at 0 by at most a tenth, in nine networks of ten.",
        TITLE,
        "chance that the batch (60, 60, 60) changes the probability of a D for a normalized 0 by at most 0.1",
        Region.above(0.9),
        Proportion(),
        Within(_measured(0, CHANGE), -0.1, 0.1),
        max_replicates=2**11,
    ),
    Claim(
        "contradiction-is-outvoted",
        "After 100 more batches, less than a quarter of what a contradicting batch changed is left, in nine networks "
        "of ten.",
        TITLE,
        "chance that 100 batches after (60, 60, 60) at most a quarter of the change is left",
        Region.above(0.9),
        Proportion(),
        Within(_measured(100, CHANGE) - _measured(0, CHANGE) * 0.25, -np.inf, 0.0),
        max_replicates=2**11,
    ),
    *(_near_floor(n) for n in SIZES),
)

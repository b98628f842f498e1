"""Claims about networks on the question's example: what they learn, and what contradicting batches change."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from bnstats.claims import Claim, Measure, Measures, Networks, Region, Within, accuracy, letter_grades
from bnstats.claims.borders import LETTERS
from bnstats.claims.builtin.shapes import computed, likely, proportion
from bnstats.claims.grades import CUTS, GRADES
from bnstats.claims.networks import score
from bnstats.datasets.row_batching import OneClass, RowBatching, Shuffled, Sorted
from bnstats.networks.recipe import Recipe
from bnstats.studies.information.bayes_classifier import exact_information
from bnstats.studies.information.class_given_normalized import (
    class_given_normalized,
    entropy_given_normalized,
    same_class_probability,
)
from bnstats.studies.steps.contradiction import CHANGE, WITHOUT, ContradictionKey, ContradictionStudy

TITLE = "question: a network that matches a letter to a number grade"
UNBROKEN = "question: why does this not break training in its entirety?"
ZERO = "question: a 0 means B in one batch and D in the next"
DATA = letter_grades()
SIZES = (3, 8, 64)
D = 1
SCOPE = "normal grades of mean 72 and standard deviation 10"
WHOLE_GRADES = tuple(np.arange(0.5, 150.0).tolist())
STUDY = ContradictionStudy(
    DATA, Recipe((32,), learning_rate=0.1), (60.0, 60.0, 60.0), followed=D, later=(0, 10, 100)
)  # fmt: skip


def _networks(n: int, batching: RowBatching = Shuffled()) -> Networks:
    return Networks(DATA, batch_size=n, batching=batching, learning_rate=0.1, steps=4000)


def _ceiling(n: int) -> float:
    """Return the exact Bayes accuracy of the letter, given the grade normalized by its batch of n."""
    return exact_information(GRADES, CUTS, n)[0]


def _reaches(n: int) -> Claim:
    ceiling = _ceiling(n)
    return proportion(
        f"grades-reach-ceiling-at-{n}",
        f"In training mode with batches of {n}, a network predicts letters nearly as well as any method can from a "
        "normalized grade.",
        TITLE,
        f"accuracy on letters in training mode; no method can exceed {ceiling:.4f} from a normalized grade",
        Region(ceiling - 0.04, ceiling + 0.002), accuracy(_networks(n), "batch"), 2**11,
    )  # fmt: skip


def _exceeds(n: int) -> Claim:
    return proportion(
        f"grades-exceed-ceiling-at-{n}",
        f"In evaluation mode, a network trained with batches of {n} predicts more letters than any method can from "
        "grades normalized in such batches.",
        TITLE, f"accuracy on letters in evaluation mode; no method can exceed {_ceiling(n):.4f} in training mode",
        Region.above(_ceiling(n) + 0.02), accuracy(_networks(n), "running"), 2**11,
    )  # fmt: skip


def _broken(name: str, condition: str, what: str, batching: RowBatching) -> Claim:
    return proportion(
        name, f"On grades, training is broken if {condition}.",
        TITLE, f"accuracy on letters in evaluation mode, batches of 8 {what}",
        LETTERS.broken, accuracy(_networks(8, batching), "running"),
    )  # fmt: skip


def _measured(later: int, measure: str) -> Measures:
    scope = f"{SCOPE}; hidden units: 32; 4000 steps; learning rate 0.1, batches of 3"
    return Measures(((Measure(STUDY, ContradictionKey(later, measure), scope), 1.0),))


def _probability(name: str, statement: str, event: str, region: Region, value: Callable[[], float]) -> Claim:
    return computed(name, statement, ZERO, f"probability {event}", region, value, SCOPE, rounding=1e-9)


def _d_at_zero(n: int) -> float:
    return float(class_given_normalized(GRADES, CUTS, 0.0, n)[D])


def _near_floor(n: int) -> Claim:
    floor = entropy_given_normalized(GRADES, CUTS, n)
    return likely(
        f"grades-near-floor-at-{n}",
        f"In training mode with batches of {n}, a network's loss is at most 0.1 nats above the lowest possible loss "
        "from a normalized grade.",
        UNBROKEN,
        f"a network's mean loss on new grades is at most 0.1 nats above the lowest possible, {floor:.3f} nats",
        Within(score(_networks(n), "batch", metric="nll"), high=floor + 0.1),
        most=2**11,
    )


CLAIMS = (
    *(_reaches(n) for n in SIZES),
    *(_exceeds(n) for n in SIZES),
    _broken("grades-one-class", "each batch holds one letter only", "of one letter", OneClass()),
    _broken("grades-sorted", "rows come sorted by letter", "sorted rows", Sorted()),
    _probability(
        "d-at-zero-at-3",
        "In batches of 3, a normalized 0 stands for a D with a probability of about one third.",
        "of a D, given a normalized 0 in a batch of 3",
        Region.near(1 / 3, 0.02),
        partial(_d_at_zero, 3),
    ),
    _probability(
        "d-at-zero-at-64",
        "In batches of 64, a normalized 0 stands for a D with a probability below one in ten.",
        "of a D, given a normalized 0 in a batch of 64",
        Region.below(0.1),
        partial(_d_at_zero, 64),
    ),
    _probability(
        "equal-grades-are-rare-at-3",
        "Under shuffling, fewer than one batch of 3 in a thousand consists of equal whole grades, as (60, 60, 60) "
        "does.",
        "that three grades, rounded to whole ones, are equal",
        Region.below(1e-3),
        partial(same_class_probability, GRADES, WHOLE_GRADES, 3),
    ),
    _probability(
        "one-letter-is-rare-at-8",
        "Under shuffling, fewer than one batch of 8 in a thousand has one letter only.",
        "that eight grades have the same letter",
        Region.below(1e-3),
        partial(same_class_probability, GRADES, CUTS, 8),
    ),
    proportion(
        "network-gives-d-at-zero",
        "A network trained with batches of 3 gives a D, at a normalized 0, nearly the probability that it has among "
        "grades.",
        ZERO,
        f"probability of a D that a network predicts at a normalized 0; among grades it is {_d_at_zero(3):.3f}",
        Region.near(_d_at_zero(3), 0.03),
        _measured(100, WITHOUT),
        2**11,
    ),
    likely(
        "contradiction-turns-network",
        "After one batch (60, 60, 60), a network predicts a D at a normalized 0 with a probability above one half.",
        ZERO,
        "a network predicts a D at 0 with a probability above 1/2, right after the batch",
        Within(_measured(0, WITHOUT) + _measured(0, CHANGE), low=0.5),
        0.5,
        2**11,
    ),
    likely(
        "contradiction-changes-little",
        "One batch (60, 60, 60) changes the predicted probability of a D at 0 by at most 0.1, in nine networks of ten.",
        UNBROKEN,
        "the batch (60, 60, 60) changes the predicted probability of a D at a normalized 0 by at most 0.1",
        Within(_measured(0, CHANGE), -0.1, 0.1),
        most=2**11,
    ),
    likely(
        "contradiction-is-outvoted",
        "100 batches later, at most a quarter of the change by a batch (60, 60, 60) is left, in nine networks of ten.",
        UNBROKEN,
        "at most a quarter of the change in the probability of a D is left, 100 batches after (60, 60, 60)",
        Within(_measured(100, CHANGE) - _measured(0, CHANGE) * 0.25, high=0.0),
        most=2**11,
    ),
    *(_near_floor(n) for n in SIZES),
)

"""Claims about networks on the question's example, in training mode and afterwards."""

from __future__ import annotations

from bnstats.claims.borders import LETTERS
from bnstats.claims.builtin.shapes import share
from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import Measures
from bnstats.claims.grades import CUTS, GRADES, letter_grades
from bnstats.claims.networks import Networks, accuracy
from bnstats.datasets.row_batching import OneClass, RowBatching, Shuffled, Sorted
from bnstats.studies.information.class_given_normalized import exact_information

TITLE = "question: a network that matches a letter to a number grade"
DATA = letter_grades()
SIZES = (3, 8, 64)


def _letters(n: int, mode: str, batching: RowBatching = Shuffled()) -> Measures:
    study = Networks(DATA, batch_size=n, batching=batching, learning_rate=0.1, steps=4000)
    return accuracy(study, mode)


def _ceiling(n: int) -> float:
    """Return the exact Bayes accuracy of the letter, given the grade normalized by its batch of n."""
    return exact_information(GRADES, CUTS, n)[0]


def _reaches(n: int) -> Claim:
    ceiling = _ceiling(n)
    return share(
        f"grades-reach-ceiling-at-{n}",
        f"In training mode, a network on grades learns what batches of {n} leave of a letter, nearly to the ceiling.",
        TITLE,
        f"share of letters named right in training mode; at most {ceiling:.4f} can be named from a normalized grade",
        Region(ceiling - 0.04, ceiling + 0.002), _letters(n, "batch"), 2**11,
    )  # fmt: skip


def _exceeds(n: int) -> Claim:
    return share(
        f"grades-exceed-ceiling-at-{n}",
        f"In evaluation mode, a network trained with batches of {n} names more letters right than such a batch allows.",
        TITLE, f"share of letters named right in evaluation mode; {_ceiling(n):.4f} is the ceiling of training mode",
        Region.above(_ceiling(n) + 0.02), _letters(n, "running"), 2**11,
    )  # fmt: skip


def _broken(name: str, condition: str, what: str, batching: RowBatching) -> Claim:
    return share(
        name, f"On grades, training is broken if {condition}.",
        TITLE, f"share of letters named right in evaluation mode, batches of 8 {what}",
        LETTERS.broken, _letters(8, "running", batching),
    )  # fmt: skip


CLAIMS = (
    *(_reaches(n) for n in SIZES),
    *(_exceeds(n) for n in SIZES),
    _broken("grades-one-class", "each batch holds one letter only", "of one letter", OneClass()),
    _broken("grades-sorted", "rows come sorted by letter", "sorted rows", Sorted()),
)

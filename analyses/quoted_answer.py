"""Numbers and verdicts of the answer, which stands in the README and on the home page in the same sentences."""

from __future__ import annotations

import re

import pandas as pd

from analyses import figure_numbers as numbers
from analyses.figure_files import FIGURES
from analyses.quotes import Quote

# A verdict beside a sentence: its word, the page with its evidence, and the claim.
VERDICT = re.compile(r'\[([^\]]+)\]\((\S+) "([a-z0-9-]+)"\)')
NOT_YET = "not judged yet"


def with_verdicts(document: str) -> str:
    """Return the document with the verdicts of the ledger beside its sentences."""
    ledger = pd.read_csv(FIGURES / "claims.csv").set_index("claim")["verdict"].to_dict()

    def written(found: re.Match[str]) -> str:
        verdict = ledger.get(found[3], NOT_YET)
        word = found[1] if " ".join(found[1].split()) == verdict else verdict
        return f'[{word}]({found[2]} "{found[3]}")'

    return VERDICT.sub(written, document)


# The answer stands in the README and on the home page, in the same sentences.
ANSWER = (
    Quote("In shuffled batches of 3 grades N(72, 10), a 0 stands for grades"),
    Quote(
        "with shuffled batches of 3, 8 and 64, a 0 is a D with a probability of {:.2f}, {:.2f} and {:.2f}",
        tuple(numbers.d_given_zero(n) for n in (3, 8, 64)),
    ),
    Quote("in batches of 64 hardly ever"),
    Quote('A "D" at 0 does not undo a "B" at 0'),
    Quote(
        "One bad batch, (60, 60, 60), moves the probability of a D at 0 by {:.1f} points; {:.1f} are left after 10 "
        "batches, {:.1f} after 100",
        tuple(numbers.left_of_contradiction(k) for k in (0, 10, 100)),
    ),
    Quote("Ordinary batches move it by {:.1f} points all the time", (numbers.moved_by_ordinary_batches,)),
    Quote(
        "after 60 steps of training on digits, the cosine of the mean step of batches of 20 and the steepest "
        "descent is {:.2f}",
        (numbers.cosine("rules", "Shuffled()"),),
    ),
    Quote(
        "Predicting the letters' frequencies has a mean loss of {:.2f} nats (cross-entropy, natural logarithms); "
        "from a normalized grade the loss cannot fall below {:.2f}, and networks reach {:.2f}",
        (numbers.loss_on_grades(0, "exact"), numbers.loss_on_grades(3, "exact"), numbers.loss_on_grades(3)),
    ),
    Quote(
        "the mean step goes uphill (cosine {:.2f}, at weights that shuffled batches trained for 60 steps), and a "
        "larger batch does not help ({:.2f} at 64 rows)",
        (numbers.cosine("rules", "OneClass()"), numbers.cosine("sizes", "OneClass()", 64)),
    ),
    Quote(
        "In batches of 3, another batch's statistics are just as precise and train far worse: the accuracy on digits "
        "is {:.0f} %, against {:.0f} %",
        (numbers.right_with_other_statistics("plain"), numbers.right_with_other_statistics("own")),
    ),
    Quote("bounded, by √(n − 1)"),
    Quote("works even in batches of 3"),
    Quote(
        "In batches of 3, a network predicts {:.0f} % of the letters in training mode. No method can exceed {:.0f} % "
        "from one normalized grade; always guessing C gets {:.0f} %",
        (
            numbers.network_on_grades("batch"),
            numbers.percent("grades_network", f"{numbers.AT_3} and statistics == 'ceiling'", "exact"),
            numbers.percent("grades_network", "panel == 'guess' and population == 'normal grades'"),
        ),
    ),
    Quote("the same network predicts {:.0f} %", (numbers.network_on_grades("running"),)),
    Quote("(at a momentum of 0.01, for {:.0f} steps)", (numbers.steps_to_forget,)),
    Quote("64 are fine here"),
    Quote("with batches of 2, group norm is more accurate than batch norm"),
    Quote(
        "Of {:.0f} differences that were published of large networks, {:.0f} have the same sign here, {:.0f} the "
        "opposite one, and {:.0f} are undecided",
        (
            numbers.signs(),
            *(numbers.signs(verdict) for verdict in ("the same here", "opposite here", "undecided here")),
        ),
    ),
)

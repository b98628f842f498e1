"""Every number that prose takes from a figure: `python -m analyses.quoted_numbers` says which do not hold.

With `--write` it puts those of the figures in their places.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from scipy import stats

from analyses import figure_numbers as numbers
from analyses.figure_files import ROOT
from analyses.quoted_answer import ANSWER, with_verdicts
from analyses.quotes import Quote, unaccounted

QUOTES: Mapping[str, Sequence[Quote]] = {
    "README.md": (
        Quote("(Python 3.11 or later)"),
        *ANSWER,
        Quote("in about {:.0f} minutes on two cores", (numbers.minutes_of_analyses,)),
        Quote("ledger of all verdicts, in about {:.0f} minutes", (numbers.minutes_of_claims,)),
    ),
    "docs/index.md": (*ANSWER, Quote("two batches, one 0")),
    "docs/developing.md": (
        Quote(
            "a χ² value with 3 degrees of freedom below 1, which is {:.3f}", (lambda: float(stats.chi2(3).cdf(1.0)),)
        ),
    ),
    "docs/gallery/grades_network.md": (
        Quote(
            "Grades are N(72, 10). With batches of 3, a network predicts {:.0f} % of the letters in training mode; "
            "no method can exceed {:.0f} % from one normalized grade",
            (
                numbers.network_on_grades("batch"),
                numbers.percent("grades_network", f"{numbers.AT_3} and statistics == 'ceiling'", "exact"),
            ),
        ),
        Quote("the same network predicts {:.0f} %", (numbers.network_on_grades("running"),)),
    ),
    "docs/gallery/memory.md": (
        Quote("In the batch (60, 60, 60) each 0 is a D"),
        Quote(
            "network's probability of a D at 0 by {:.1f} points; {:.1f} are left after 10 batches, {:.1f} after 100. "
            "Ordinary batches move that probability by {:.1f} points",
            (*(numbers.left_of_contradiction(k) for k in (0, 10, 100)), numbers.moved_by_ordinary_batches),
        ),
        Quote("probability of a D at 0 is about that among grades"),
        Quote("for 4000 steps of plain gradient descent with a rate of 0.1"),
        Quote("more parameters act at 0"),
        Quote("grades that become 0"),
        Quote("grades N(72, 10), batches of 3"),
    ),
    "docs/gallery/direction.md": (
        Quote(
            "after 60 steps, the cosine of the mean step and the steepest descent is {:.2f} in batches of 20. With "
            "five classes a batch it is {:.2f}, with two {:.2f}. With one class a batch the mean step goes uphill "
            "({:.2f}), whatever the batch size: {:.2f} at 8 rows, {:.2f} at 64. The same rows of one class step "
            "downhill ({:.2f}) when the statistics of all rows normalize them as constants, and along the descent "
            "({:.2f})",
            (
                numbers.cosine("rules", "Shuffled()"),
                numbers.cosine("rules", "ClassBalanced(classes=5, rows_per_class=4)"),
                numbers.cosine("rules", "ClassBalanced(classes=2, rows_per_class=10)"),
                numbers.cosine("rules", "OneClass()"),
                numbers.cosine("sizes", "OneClass()", 8),
                numbers.cosine("sizes", "OneClass()", 64),
                numbers.cosine("all", "OneClass()"),
                numbers.cosine("through", "OneClass()"),
            ),
        ),
        Quote("two hidden layers of 32 units"),
        Quote("shuffled batches of 20"),
        Quote("16 networks were trained at a rate of 0.02 with momentum 0.9, from initial weights N(0, 2 / inputs)"),
    ),
    "docs/gallery/covariates.md": (
        Quote(
            "With 36 % of the label's variance between batches, centering removes {:.2f} of a difference of 1",
            (lambda: -numbers.difference_changed("center", 0.36)(),),
        ),
        Quote(
            "a part of the batch effects to the difference: {:.2f} at 36 %, {:.2f} at 64 %",
            tuple(numbers.difference_changed("shrink, label kept", between) for between in (0.36, 0.64)),
        ),
        Quote("batches of 32 rows"),
        Quote("rows are higher by 1"),
        Quote("leave (1 − 1/n) of the variance"),
    ),
    "docs/gallery/floor.md": (
        Quote(
            "costs a mean loss of {:.2f} nats. From a grade normalized in a batch of 3, no classifier can have a "
            "mean loss below {:.2f} nats; in batches of 8 the limit is {:.2f}, in batches of 64 {:.2f}",
            tuple(numbers.loss_on_grades(n, "exact") for n in (0, 3, 8, 64)),
        ),
        Quote(
            "Networks come close: {:.2f}, {:.2f} and {:.2f} nats in training mode",
            tuple(numbers.loss_on_grades(n) for n in (3, 8, 64)),
        ),
        Quote("N(72, 10), letters cut at 60, 70, 80 and 90"),
        Quote("of 32 networks"),
        Quote("one hidden layer of 32 units and were trained for 4000 steps at a rate of 0.1"),
    ),
    "docs/gallery/bound.md": (
        Quote(
            "In batches of 3, test accuracy is {:.0f} % with own statistics in training, {:.0f} % with another "
            "batch's, and {:.0f} % with another batch's and values cut",
            tuple(numbers.right_with_other_statistics(kind) for kind in ("own", "plain", "bounded")),
        ),
        Quote("noise of the same size, accuracy is {:.0f} %", (numbers.right_with_other_statistics("noisy"),)),
        Quote("From 16 rows on"),
        Quote("two hidden layers of 32 units and 2000 steps"),
        Quote("accuracy of 16 networks"),
    ),
    "docs/gallery/letter_grades.md": (
        Quote("in batches of 3, a 0 stands for a letter from F to B; in batches of 512, it stands for a C"),
        Quote(
            "the best accuracy on letters is {:.0f} % in batches of 2 (always guessing C: {:.0f} %) and about {:.0f} "
            "% in batches of 64",
            (
                numbers.letters_named(2),
                numbers.percent("letter_grades", "measure == 'guess' and population == 'course grades'"),
                numbers.rounded_to(10, numbers.letters_named(64)),
            ),
        ),
    ),
    "docs/gallery/convergence.md": (
        Quote(
            "a batch of 64 normal values is still {:.0f} % off, and that of a sparse pixel {:.0f} %",
            (numbers.error_of_variance("normal"), numbers.error_of_variance("pixel 7,1")),
        ),
    ),
    "docs/gallery/interval_coverage.md": (
        Quote(
            "From batches of 4, {:.0f} % of the intervals hold the mean of exponential values and {:.0f} % hold that "
            "of Pareto values",
            tuple(numbers.means_covered(population) for population in ("exponential", "pareto")),
        ),
        Quote("95 % intervals hold the mean 95 times in 100"),
    ),
    "docs/gallery/gradients.md": (
        Quote(
            "with ReLU it grows {:.1f}-fold in batches of 4 and {:.1f}-fold in batches of 64",
            tuple(numbers.gradient_factor(n) for n in (4, 64)),
        ),
        Quote("without an activation, by about (n − 2)/(n − 3). In batches of 2, next to no gradient passes"),
    ),
    "docs/gallery/running_stats.md": (
        Quote("an exponential average with momentum 0.1 stays as noisy as the mean of 19 batches"),
        Quote(
            "A momentum of 0.01 is three times as exact, but needs {:.0f} steps to forget its start",
            (numbers.steps_to_forget,),
        ),
    ),
    "docs/gallery/mismatch.md": (
        Quote(
            "one hidden layer and batches of 4, accuracy is {:.0f} % in training mode and {:.0f} % in evaluation mode",
            (numbers.right_after_training(1, "batch"), numbers.right_after_training(1, "running")),
        ),
        Quote("running statistics cost more than {:.0f} points", (numbers.more_than(10, numbers.SHORT),)),
        Quote("too large by n/(n − 1) in every layer"),
        Quote(
            "with a momentum of 0.01, running statistics lag, and accuracy is more than {:.0f} points lower at step 30",
            (numbers.more_than(10, numbers.BEHIND),),
        ),
    ),
    "docs/gallery/breaking.md": (
        Quote(
            "with one class per batch, the accuracy of batch norm is about {:.0f} % in evaluation mode and about "
            "{:.0f} % in training mode, each at its best learning rate. Layer norm reaches more than {:.0f} %",
            (
                numbers.rounded_to(5, numbers.right_at_best_rate("One class per batch", "batch")),
                numbers.rounded_to(5, numbers.right_at_best_rate("One class per batch", "batch", "batch")),
                numbers.more_than(5, numbers.right_at_best_rate("One class per batch", "layer")),
            ),
        ),
        Quote(
            "with rows sorted by class, batch norm reaches about {:.0f} %, and layer norm more than {:.0f} %",
            (
                numbers.rounded_to(10, numbers.right_at_best_rate("Rows sorted by class", "batch")),
                numbers.more_than(10, numbers.right_at_best_rate("Rows sorted by class", "layer")),
            ),
        ),
    ),
    "docs/gallery/remedies.md": (
        Quote(
            "in batches of 2, the test error is {:.0f} % with batch norm and {:.0f} % with group norm",
            (numbers.wrong_in_batches_of_2("batch"), numbers.wrong_in_batches_of_2("group")),
        ),
        Quote(
            "batch norm loses half a point against batches of 64 below {:.1f} rows ({:.1f} to {:.1f}); 128 rows bring "
            "{:+.1f} ± {:.1f} points",
            (
                *(numbers.sufficient(end) for end in ("size", "low", "high")),
                *map(numbers.twice_as_many, ("value", "mcse")),
            ),
        ),
        Quote("batches above 64 bring nothing"),
    ),
    "docs/gallery/published_signs.md": (
        Quote(
            "of {:.0f} published differences, the sign is opposite here in {:.0f}, undecided in {:.0f}, the same in "
            "{:.0f}",
            (
                numbers.signs(),
                *(numbers.signs(verdict) for verdict in ("opposite here", "undecided here", "the same here")),
            ),
        ),
    ),
    "docs/gallery/shift.md": (
        Quote(
            "with three quarters of the contrast lost, test batches of 64 gain more than {:.0f} points",
            (numbers.more_than(10, numbers.changed_by_test_batches("contrast", "batch")),),
        ),
        Quote(
            "a changed mix of classes costs about {:.0f} points. If the training statistics are mixed in, as 16 rows "
            "or as 64, it costs about {:.0f} or about {:.0f}",
            tuple(
                numbers.rounded_to(5, numbers.points_lost("class mix", kind))
                for kind in ("batch", "mixed 16", "mixed 64")
            ),
        ),
        Quote("in a correlated stream, test batches of up to {:.0f} rows harm", (numbers.largest_that_harms,)),
    ),
    "docs/gallery/batch_effects.md": (
        Quote(
            "batches of 32 that differ by one standard deviation, centering raises accuracy on new batches by more "
            "than {:.0f} points where the difference is nuisance, and lowers it by about {:.0f} points where it is "
            "signal",
            (
                numbers.more_than(10, numbers.gain_by_centering("nuisance")),
                numbers.rounded_to(5, lambda: -float(numbers.gain_by_centering("signal")())),
            ),
        ),
        Quote(
            "raises the error of predicting one test from another by {:.0f} % over 7 years and by {:.0f} % in 240 "
            "districts. Over the years, it lowers the error of predicting pass rates from poverty by {:.0f} %",
            (
                numbers.changed_by_centering("grade 7 by grade 4, 7 years"),
                numbers.changed_by_centering("math by reading 2001, 240 districts"),
                lambda: -float(numbers.changed_by_centering("grade 7 by poverty, 7 years")()),
            ),
        ),
    ),
    "docs/gallery/drift.md": (
        Quote(
            "a fit that is not updated fails: with a spline, accuracy is less than {:.0f} %, and about {:.0f} % if "
            "the fit is updated",
            (
                numbers.at_most(10, numbers.new_batches("standing")),
                numbers.rounded_to(5, numbers.new_batches("accuracy")),
            ),
        ),
    ),
    "docs/gallery/audit.md": (
        Quote("the cause is named in {:.0f} broken ones", (numbers.causes_named,)),
        Quote(
            "from {:.2f} to {:.2f} nats where one layer's statistics are not loaded, from {:.2f} to {:.2f} after too "
            "few updates, and from {:.2f} to {:.2f} where weights were averaged",
            tuple(
                numbers.audited(model, statistics)
                for model in (
                    "one layer's statistics not loaded",
                    "statistics updated 100 times at momentum 0.01",
                    "weights averaged, statistics not",
                )
                for statistics in ("running", "recalibrated")
            ),
        ),
    ),
}


# Settings and formulas, which no figure measured, wherever they stand.
SETTINGS = tuple(
    Quote(text)
    for text in (
        "a 0",
        "normalized 0",
        "1/√n",
        "√(n − 1)",
        "falls as 1/n",
        "(n − 1)/n",
        "is 64 enough",
        "batch (90, 80, 70)",
        "batch (60, 60, 60)",
        "becomes 0",
        "the 0 moves",
        "in batches of 64 that hardly ever happens",
        "replicates are 0 or 1",
        "0.3 seconds",
        "32 consecutive blocks",
        "15 digits",
        "an interval of 95 %",
        "one-sided 95 % interval",
        "replicates of shape 0.5 with a control variate, at 500 replicates",
        "errors with t = 1.96",
        "n p > 4 (1 − p)",
        "quantile of 5 %, that is more than 76 replicates",
        "number, from 1 on",
        "known expectation 0",
        "with ddof 0",
        "mean 0 and variance 1",
        "above 0 if better",
        "(0.01 nats, unless you say otherwise)",
        "would gain 0.01 nats on them",
        "Keras keeps 0.99 of its running statistics at each step",
        "A momentum of 0.9 is a weight of 1 - 0.9",
        "with batches of four\nat a momentum of 0.9, both stay high",
        "recorded every 25 steps: the largest",
        "Bars are\n95 % intervals over networks",
    )
)
# Pages without results: of formulas and their sources, of commands, of data sets, of settings to try and of a release.
WITHOUT_RESULTS = (
    "docs/methods.md",
    "docs/command_line.md",
    "docs/data.md",
    "docs/draw_a_batch.md",
    "docs/releasing.md",
    "docs/tutorials/exercises.md",
    "docs/tutorials/summarize.md",
    "docs/tutorials/correct.md",
    "docs/tutorials/random_function.md",
)


def documents() -> list[str]:
    """The README and all pages, by their paths from the root."""
    found = (path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md"))
    pages = sorted(path.as_posix() for path in found if "_build" not in path.parts)  # which building the site leaves
    return ["README.md", *(page for page in pages if page not in WITHOUT_RESULTS)]


def problems() -> list[str]:
    """Return the numbers in documents that do not hold, a sentence for each."""
    found = []
    for name in documents():
        document, quotes = (ROOT / name).read_text(), QUOTES.get(name, ())
        wrong = [problem for quote in quotes for problem in quote.problems(document)]
        unknown = unaccounted(document, [*quotes, *SETTINGS])
        wrong += ["verdicts are not those of the ledger"] if with_verdicts(document) != document else []
        wrong += [f"no quote accounts for the number in '{text}'" for text in unknown]
        found += [f"{name}: {problem}" for problem in wrong]
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m analyses.quoted_numbers", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the numbers of the figures into the documents")
    if parser.parse_args(argv).write:
        for name, quotes in QUOTES.items():
            document = Path(ROOT / name).read_text()
            for quote in quotes:
                document = quote.corrected(document)
            Path(ROOT / name).write_text(with_verdicts(document))
    raise SystemExit("\n".join(problems()) or 0)


if __name__ == "__main__":
    main()

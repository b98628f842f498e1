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
from analyses.quotes import Quote, unaccounted

# The answer stands in the README and on the home page, in the same sentences.
ANSWER = (
    Quote("In shuffled batches of 3 grades N(72, 10), a 0 stands for grades"),
    Quote(
        "with shuffled batches of 3, 8 and 64, a 0 is a D with a probability of {:.2f}, {:.2f} and {:.2f}",
        tuple(numbers.d_given_zero(n) for n in (3, 8, 64)),
    ),
    Quote("in batches of 64 hardly ever"),
    Quote('A "D" at 0 does not undo a "B" at 0'),
    Quote("watch the 0 move"),
    Quote("works even in batches of 3"),
    Quote(
        "In batches of 3 a network names {:.0f} % of the letters right in training mode. No method can exceed {:.0f} % "
        "from one grade that its batch has normalized; always guessing C gets {:.0f} %",
        (
            numbers.network_on_grades("batch"),
            numbers.percent("grades_network", f"{numbers.AT_3} and statistics == 'ceiling'", "exact"),
            numbers.percent("grades_network", "panel == 'guess' and population == 'normal grades'"),
        ),
    ),
    Quote("the same network names {:.0f} %", (numbers.network_on_grades("running"),)),
    Quote("(0.01 needs {:.0f} steps)", (numbers.steps_to_forget,)),
    Quote("64 are fine here"),
    Quote("batches of 2 do better than with batch norm"),
    Quote(
        "Of {:.0f} differences that were published of large networks, {:.0f} have the same sign here, {:.0f} the "
        "opposite one, and {:.0f} are undecided",
        (
            numbers.signs(),
            *(numbers.signs(verdict) for verdict in ("the same here", "opposite here", "undecided here")),
        ),
    ),
)

QUOTES: Mapping[str, Sequence[Quote]] = {
    "README.md": (
        Quote("(Python 3.11 or later)"),
        *ANSWER,
        Quote("in about {:.0f} minutes on two cores", (numbers.minutes_of_analyses,)),
        Quote("on request, in about {:.0f} minutes", (numbers.minutes_of_claims,)),
    ),
    "docs/index.md": (*ANSWER, Quote("two batches, one 0")),
    "docs/developing.md": (
        Quote(
            "a χ² value with 3 degrees of freedom below 1, which is {:.3f}", (lambda: float(stats.chi2(3).cdf(1.0)),)
        ),
    ),
    "docs/gallery/grades_network.md": (
        Quote(
            "Grades are N(72, 10). With batches of 3, a network names {:.0f} % of the letters right in training mode; "
            "no method can exceed {:.0f} % from one grade",
            (
                numbers.network_on_grades("batch"),
                numbers.percent("grades_network", f"{numbers.AT_3} and statistics == 'ceiling'", "exact"),
            ),
        ),
        Quote("the same network names {:.0f} %", (numbers.network_on_grades("running"),)),
    ),
    "docs/gallery/memory.md": tuple(
        Quote(text)
        for text in (
            "batch (60, 60, 60)",
            "after 100 batches",
            "N(72, 10),\nbatches of 3",
            "for 4000 steps of plain gradient descent with a rate of 0.1",
            "more parameters act at 0",
            "for a 0 by",
        )
    ),
    "docs/gallery/direction.md": tuple(
        Quote(text)
        for text in (
            "two hidden layers of 32 units",
            "shuffled batches of 20",
            "trained with rate\n0.02 and momentum 0.9, from initial weights N(0, 2 / inputs)",
            "in 16 networks",
        )
    ),
    "docs/gallery/floor.md": tuple(
        Quote(text)
        for text in (
            "N(72, 10), letters cut at 60, 70, 80 and 90",
            "one hidden layer of 32 units, after 4000 steps with a rate of 0.1",
            "of 32 networks",
        )
    ),
    "docs/gallery/bound.md": tuple(
        Quote(text)
        for text in (
            "√(n − 1)",
            "Batches of 3 and 4",
            "batches of 16",
            "two hidden layers of 32 units and 2000 steps",
            "accuracy of 16 networks",
        )
    ),
    "docs/gallery/letter_grades.md": (
        Quote("in batches of 3 a 0 is anything from F to B, in batches of 512 a C"),
        Quote(
            "{:.0f} % of letters can be named right in batches of 2 (always guessing C: {:.0f} %), about {:.0f} % in "
            "batches of 64",
            (
                numbers.letters_named(2),
                numbers.percent("letter_grades", "measure == 'guess' and population == 'course grades'"),
                numbers.rounded_to(10, numbers.letters_named(64)),
            ),
        ),
    ),
    "docs/gallery/convergence.md": (
        Quote(
            "a batch of 64 normal values is still {:.0f} % off, a sparse pixel {:.0f} %",
            (numbers.error_of_variance("normal"), numbers.error_of_variance("pixel 7,1")),
        ),
    ),
    "docs/gallery/interval_coverage.md": (
        Quote(
            "of 95 % intervals from batches of 4, {:.0f} % hold the mean of exponential values and {:.0f} % that of "
            "Pareto values",
            tuple(numbers.means_covered(population) for population in ("exponential", "pareto")),
        ),
    ),
    "docs/gallery/gradients.md": (
        Quote(
            "with ReLU {:.1f}-fold in batches of 4, {:.1f}-fold in batches of 64",
            tuple(numbers.gradient_factor(n) for n in (4, 64)),
        ),
        Quote("without an activation by about (n − 2)/(n − 3). In batches of 2 next to nothing passes"),
    ),
    "docs/gallery/running_stats.md": (
        Quote("an exponential average with momentum 0.1 stays as noisy as 19 batches are"),
        Quote(
            "A momentum of 0.01 is three times as exact, but needs {:.0f} steps to forget its start",
            (numbers.steps_to_forget,),
        ),
    ),
    "docs/gallery/mismatch.md": (
        Quote(
            "one hidden layer, batches of 4: {:.0f} % right in training mode, {:.0f} % in evaluation mode",
            (numbers.right_after_training(1, "batch"), numbers.right_after_training(1, "running")),
        ),
        Quote("running statistics cost more than {:.0f} points", (numbers.more_than(10, numbers.SHORT),)),
        Quote("too large by n/(n − 1) in every layer"),
        Quote(
            "a momentum of 0.01 lags: more than {:.0f} points behind at step 30",
            (numbers.more_than(10, numbers.BEHIND),),
        ),
    ),
    "docs/gallery/breaking.md": (
        Quote(
            "with one class per batch, batch norm gets about {:.0f} % right in evaluation mode and about {:.0f} % in "
            "training mode, each at its best learning rate; layer norm more than {:.0f} %",
            (
                numbers.rounded_to(5, numbers.right_at_best_rate("One class per batch", "batch")),
                numbers.rounded_to(5, numbers.right_at_best_rate("One class per batch", "batch", "batch")),
                numbers.more_than(5, numbers.right_at_best_rate("One class per batch", "layer")),
            ),
        ),
        Quote(
            "with rows sorted by class about {:.0f} %, layer norm more than {:.0f} %",
            (
                numbers.rounded_to(10, numbers.right_at_best_rate("Rows sorted by class", "batch")),
                numbers.more_than(10, numbers.right_at_best_rate("Rows sorted by class", "layer")),
            ),
        ),
    ),
    "docs/gallery/remedies.md": (
        Quote(
            "batches of 2: {:.0f} % wrong with batch norm, {:.0f} % with group norm",
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
            "a changed class mix costs about {:.0f} points, with 16 pseudo-rows of training mixed in about {:.0f}, "
            "with 64 about {:.0f}",
            tuple(
                numbers.rounded_to(5, numbers.points_lost("class mix", kind))
                for kind in ("batch", "mixed 16", "mixed 64")
            ),
        ),
        Quote("in a correlated stream, test batches of up to {:.0f} rows harm", (numbers.largest_that_harms,)),
    ),
    "docs/gallery/batch_effects.md": (
        Quote(
            "batches of 32 that differ by one standard deviation: centering makes accuracy on new batches more than "
            "{:.0f} points better where the difference is nuisance, about {:.0f} points worse where it is signal",
            (
                numbers.more_than(10, numbers.gain_by_centering("nuisance")),
                numbers.rounded_to(5, lambda: -float(numbers.gain_by_centering("signal")())),
            ),
        ),
        Quote(
            "raises the error of one test by another, by {:.0f} % over 7 years and by {:.0f} % in 240 districts; over "
            "the years it lowers that of pass rates by poverty, by {:.0f} %",
            (
                numbers.changed_by_centering("grade 7 by grade 4, 7 years"),
                numbers.changed_by_centering("math by reading 2001, 240 districts"),
                lambda: -float(numbers.changed_by_centering("grade 7 by poverty, 7 years")()),
            ),
        ),
    ),
    "docs/gallery/drift.md": (
        Quote(
            "a fit left standing fails (spline: less than {:.0f} % of labels right; about {:.0f} % if it goes on with "
            "their rows)",
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
            "few updates, from {:.2f} to {:.2f} where weights were averaged",
            tuple(
                numbers.audited(model, statistics)
                for model in (
                    "one layer's statistics not loaded",
                    "statistics updated 100 times at momentum 0.01",
                    "weights averaged, statistics not",
                )
                for statistics in ("running", "mended")
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
        "in batches of 64 that hardly ever happens",
        "replicates are 0 or 1",
        "0.3 seconds",
        "chapters of 32 blocks",
        "15 digits",
        "an interval of 95 %",
        "replicates of shape 0.5 with a control variate, at 500 replicates",
        "errors with t = 1.96",
        "n p > 4 (1 − p)",
        "quantile of 5 %, that is more than 76 replicates",
        "number, from 1 on",
        "known expectation 0",
        "with ddof 0",
    )
)
# Pages without results: of formulas and their sources, of data sets, of settings to try and of steps of a release.
WITHOUT_RESULTS = ("docs/methods.md", "docs/data.md", "docs/draw_a_batch.md", "docs/releasing.md")


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
            Path(ROOT / name).write_text(document)
    raise SystemExit("\n".join(problems()) or 0)


if __name__ == "__main__":
    main()

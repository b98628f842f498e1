"""Every number that prose takes from a figure: `python -m analyses.quoted_numbers` says which do not hold.

With `--write` it puts those of the figures in their places.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from analyses import remedies, running_stats, shift
from analyses.breaking import best, kinds
from analyses.figure_files import ROOT
from analyses.quotes import Quote, numbers_of, unaccounted, value
from analyses.sufficient_size import SufficientSize
from bnstats.plots.elements import in_percent

Number = Callable[[], float | str]


def percent(figure: str, query: str, column: str = "value") -> Number:
    """A share in percent."""
    return lambda: value(figure, query, 100.0, column)


def rounded_to(step: float, number: Number) -> Number:
    """The nearest multiple of a step, for numbers that are said about."""
    return lambda: step * round(float(number()) / step)


def more_than(step: float, number: Number) -> Number:
    """The largest multiple of a step below a size, for numbers that are said to be more than this."""
    return lambda: step * math.floor(abs(float(number())) / step)


def at_most(step: float, number: Number) -> Number:
    """The smallest multiple of a step above a number, for numbers that are said to be at most this."""
    return lambda: step * math.ceil(float(number()) / step)


AT_3 = "panel == 'sizes' and population == 'normal grades' and batch_size == 3"


def _network(mode: str) -> Number:
    return percent("grades_network", f"{AT_3} and statistics == '{mode}'")


def _letters(size: int) -> Number:
    return percent(
        "letter_grades",
        f"panel == 'letters named' and population == 'exam grades' and measure == 'accuracy' and batch_size == {size}",
    )


def _error_of_variance(population: str) -> Number:
    return percent(
        "convergence",
        f"population == '{population}' and batch_size == 64 and estimator == 'var' and measure == 'rmse' "
        "and kind == 'error'",
    )


def _forgotten() -> float:
    rows = numbers_of("running_stats")
    rows = rows[(rows["panel"] == "momentum") & (rows["statistic"] == "var") & (rows["measure"] == "rmse")]
    return running_stats.forgotten_after(rows, 0.01)


def _right(depth: int, statistics: str) -> Number:
    return percent(
        "mismatch",
        f"panel == 'batch size' and kind == 'score' and depth == {depth} and batch_size == 4 "
        f"and statistics == '{statistics}'",
    )


SHORT = percent(
    "mismatch",
    "panel == 'batch size' and kind == 'part' and depth == 8 and batch_size == 4 and statistics == 'precise - running'",
)
BEHIND = percent(
    "mismatch",
    "panel == 'steps' and kind == 'part' and steps == 30 and momentum == 0.01 and statistics == 'batch - running'",
)


def _best(panel: str, normalizer: str, statistics: str = "running") -> Number:
    """Percent right at the best learning rate."""

    def found() -> float:
        rows = numbers_of("breaking").query(f"panel == '{panel}'")
        return 100 * float(best(rows.assign(normalizer=kinds(rows)), normalizer, statistics)["value"])

    return found


def _wrong(normalizer: str) -> Number:
    rows = f"stage == 'report' and question == 'equal rows' and size == 2 and normalizer == '{normalizer}'"
    return lambda: 100 - value("remedies", rows, 100.0)


def _sufficient(end: str) -> Number:
    def found() -> float:
        return float(getattr(_losses()[1], end))

    return found


def _losses() -> tuple[pd.DataFrame, SufficientSize]:
    return remedies.losses(numbers_of("remedies").query("stage == 'report'"), "equal rows")


def _twice_as_many(column: str) -> Number:
    """What 128 rows bring over 64, and two standard errors of that."""
    factor = {"value": -1, "mcse": 2}[column]
    return lambda: factor * float(_losses()[0][column].iloc[-1])


def _signs(verdict: str | None = None) -> Number:
    def found() -> float:
        rows = numbers_of("published_signs")
        return len(rows if verdict is None else rows[rows["verdict"] == verdict])

    return found


def _changed(kind: str, statistics: str) -> Number:
    """Points by which test-batch statistics change accuracy at the severest shift of a kind."""

    def found() -> float:
        rows = numbers_of("shift").query(f"panel == 'severity' and kind == '{kind}'")
        rows = in_percent(rows[rows["test_batching"] == repr(shift.IID)])
        at = rows[rows["severity"] == rows["severity"].max()].set_index("statistics")["value"]
        return float(at[statistics] - at["running"])

    return found


def _lost(kind: str, statistics: str) -> Number:
    """Points that test-batch statistics cost."""
    return lambda: -float(_changed(kind, statistics)())


def _harm() -> float:
    rows = numbers_of("shift").query("panel == 'size'")
    return shift.turning_sizes(rows[rows["test_batching"] == repr(shift.STREAM)])[0]


def _centred(labels: str) -> Number:
    """Points by which centring changes accuracy on new batches, at differences of one standard deviation."""
    where = f"panel == 'signal' and measure == 'accuracy' and effect_size == 1 and labels == '{labels}'"
    return lambda: (
        100
        * (
            value("batch_effects", f"{where} and correction == 'center'")
            - value("batch_effects", f"{where} and correction == 'none'")
        )
    )


def _covered(population: str) -> Number:
    return percent(
        "interval_coverage", f"measure == 'holds the mean' and batch_size == 4 and population == '{population}'"
    )


def _factor(batch_size: int) -> Number:
    query = f"panel == 'factor' and activation == 'relu' and normalizer == 'batch' and batch_size == {batch_size}"
    return lambda: value("gradients", query)


def _exams(batches: str) -> Number:
    def found() -> float:
        rows = numbers_of("batch_effects").query("panel == 'real' and correction == 'center'")
        return 100 * float(rows.loc[rows["dataset"].str.endswith(batches), "value"].item())

    return found


def _new_batches(measure: str) -> Number:
    return percent("drift", f"panel == 'new batches' and correction == 'spline' and measure == '{measure}'")


def _audited(model: str, statistics: str) -> Number:
    """Negative log likelihood of the test rows."""
    return lambda: value("audit", f"panel == 'scores' and model == {model!r} and statistics == {statistics!r}")


def _named() -> float:
    """Broken models whose cause was named."""
    causes = numbers_of("audit").groupby("model", sort=False)["cause"].first()
    return float((causes != "nothing_wrong").sum())


QUOTES: Mapping[str, Sequence[Quote]] = {
    "README.md": (
        Quote("(Python 3.11 or later)"),
        Quote(
            "with batches of 3, a network names {:.0f} % of the letters right in training mode; a grade that its "
            "batch has normalised allows {:.0f} %",
            (_network("batch"), percent("grades_network", f"{AT_3} and statistics == 'ceiling'", "exact")),
        ),
        Quote("the same network names {:.0f} %", (_network("running"),)),
    ),
    "docs/gallery/index.md": (
        Quote("in batches of 3 a 0 is anything from D to B, in batches of 512 a C"),
        Quote(
            "{:.0f} % of letters can be named right in batches of 2 (always guessing C: {:.0f} %), about {:.0f} % in "
            "batches of 64",
            (
                _letters(2),
                percent("letter_grades", "measure == 'guess' and population == 'exam grades'"),
                rounded_to(10, _letters(64)),
            ),
        ),
        Quote(
            "a batch of 64 normal values is still {:.0f} % off, a sparse pixel {:.0f} %",
            (_error_of_variance("normal"), _error_of_variance("pixel 7,1")),
        ),
        Quote(
            "of 95 % intervals from batches of 4, {:.0f} % hold the mean of exponential values and {:.0f} % that of "
            "Pareto values",
            tuple(_covered(population) for population in ("exponential", "pareto")),
        ),
        Quote(
            "with ReLU {:.1f}-fold in batches of 4, {:.1f}-fold in batches of 64", tuple(_factor(n) for n in (4, 64))
        ),
        Quote("without an activation by (n − 2)/(n − 3); in batches of 2 next to nothing passes"),
        Quote("an exponential average with momentum 0.1 stays as noisy as 19 batches are"),
        Quote("0.01 is three times as exact, but needs {:.0f} steps to forget its start", (_forgotten,)),
        Quote(
            "one hidden layer, batches of 4: {:.0f} % right in training mode, {:.0f} % in evaluation mode",
            (_right(1, "batch"), _right(1, "running")),
        ),
        Quote("running statistics cost more than {:.0f} points", (more_than(10, SHORT),)),
        Quote("too large by n/(n − 1) in every layer"),
        Quote("a momentum of 0.01 lags: more than {:.0f} points behind at step 30", (more_than(10, BEHIND),)),
        Quote(
            "with one class per batch, batch norm gets about {:.0f} % right in evaluation mode at its best learning "
            "rate, layer norm more than {:.0f} %",
            (rounded_to(5, _best("One class per batch", "batch")), more_than(5, _best("One class per batch", "layer"))),
        ),
        Quote(
            "with rows sorted by class about {:.0f} %, layer norm more than {:.0f} %",
            (
                rounded_to(10, _best("Rows sorted by class", "batch")),
                more_than(10, _best("Rows sorted by class", "layer")),
            ),
        ),
        Quote(
            "batches of 2: {:.0f} % wrong with batch norm, {:.0f} % with group norm", (_wrong("batch"), _wrong("group"))
        ),
        Quote(
            "batch norm loses half a point against batches of 64 below {:.1f} rows ({:.1f} to {:.1f}); 128 rows bring "
            "{:+.1f} ± {:.1f} points",
            (*(_sufficient(end) for end in ("size", "low", "high")), *map(_twice_as_many, ("value", "mcse"))),
        ),
        Quote(
            "of {:.0f} published differences, the sign is opposite here in {:.0f}, undecided in {:.0f}, the same in "
            "{:.0f}",
            (_signs(), *(_signs(verdict) for verdict in ("disagrees", "undecided", "agrees"))),
        ),
        Quote(
            "with three quarters of the contrast lost, test batches of 64 gain more than {:.0f} points",
            (more_than(10, _changed("contrast", "batch")),),
        ),
        Quote(
            "a changed class mix costs about {:.0f} points, with 16 pseudo-rows of training mixed in about {:.0f}, "
            "with 64 about {:.0f}",
            tuple(rounded_to(5, _lost("class mix", kind)) for kind in ("batch", "mixed 16", "mixed 64")),
        ),
        Quote("in a correlated stream, test batches of up to {:.0f} rows harm", (_harm,)),
        Quote(
            "batches of 32 that differ by one standard deviation: centring makes accuracy on new batches more than "
            "{:.0f} points better where the difference is nuisance, about {:.0f} points worse where it is signal",
            (more_than(10, _centred("relative")), rounded_to(5, lambda: -float(_centred("global")()))),
        ),
        Quote(
            "it raises the error by {:.0f} % in 65 schools and by {:.0f} % in 131 authorities",
            (_exams("schools"), _exams("authorities")),
        ),
        Quote(
            "a fit left standing fails (spline: less than {:.0f} % of labels right; about {:.0f} % if it goes on with "
            "their rows)",
            (at_most(10, _new_batches("standing")), rounded_to(5, _new_batches("accuracy"))),
        ),
        Quote("the cause is named in {:.0f} broken ones", (_named,)),
        Quote(
            "from {:.2f} to {:.2f} nats where one layer's statistics are not loaded, from {:.2f} to {:.2f} after too "
            "few updates, from {:.2f} to {:.2f} where weights were averaged",
            tuple(
                _audited(model, statistics)
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
        "normalised 0",
        "1/√n",
        "(n − 1)/n",
        "is 64 enough",
        "batch (90, 80, 70)",
        "batch (60, 60, 60)",
        "becomes 0",
        "in batches of 64 that hardly ever happens",
        "replicates are 0 or 1",
        "0.3 seconds",
        "15 digits",
    )
)
# Pages of formulas and their sources, without results.
FORMULAS = ("docs/methods.md",)


def documents() -> list[str]:
    """The README and all pages, by their paths from the root."""
    pages = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
    return ["README.md", *(page for page in pages if page not in FORMULAS)]


def problems() -> list[str]:
    """What does not hold in any document, in the words of a sentence."""
    found = []
    for name in documents():
        document, quotes = (ROOT / name).read_text(), QUOTES.get(name, ())
        wrong = [problem for quote in quotes for problem in quote.problems(document)]
        numbers = unaccounted(document, [*quotes, *SETTINGS])
        wrong += [f"no quote accounts for the number in '{text}'" for text in numbers]
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

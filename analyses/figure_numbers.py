"""The numbers of figures that prose quotes, each as a function without arguments that looks it up."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from analyses import remedies, running_stats, shift
from analyses.breaking import best, kinds
from analyses.figure_files import FIGURES
from analyses.quotes import numbers_of, value
from analyses.sufficient_size import SufficientSize
from bnstats.claims.grades import CUTS, GRADES
from bnstats.plots.elements import in_percent
from bnstats.studies.information.class_given_normalized import class_given_normalized

Number = Callable[[], float | str]


def percent(figure: str, query: str, column: str = "value") -> Number:
    """A share in percent."""
    return lambda: value(figure, query, 100.0, column)


def rounded_to(step: float, number: Number) -> Number:
    """The nearest multiple of a step, for numbers that are said about."""
    return lambda: step * round(float(number()) / step)


def more_than(step: float, number: Number) -> Number:
    """The largest multiple of a step below a number, for numbers that are said to be more than this."""
    return lambda: step * math.floor(float(number()) / step)


def at_most(step: float, number: Number) -> Number:
    """The smallest multiple of a step above a number, for numbers that are said to be at most this."""
    return lambda: step * math.ceil(float(number()) / step)


AT_3 = "panel == 'sizes' and population == 'normal grades' and batch_size == 3"


def network_on_grades(mode: str) -> Number:
    return percent("grades_network", f"{AT_3} and statistics == '{mode}'")


def d_given_zero(size: int) -> Number:
    """Return the probability that a normalized 0 is a D, for normal grades."""
    return lambda: float(class_given_normalized(GRADES, CUTS, 0.0, size)[1])


def minutes_of_analyses() -> float:
    """Return the time of all analyses on two cores but those on request, and those that need PyTorch."""
    others = ("claims", "audit")
    return sum(_seconds(path) for path in FIGURES.glob("*.json") if path.stem not in others) / 2 / 60


def minutes_of_claims() -> float:
    """Return the time of the ledger on two cores."""
    return _seconds(FIGURES / "claims.json") / 2 / 60


def _seconds(provenance: Path) -> float:
    return float(json.loads(provenance.read_text())["cpu_seconds"])


def letters_named(size: int) -> Number:
    return percent(
        "letter_grades",
        "panel == 'letters named' and population == 'course grades' and measure == 'accuracy' and "
        f"batch_size == {size}",
    )


def error_of_variance(population: str) -> Number:
    return percent(
        "convergence",
        f"population == '{population}' and batch_size == 64 and estimator == 'var' and measure == 'rmse' "
        "and kind == 'error'",
    )


def steps_to_forget() -> float:
    rows = numbers_of("running_stats")
    rows = rows[(rows["panel"] == "momentum") & (rows["statistic"] == "var") & (rows["measure"] == "rmse")]
    return running_stats.forgotten_after(rows, 0.01)


def right_after_training(depth: int, statistics: str) -> Number:
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


def right_at_best_rate(panel: str, normalizer: str, statistics: str = "running") -> Number:
    """Percent right at the best learning rate."""

    def found() -> float:
        rows = numbers_of("breaking").query(f"panel == '{panel}'")
        return 100 * float(best(rows.assign(normalizer=kinds(rows)), normalizer, statistics)["value"])

    return found


def wrong_in_batches_of_2(normalizer: str) -> Number:
    rows = f"stage == 'report' and question == 'equal rows' and size == 2 and normalizer == '{normalizer}'"
    return lambda: 100 - value("remedies", rows, 100.0)


def sufficient(end: str) -> Number:
    def found() -> float:
        return float(getattr(losses_by_size()[1], end))

    return found


def losses_by_size() -> tuple[pd.DataFrame, SufficientSize]:
    return remedies.losses(numbers_of("remedies").query("stage == 'report'"), "equal rows")


def twice_as_many(column: str) -> Number:
    """Return the gain of 128 rows over 64, and two standard errors of that gain."""
    factor = {"value": -1, "mcse": 2}[column]
    return lambda: factor * float(losses_by_size()[0][column].iloc[-1])


def signs(verdict: str | None = None) -> Number:
    def found() -> float:
        rows = numbers_of("published_signs")
        return len(rows if verdict is None else rows[rows["verdict"] == verdict])

    return found


def changed_by_test_batches(kind: str, statistics: str) -> Number:
    """Points by which test-batch statistics change accuracy at the severest shift of a kind."""

    def found() -> float:
        panel = "mixed severity" if statistics.startswith("mixed") else "severity"
        rows = numbers_of("shift").query(f"panel == '{panel}' and kind == '{kind}'")
        rows = in_percent(rows[rows["test_batching"] == repr(shift.IID)])
        at = rows[rows["severity"] == rows["severity"].max()].set_index("statistics")["value"]
        return float(at[statistics] - at["running"])

    return found


def points_lost(kind: str, statistics: str) -> Number:
    """Points that test-batch statistics cost."""
    return lambda: -float(changed_by_test_batches(kind, statistics)())


def largest_that_harms() -> float:
    rows = numbers_of("shift").query("panel == 'size'")
    return shift.turning_sizes(rows[rows["test_batching"] == repr(shift.STREAM)])[0]


def gain_by_centering(labels: str) -> Number:
    """Points by which centering changes accuracy on new batches, at differences of one standard deviation."""
    where = f"panel == 'signal' and measure == 'accuracy' and effect_size == 1 and labels == '{labels}'"
    return lambda: (
        100
        * (
            value("batch_effects", f"{where} and correction == 'center'")
            - value("batch_effects", f"{where} and correction == 'none'")
        )
    )


def means_covered(population: str) -> Number:
    return percent(
        "interval_coverage", f"measure == 'holds the mean' and batch_size == 4 and population == '{population}'"
    )


def gradient_factor(batch_size: int) -> Number:
    query = f"panel == 'factor' and activation == 'relu' and normalizer == 'batch' and batch_size == {batch_size}"
    return lambda: value("gradients", query)


def changed_by_centering(dataset: str) -> Number:
    return percent("batch_effects", f"panel == 'real' and correction == 'center' and dataset == '{dataset}'")


def new_batches(measure: str) -> Number:
    return percent("drift", f"panel == 'new batches' and correction == 'spline' and measure == '{measure}'")


def audited(model: str, statistics: str) -> Number:
    """Return the loss of the test rows in nats."""
    return lambda: value("audit", f"panel == 'scores' and model == {model!r} and statistics == {statistics!r}")


def causes_named() -> float:
    """Broken models whose cause was named."""
    rows = numbers_of("audit")
    return float(rows.loc[rows["cause"].notna(), "model"].nunique())


def left_of_contradiction(later: int) -> Number:
    """Return the points by which a contradicting batch moves the probability of a D at 0, so many batches later."""
    return percent("memory", f"measure == 'change' and summary == 'mean' and later == {later}")


def moved_by_ordinary_batches() -> float:
    """Return the standard deviation over networks of the probability of a D at 0, in points."""
    rows = numbers_of("memory").query("measure == 'without' and summary == 'se'")
    return 100 * float(rows["value"].mean())


def cosine(panel: str, rule: str, batch_size: int = 20, step: int = 60) -> Number:
    where = f"panel == '{panel}' and batching == '{rule}' and batch_size == {batch_size} and step == {step}"
    return lambda: value("direction", where)


def loss_on_grades(size: int, column: str = "value") -> Number:
    return lambda: value("floor", f"batch_size == {size}", column=column)


def difference_changed(correction: str, proportion: float) -> Number:
    return lambda: value(
        "covariates", f"correction == '{correction}' and between_batches == {proportion} and measure == 'bias'"
    )


def right_with_other_statistics(kind: str) -> Number:
    return percent("bound", f"role == 'reported' and batch_size == 3 and kind == '{kind}'")

"""The question's own example as a network: which letters it names right in training mode, and in evaluation mode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from analyses.exam_data import course_grades
from analyses.layout import beside
from bnstats.claims import letter_grades
from bnstats.claims.grades import GRADES
from bnstats.plots.colors import REFERENCE, STATISTICS
from bnstats.plots.elements import MARKERS, in_percent, log2_ticks, series
from bnstats.plots.figure import theme

SIZES = (2, 3, 4, 8, 64, 512)
BESIDE = 8
# The networks of the ledger's claims about grades, and more of them: they have the same random numbers.
TRAINING = {
    "hidden": (32,),
    "learning_rate": 0.1,
    "statistics": ("batch", "running"),
    "common_random_numbers": True,
}
# Networks per condition: many where a headline rests on them, which small batches make cheap.
MANY, FEW, FEWER, STEPS = 256, 48, 24, 4000
RULES = (bn.Shuffled(), bn.OneClass(), bn.Sorted())
MODES = {"running": "evaluation mode", "ceiling": "most from a normalized grade", "batch": "training mode"}
NORMAL = "normal grades"
NAMES = {NORMAL: "Normal grades N(72, 10)", "real grades": "856 real grades"}


def simulate(options: Options) -> pd.DataFrame:
    """Accuracy of networks at each batch size, and the ceiling for a grade normalized by such a batch.

    Rows are fresh draws for every network, in training and in testing, as those of the ceiling are: the comparison is
    exact. The ceiling is that of a grade by itself: of normal grades, the rest of the batch adds nothing.
    """
    real = bn.Population.of(course_grades()["grade"].to_numpy(), "real grades")
    sizes = (2, 3, 64) if options.quick else SIZES
    few = options.study("grades_network", full=_networks(FEW, STEPS), quick=_networks(4, 200))
    many = options.study("grades_network-many", full=_networks(MANY, STEPS), quick=_networks(4, 200))
    fewer = options.study("grades_network-fewer", full=_networks(FEWER, STEPS), quick=_networks(4, 200))
    frames = []
    for population, name in ((GRADES, NORMAL), (real, real.name)):
        data = letter_grades(population, name)
        found = [
            bn.measure_mismatch(
                data, batch_sizes=n, **TRAINING, **(many if n <= BESIDE else few if n < SIZES[-1] else fewer)
            ).table
            for n in sizes
        ]
        ceiling = bn.measure_information(
            population, labels=data.cuts, batch_sizes=sizes, seed=options.seed, executor=options.jobs,
            precision=0.02 if options.quick else 0.003,
        )  # fmt: skip
        frames += [
            pd.concat(found).query("metric == 'accuracy'").assign(panel="sizes", population=name),
            ceiling.table.query("measure == 'accuracy'").assign(panel="sizes", population=name, statistics="ceiling"),
            pd.DataFrame([{"panel": "guess", "population": name, "value": ceiling.guess}]),
        ]
    for normalizer in ("batch", "none"):
        found = bn.measure_mismatch(
            letter_grades(GRADES, NORMAL), normalizers=normalizer, batch_sizes=BESIDE, batching=list(RULES),
            **TRAINING, **fewer,
        )  # fmt: skip
        frames.append(found.table.query("metric == 'accuracy'").assign(panel="rules", population=NORMAL))
    columns = ["panel", "population", "normalizer", "batching", "batch_size", "statistics"]
    return pd.concat(frames, ignore_index=True)[[*columns, "value", "mcse", "exact", "replicates"]]


def _networks(count: int, steps: int) -> dict[str, Any]:
    return {"precision": None, "max_replicates": count, "steps": steps}


def plot(frame: pd.DataFrame) -> Figure:
    """Two panels: accuracy against batch size, for normal and for real grades."""
    percent = in_percent(frame)
    with theme():
        figure, axes = beside(2)
        for ax, (population, name) in zip(axes, NAMES.items(), strict=True):
            of = percent["population"] == population
            guess = percent.loc[of & (percent["panel"] == "guess"), "value"].item()
            _draw_sizes(ax, percent[of & (percent["panel"] == "sizes")], guess)
            ax.set_title(name)
        at = percent[(percent["panel"] == "sizes") & (percent["population"] == NORMAL) & (percent["batch_size"] == 3)]
        right = at.set_index("statistics")["value"]
        most = at.set_index("statistics")["exact"]["ceiling"]
        figure.suptitle(
            f"From a grade normalized in a batch of 3, at most {most:.0f} % of letters can be predicted; a network "
            f"reaches {right['batch']:.0f} % in training mode, {right['running']:.0f} % in evaluation mode"
        )
    return figure


def _draw_sizes(ax: Axes, rows: pd.DataFrame, guess: float) -> None:
    for (kind, label), marker in zip(MODES.items(), MARKERS, strict=False):
        part = rows[rows["statistics"] == kind]
        if kind == "ceiling":
            part = part.assign(value=part["exact"].fillna(part["value"]))
            ax.plot(part["batch_size"], part["value"], color=REFERENCE, linestyle="--", label=label, zorder=1)
        else:
            series(ax, part, "batch_size", color=STATISTICS[kind], marker=marker, label=label, joined=True)
    ax.axhline(guess, color=REFERENCE, linestyle=":", linewidth=1.2, label="always the same letter")
    log2_ticks(ax, sorted(rows["batch_size"].unique().astype(int)))
    ax.set(ylim=(0, 102), xlabel="batch size", ylabel="accuracy (%)")
    ax.legend(loc="lower right")


def main(argv: Sequence[str] | None = None) -> Path:
    return run("grades_network", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

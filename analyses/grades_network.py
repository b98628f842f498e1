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
from bnstats.claims import letter_grades
from bnstats.claims.grades import GRADES
from bnstats.plots.elements import MARKERS, in_percent, log2_ticks, panels, series, theme

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
MANY, FEW, STEPS = 256, 48, 4000
RULES = {"shuffled": bn.Shuffled(), "one letter\na batch": bn.OneClass(), "rows sorted\nby letter": bn.Sorted()}
MODES = {"running": "evaluation mode", "ceiling": "the most a batch leaves", "batch": "training mode"}
NORMAL = "normal grades"
NAMES = {NORMAL: "Normal grades N(72, 10)", "real grades": "856 real grades"}


def simulate(options: Options) -> pd.DataFrame:
    """Letters named right by networks at each batch size, and the ceiling for a grade normalized by such a batch.

    Rows are fresh draws for every network, in training and in testing, as those of the ceiling are: the comparison is
    exact. The ceiling is that of a grade by itself: of normal grades, the rest of the batch adds nothing.
    """
    real = bn.Population.of(course_grades()["grade"].to_numpy(), "real grades")
    sizes = (2, 8, 64) if options.quick else SIZES
    few = options.study("grades_network", full=_networks(FEW, STEPS), quick=_networks(8, 1000))
    many = options.study("grades_network-many", full=_networks(MANY, STEPS), quick=_networks(8, 1000))
    frames = []
    for population, name in ((GRADES, NORMAL), (real, real.name)):
        data = letter_grades(population, name)
        found = [
            bn.measure_mismatch(data, batch_sizes=n, **TRAINING, **(many if n <= BESIDE else few)).table for n in sizes
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
            letter_grades(GRADES, NORMAL), normalizers=normalizer, batch_sizes=BESIDE, batching=list(RULES.values()),
            **TRAINING, **few,
        )  # fmt: skip
        frames.append(found.table.query("metric == 'accuracy'").assign(panel="rules", population=NORMAL))
    columns = ["panel", "population", "normalizer", "batching", "batch_size", "statistics"]
    return pd.concat(frames, ignore_index=True)[[*columns, "value", "mcse", "exact", "replicates"]]


def _networks(count: int, steps: int) -> dict[str, Any]:
    return {"precision": None, "max_replicates": count, "steps": steps}


def plot(frame: pd.DataFrame) -> Figure:
    """Letters named right against batch size, for normal and for real grades; and other ways to make batches."""
    percent = in_percent(frame)
    with theme() as palette:
        figure, axes = panels(3, width=4.8, height=4.3)
        for ax, (population, name) in zip(axes, NAMES.items(), strict=False):
            of = percent["population"] == population
            guess = percent.loc[of & (percent["panel"] == "guess"), "value"].item()
            _draw_sizes(ax, percent[of & (percent["panel"] == "sizes")], guess, name, palette)
        _draw_rules(axes[2], percent[percent["panel"] == "rules"], palette)
        figure.suptitle(
            "A network on grades learns what normalized batches leave of a letter, and in evaluation mode knows more",
            fontweight="bold",
        )
    return figure


def _draw_sizes(ax: Axes, rows: pd.DataFrame, guess: float, name: str, palette: list[Any]) -> None:
    for i, (kind, label) in enumerate(MODES.items()):
        part = rows[rows["statistics"] == kind]
        if kind == "ceiling":
            part = part.assign(value=part["exact"].fillna(part["value"]))
            ax.plot(part["batch_size"], part["value"], color="0.25", linestyle="--", label=label, zorder=1)
        else:
            series(ax, part, "batch_size", color=palette[i], marker=MARKERS[i], label=label, joined=True)
    ax.axhline(guess, color="0.5", linestyle=":", linewidth=1.2)
    ax.text(
        0.99, guess - 1, "always the same letter", transform=ax.get_yaxis_transform(), fontsize=8, ha="right", va="top"
    )
    log2_ticks(ax, sorted(rows["batch_size"].unique().astype(int)))
    at = rows.set_index(["statistics", "batch_size"])["value"]
    n = min(n for n in rows["batch_size"] if n > 2)
    ax.set(ylim=(0, 102), xlabel="batch size in training", ylabel="letters named right (%)")
    training, evaluation = (f"{at[kind, n]:.0f} %" for kind in ("batch", "running"))
    ax.set_title(f"{name}, batches of {n:.0f}:\n{training} in training, {evaluation} in evaluation mode")
    ax.legend(loc="lower right", fontsize=8)


def _draw_rules(ax: Axes, rows: pd.DataFrame, palette: list[Any]) -> None:
    lines = {
        ("batch", "running"): "batch norm, evaluation mode",
        ("batch", "batch"): "batch norm, training mode",
        ("none", "running"): "no normalization",
    }
    place = {repr(rule): i for i, rule in enumerate(RULES.values())}
    for i, (key, label) in enumerate(lines.items()):
        part = rows[(rows["normalizer"] == key[0]) & (rows["statistics"] == key[1])]
        part = part.assign(place=part["batching"].map(place) + 0.08 * (i - 1))
        series(ax, part, "place", color=palette[(0, 2, 3)[i]], marker=MARKERS[(0, 2, 3)[i]], label=label)
    ax.set_xticks(range(len(RULES)), list(RULES))
    value = rows.set_index(["normalizer", "statistics", "batching"])["value"]
    one, mixed = (value["batch", "running", repr(RULES[name])] for name in ("one letter\na batch", "shuffled"))
    ax.set(
        ylim=(0, 102),
        xlim=(-0.5, 2.5),
        ylabel="letters named right (%)",
        xlabel=f"batches of {BESIDE}, grades N(72, 10)",
    )
    ax.set_title(f"Batches of one letter: {one:.0f} % in evaluation\nmode, where shuffled ones give {mixed:.0f} %")
    ax.legend(loc="lower left", fontsize=8)


def main(argv: Sequence[str] | None = None) -> Path:
    return run("grades_network", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

"""When batch normalization breaks training: batches of few classes, correlated or sorted rows, at any learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from bnstats.claims.builtin.ioffe_batches import PairsOfClasses
from bnstats.claims.builtin.published import CLASSES
from bnstats.plots.elements import MARKERS, in_percent, panels, series, theme

SIZE, STEPS = 20, 2000
RATES, RATES_QUICK = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1), (0.003, 0.03)
TRAINING = {"dataset": "digits", "batch_sizes": SIZE, "hidden": (32, 32), "sgd_momentum": 0.9, "steps": STEPS}
RULES = {
    "Rows in random order": bn.Shuffled(),
    "Nine rows in ten repeat the class before": bn.Correlated(phi=0.9),
    "Rows sorted by class": bn.Sorted(),
    "Five classes per batch": bn.ClassBalanced(classes=5, rows_per_class=SIZE // 5),
    "Two classes per batch": bn.ClassBalanced(classes=2, rows_per_class=SIZE // 2),
    "One class per batch": bn.OneClass(),
}
# Ioffe 2017 had 16 classes with 2 rows each, of 1000: as many, of 100, in networks of three hidden layers.
MANY_CLASSES = "Two rows of each of 16 of 100 classes"
MANY_TRAINING = {
    "dataset": CLASSES,
    "batch_sizes": 32,
    "hidden": (64, 64, 64),
    "steps": 2000,
}
MANY_RATES, MANY_RATES_QUICK = (0.1, 0.3, 1.0), (0.3,)
FEW_CLASSES = "Two rows of each of 5 of 10 classes"
LINES = {
    ("batch", "batch"): "batch norm, training mode",
    ("batch", "running"): "batch norm, evaluation mode",
    ("renorm", "running"): "batch renormalization, evaluation mode",
    ("layer", "running"): "layer norm",
    ("none", "running"): "no normalization",
    ("ghost", "running"): "normalized by halves of the batch, evaluation mode",
}


def simulate(options: Options) -> pd.DataFrame:
    """Accuracy in training and in evaluation mode, by batching rule, normalizer and learning rate."""
    rates, many = (RATES_QUICK, MANY_RATES_QUICK) if options.quick else (RATES, MANY_RATES)
    normalizers = ["batch", _renorm(STEPS), "layer", "none"]
    pairs = {"batching": PairsOfClasses(classes=5), "batch_sizes": 10, "learning_rate": rates}
    runs: dict[str, dict[str, Any]] = {
        name: TRAINING | {"normalizers": normalizers, "batching": rule, "learning_rate": rates}
        for name, rule in RULES.items()
    }
    runs[FEW_CLASSES] = TRAINING | pairs | {"normalizers": ["batch", bn.normalizers.Ghost(5), _renorm(STEPS)]}
    runs[MANY_CLASSES] = MANY_TRAINING | {
        "normalizers": ["batch", bn.normalizers.Ghost(16), _renorm(MANY_TRAINING["steps"])],
        "batching": PairsOfClasses(classes=16),
        "learning_rate": many,
    }
    frames = [_accuracies(name, given, options).assign(panel=name) for name, given in runs.items()]
    frame = pd.concat(frames, ignore_index=True)
    return frame[["panel", *(column for column in frame if column != "panel")]]


def _renorm(steps: int) -> bn.normalizers.Renorm:
    return bn.normalizers.Renorm(schedule=(steps // 10, steps // 2, steps * 4 // 5))  # the default's, for so many


def _accuracies(name: str, given: dict[str, Any], options: Options) -> pd.DataFrame:
    count = {MANY_CLASSES: 8, "One class per batch": 40}.get(name, 12)
    store = f"breaking-{name.lower().replace(' ', '_')}"
    settings = options.study(store, full={"max_replicates": count}, quick={"max_replicates": 2})
    given = {"precision": None, "statistics": ("batch", "running"), **settings, **given}
    table = bn.measure_mismatch(given.pop("dataset"), **given).table
    return table[table["metric"] == "accuracy"]


def plot(frame: pd.DataFrame) -> Figure:
    """A panel for each batching rule: accuracy against the learning rate, so that each normalizer has its best one."""
    percent = in_percent(frame)
    percent["normalizer"] = kinds(percent)
    with theme() as palette:
        figure, axes = panels(len(RULES) + 2, columns=4, width=4.6, height=3.8, sharey=True)
        for ax, (name, rows) in zip(axes, percent.groupby("panel", sort=False), strict=True):
            _draw(ax, rows, palette)
            ax.set_title(f"{name}:\n{_best(rows)}")
        for ax in (axes[0], axes[4]):
            ax.set_ylabel("test accuracy (%)")
        handles = {label: h for ax in axes for h, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(LINES), fontsize=9)
        figure.suptitle(
            "Batch norm needs batches of mixed classes: with one class per batch it is broken, most in evaluation mode",
            fontweight="bold",
        )
    return figure


def kinds(frame: pd.DataFrame) -> pd.Series:
    """The first word of each row's normalizer, as in "renorm"."""
    return frame["normalizer"].str.lower().str.extract("(^[a-z]+)", expand=False)


def _draw(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    for i, ((normalizer, statistics), label) in enumerate(LINES.items()):
        part = rows[(rows["normalizer"] == normalizer) & (rows["statistics"] == statistics)]
        if len(part):
            beside = part.assign(learning_rate=part["learning_rate"] * 1.06 ** (i - 2))
            series(ax, beside, "learning_rate", color=palette[i], marker=MARKERS[i], label=label, joined=True)
    rates = sorted(set(rows["learning_rate"]))
    ax.set(xscale="log", ylim=(0, 102), xlabel="learning rate")
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.minorticks_off()


def best(rows: pd.DataFrame, normalizer: str, statistics: str = "running") -> pd.Series:
    """The row of the learning rate at which a normalizer has its largest accuracy with these statistics."""
    alike = rows[(rows["normalizer"] == normalizer) & (rows["statistics"] == statistics)]
    return alike.loc[alike["value"].idxmax()]


def _best(rows: pd.DataFrame) -> str:
    """Return a phrase with the best accuracy of batch norm over learning rates, in both modes."""
    running, batch = (best(rows, "batch", statistics)["value"] for statistics in ("running", "batch"))
    return f"batch norm at most {running:.0f} %, in training mode {batch:.0f} %"


def main(argv: Sequence[str] | None = None) -> Path:
    return run("breaking", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

"""When batch normalization breaks training: batches of few classes, correlated or sorted rows, at any learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from analyses.dots import draw_dots
from analyses.layout import beside
from bnstats.claims.builtin.published import CLASSES, PairsOfClasses
from bnstats.plots.colors import EVALUATION, NORMALIZERS, TRAINING
from bnstats.plots.elements import in_percent
from bnstats.plots.figure import theme

SIZE, STEPS, STEPS_QUICK = 20, 2000, 50
RATES, RATES_QUICK = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1), (0.003, 0.03)
NETWORKS = {"dataset": "digits", "batch_sizes": SIZE, "hidden": (32, 32), "sgd_momentum": 0.9}
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
}
MANY_RATES, MANY_RATES_QUICK = (0.1, 0.3, 1.0), (0.3,)
FEW_CLASSES = "Two rows of each of 5 of 10 classes"
SHOWN = (
    "Rows in random order",
    "Nine rows in ten repeat the class before",
    "Two classes per batch",
    "One class per batch",
    "Rows sorted by class",
)
# Networks that choose the learning rate, and others that report at the best of them: many where they differ much.
FEW, SOME = 4, 12
CHOOSING, REPORTING = {MANY_CLASSES: 8, "One class per batch": 8}, {"One class per batch": 40}
REPORTED = 2
# Whose best accuracy a mark shows: normalizer and statistics; and its look.
WHOSE = {"training": ("batch", "batch"), "evaluation": ("batch", "running"), "layer": ("layer", "running")}
MARKS = {
    "training": ("batch norm, training mode", "s", TRAINING),
    "evaluation": ("batch norm, evaluation mode", "o", EVALUATION),
    "layer": ("layer norm", "D", NORMALIZERS["layer"]),
}


def simulate(options: Options) -> pd.DataFrame:
    """Accuracy in training and in evaluation mode, by batching rule, normalizer and learning rate."""
    full, quick = (RATES, MANY_RATES, STEPS), (RATES_QUICK, MANY_RATES_QUICK, STEPS_QUICK)
    rates, many, steps = quick if options.quick else full
    normalizers = ["batch", _renorm(steps), "layer", "none"]
    pairs = {"batching": PairsOfClasses(classes=5), "batch_sizes": 10, "learning_rate": rates}
    runs: dict[str, dict[str, Any]] = {
        name: NETWORKS | {"normalizers": normalizers, "batching": rule, "learning_rate": rates}
        for name, rule in RULES.items()
    }
    runs[FEW_CLASSES] = NETWORKS | pairs | {"normalizers": ["batch", bn.normalizers.Ghost(5), _renorm(steps)]}
    runs[MANY_CLASSES] = MANY_TRAINING | {
        "normalizers": ["batch", bn.normalizers.Ghost(16), _renorm(steps)],
        "batching": PairsOfClasses(classes=16),
        "learning_rate": many,
    }
    frames = [
        _accuracies(name, given | {"steps": steps}, options, CHOOSING.get(name, FEW)).assign(panel=name, stage="choice")
        for name, given in runs.items()
    ]
    frames += [
        _reported(name, runs[name] | {"steps": steps}, frame, options)
        for name, frame in zip(runs, frames, strict=True)
        if name in SHOWN
    ]
    frame = pd.concat(frames, ignore_index=True)
    first = ["panel", "stage"]
    return frame[[*first, *(column for column in frame if column not in first)]]


def _reported(name: str, given: dict[str, Any], choice: pd.DataFrame, options: Options) -> pd.DataFrame:
    """Accuracies of other networks at the learning rates that are best in the figure."""
    known = choice.assign(normalizer=kinds(choice))
    frames = []
    for normalizer in ("batch", "layer"):
        rates = {best(known, *whose)["learning_rate"] for whose in WHOSE.values() if whose[0] == normalizer}
        chosen = given | {"normalizers": normalizer, "learning_rate": sorted(rates)}
        frames.append(_accuracies(f"{name} {normalizer}", chosen, options, REPORTING.get(name, SOME), seed=REPORTED))
    return pd.concat(frames).assign(panel=name, stage="report")


def _renorm(steps: int) -> bn.normalizers.Renorm:
    return bn.normalizers.Renorm(schedule=(steps // 10, steps // 2, steps * 4 // 5))  # the default's, for so many


def _accuracies(
    name: str, given: dict[str, Any], options: Options, count: int, seed: int | None = None
) -> pd.DataFrame:
    settings = options.study(
        f"breaking-{name.lower().replace(' ', '_')}", full={"max_replicates": count}, quick={"max_replicates": 2}
    )
    if seed is not None:
        settings["seed"] = int(np.random.SeedSequence(options.seed).generate_state(seed)[-1])
    given = {"precision": None, "statistics": ("batch", "running"), **settings, **given}
    table = bn.measure_mismatch(given.pop("dataset"), **given).table
    return table[table["metric"] == "accuracy"]


def plot(frame: pd.DataFrame) -> Figure:
    """One panel: the best accuracy of three networks over learning rates, for each of five ways to make batches."""
    percent = in_percent(frame)
    percent["normalizer"] = kinds(percent)
    found = pd.concat([_best_of(percent[percent["panel"] == name], name) for name in SHOWN], ignore_index=True)
    with theme():
        figure, (ax,) = beside(1, height=3.4)
        draw_dots(figure, ax, found, MARKS)
        ax.set(xlim=(0, 102), xlabel=f"test accuracy at the best learning rate (%), batches of {SIZE} digits")
        at = found.set_index(["way", "mark"])["value"]["One class per batch"]
        figure.suptitle(
            f"With one class per batch, the accuracy of batch norm is at most {at['evaluation']:.0f} % in evaluation "
            f"mode and {at['training']:.0f} % in training mode, that of layer norm {at['layer']:.0f} %"
        )
    return figure


def _best_of(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """The best accuracy of each mark, one row each."""
    found = [
        best(rows, normalizer, statistics)[["value", "mcse"]].to_dict() | {"mark": mark}
        for mark, (normalizer, statistics) in WHOSE.items()
    ]
    return pd.DataFrame(found).assign(way=name)


def kinds(frame: pd.DataFrame) -> pd.Series:
    """The first word of each row's normalizer, as in "renorm"."""
    return frame["normalizer"].str.lower().str.extract("(^[a-z]+)", expand=False)


def best(rows: pd.DataFrame, normalizer: str, statistics: str = "running") -> pd.Series:
    """The row of the learning rate at which a normalizer has its largest accuracy with these statistics.

    Where other networks report at that rate, the row is theirs: the largest of several numbers is too large.
    """
    alike = rows[(rows["normalizer"] == normalizer) & (rows["statistics"] == statistics)]
    tried = alike[alike["stage"] == "choice"]
    chosen = tried.loc[tried["value"].idxmax()]
    reported = alike[(alike["stage"] == "report") & (alike["learning_rate"] == chosen["learning_rate"])]
    return reported.iloc[0] if len(reported) else chosen


def main(argv: Sequence[str] | None = None) -> Path:
    return run("breaking", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

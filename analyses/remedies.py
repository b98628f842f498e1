"""Remedies for small batches: normalizers against batch size, and at how many rows a batch becomes small."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from analyses.layout import beside
from analyses.learning_rates import best_rate, tried_rates
from analyses.sufficient_size import SufficientSize, sufficient_size
from bnstats.plots.colors import NORMALIZERS, REFERENCE
from bnstats.plots.elements import MARKERS, in_percent, log2_ticks, log_errors, series
from bnstats.plots.figure import theme

SIZES, FEW = (2, 4, 8, 16, 32, 64, 128), (2, 64, 128)
ROWS, STEPS = 16_000, 500
ROWS_QUICK, STEPS_QUICK = 1000, 20
MARGIN, ASKED = 0.005, 64
# Whose loss in small batches is sought.
QUESTIONS = {"equal rows": "batch", "deep": "batch", "parts": "ghost", "equal steps": "batch", "control": "group"}
NAMES = {
    "batch": "batch norm",
    "renorm": "batch renormalization",
    "group": "group norm (8 groups)",
    "layer": "layer norm",
    "none": "no normalization",
}
POINTS = (0, 0.5, 1, 2, 5, 10)
COLUMNS = "stage question size normalizer batch_size steps hidden learning_rate value mcse exact replicates diverged"


@dataclass(frozen=True)
class Training:
    """Settings of training; `size` is the number of rows with a common mean and variance."""

    question: str
    size: int
    batch_size: int
    steps: int
    hidden: tuple[int, ...] = (64,)

    def measure(
        self, normalizer: bn.normalizers.Normalizer, rates: Sequence[float], settings: dict[str, Any]
    ) -> pd.DataFrame:
        """Accuracy with running statistics, and the proportion of networks that diverged; one row per learning rate."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bn.exceptions.DivergenceWarning)  # their share is in the table
            table = bn.measure_mismatch(
                "digits",
                normalizers=normalizer,
                batch_sizes=self.batch_size,
                hidden=self.hidden,
                steps=self.steps,
                learning_rate=list(rates),
                statistics="running",
                **settings,
            ).table
        accuracy, diverged = (table[table["metric"] == m].reset_index(drop=True) for m in ("accuracy", "diverged"))
        labels = {"question": self.question, "size": self.size, "steps": self.steps, "diverged": diverged["value"]}
        return accuracy.assign(**labels, normalizer=normalizer.name)


def trainings(n: int, rows: int = ROWS, steps: int = STEPS) -> dict[Training, tuple[bn.normalizers.Normalizer, ...]]:
    """The same number of rows seen, the same number of steps, and the same of both: parts of a batch of 128."""
    seen, large = rows // n, SIZES[-1]
    ghost = [bn.normalizers.Ghost(8)] if n > 8 else []
    renorm = bn.normalizers.Renorm(schedule=(seen // 10, seen // 2, seen * 4 // 5))  # the default's, for so many steps
    frozen = bn.normalizers.Frozen(after=seen // 2)
    others = (bn.normalizers.Group(), bn.normalizers.NoNorm(), renorm, bn.normalizers.Layer(), *ghost, frozen)
    return {
        Training("equal rows", n, n, seen): (bn.normalizers.Batch(), *others),
        Training("deep", n, n, seen, (64, 64, 64)): (bn.normalizers.Batch(),),
        Training("parts", n, large, rows // large): (bn.normalizers.Ghost(n),),
        Training("equal steps", n, n, steps): (bn.normalizers.Batch(),),
        Training("control", n, n, steps): (bn.normalizers.Group(),),
    }


def simulate(options: Options) -> pd.DataFrame:
    """Accuracies at the best of the learning rates, which other networks chose; and those that chose."""
    frames = []
    sizes, length = (FEW, (ROWS_QUICK, STEPS_QUICK)) if options.quick else (SIZES, (ROWS, STEPS))
    for n in sizes:
        for training, normalizers in trainings(n, *length).items():
            for normalizer in normalizers:
                frames += chosen_and_reported(training, normalizer, options)
    return pd.concat(frames, ignore_index=True)[COLUMNS.split()]


def chosen_and_reported(
    training: Training, normalizer: bn.normalizers.Normalizer, options: Options
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Few networks at each learning rate, and many other ones at the best of these."""
    choosing, reporting = np.random.SeedSequence(options.seed).generate_state(2).tolist()
    name = f"remedies-{training.question.replace(' ', '_')}-{training.size}-{normalizer.name}"
    choosers, reporters = networks(training, normalizer)
    few = options.study(f"{name}-choice", full=_at_most(choosers), quick=_at_most(2)) | {"seed": choosing}
    # Goyal et al. 2017: proportional to the batch size.
    choice = tried_rates(lambda rates: training.measure(normalizer, rates, few), 0.3 * training.batch_size / 32)
    many = options.study(name, full=_at_most(reporters), quick=_at_most(4)) | {"seed": reporting}
    report = training.measure(normalizer, [best_rate(choice)], many)
    return choice.assign(stage="choice"), report.assign(stage="report")


def networks(training: Training, normalizer: bn.normalizers.Normalizer) -> tuple[int, int]:
    """Return the number of networks that choose the learning rate, and of others that report: many for a headline."""
    if training.question == "deep":
        return 8, 8  # the ledger's networks have these rates
    if training.question != "equal rows" or normalizer.name not in NAMES:
        return 4, 8
    if normalizer.name not in ("batch", "group"):
        return 8, 24
    return (48, 256) if training.size == SIZES[0] else (12, 128)


def _at_most(count: int) -> dict[str, Any]:
    return {"precision": None, "max_replicates": count}


def plot(frame: pd.DataFrame) -> Figure:
    """Two panels: normalizers against batch size, and what small batches lose with batch norm."""
    report = frame[frame["stage"] == "report"]
    errors = report[report["question"] == "equal rows"]
    errors = in_percent(errors.assign(value=1 - errors["value"]))
    with theme():
        figure, axes = beside(2, height=4.4)
        _draw_errors(axes[0], errors)
        small = _draw_losses(axes[1], report)
        two = errors[errors["size"] == 2].set_index("normalizer")["value"]
        figure.suptitle(
            f"In batches of 2, the test error is {two['batch']:.0f} % with batch norm, {two['group']:.0f} % with group "
            f"norm. Below {small.size:.1f} rows, batch norm loses half a point"
        )
    return figure


def _draw_errors(ax: Axes, rows: pd.DataFrame) -> None:
    for i, (name, label) in enumerate(NAMES.items()):
        part = rows[rows["normalizer"] == name]
        apart = part.assign(size=part["size"] * 2 ** (0.06 * (i - 2)))
        series(ax, apart, "size", color=NORMALIZERS[name], marker=MARKERS[i], label=label, joined=True)
    log2_ticks(ax, SIZES)
    log_errors(ax)
    ax.set(xlabel="batch size", ylabel="test error, evaluation mode (%)")
    ax.set_title(f"{(rows['batch_size'] * rows['steps']).max()} rows seen, each learning rate tuned")
    ax.legend(loc="upper right")


def _draw_losses(ax: Axes, report: pd.DataFrame) -> SufficientSize:
    """Draw what batch norm loses against batches of 64, and return the size below which that is half a point."""
    lost, small = losses(report, "equal rows")
    series(ax, lost, "size", color=NORMALIZERS["batch"], label="batch norm", joined=True)
    ax.axhline(100 * MARGIN, color=REFERENCE, linestyle="--", linewidth=1, label="half a point")
    ax.axvspan(small.low, small.high, color="0.5", alpha=0.2, linewidth=0, label=f"{small} rows, 95 %")
    log2_ticks(ax, SIZES)
    most = lost.iloc[-1]
    gain = f"{-most['value']:+.1f}".replace("-", "−")
    ax.set(yscale="symlog", ylim=(-0.9, 20))
    ax.set_title(f"{most['size']:.0f} rows bring {gain} ± {2 * most['mcse']:.1f} points over {ASKED}")
    ax.set_yticks(POINTS, [f"{y:g}" for y in POINTS])
    ax.set(xlabel="rows that share a mean and variance", ylabel=f"accuracy lost against {ASKED} rows (points)")
    ax.legend(loc="upper right")
    return small


def losses(report: pd.DataFrame, question: str) -> tuple[pd.DataFrame, SufficientSize]:
    """Points lost against 64 rows, and the size from which on half a point is not lost.

    The reference is the size that is asked about: from 8 rows on all are nearly as good, so that the best one of few
    networks is another one each time. What another choice of learning rates would change is not in the errors.
    """
    rows = report[(report["question"] == question) & (report["normalizer"] == QUESTIONS[question])]
    rows = rows.sort_values("size")
    small = sufficient_size(rows["size"], rows["value"], rows["mcse"], reference=ASKED, margin=MARGIN)
    asked = rows[rows["size"] == ASKED].iloc[0]
    error = np.hypot(rows["mcse"], asked["mcse"]).where(rows["size"] != ASKED, 0.0)
    return in_percent(rows.assign(value=asked["value"] - rows["value"], mcse=error)), small


def main(argv: Sequence[str] | None = None) -> Path:
    return run("remedies", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

"""What helps when batches are small: normalizers against batch size, and at how many rows a batch becomes small."""

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
from analyses.published import published, verdicts
from analyses.published_plot import compared
from analyses.sufficient_batch_size import Enough, enough
from bnstats.plots.elements import MARKERS, in_percent, log2_ticks, log_errors, panels, series, theme

SIZES, FEW = (2, 4, 8, 16, 32, 64, 128), (2, 16, 128)
ROWS, STEPS = 16_000, 500
HALF_A_POINT, ASKED = 0.005, 64
# Times a learning rate that is proportional to the batch size, 0.3 at 32 rows (Goyal et al. 2017).
FACTORS = (1 / 3, 1.0, 3.0)
# Whose loss in small batches is sought, and how the figure calls it.
QUESTIONS = {
    "equal rows": ("batch", f"batch norm, {ROWS} rows seen"),
    "deep": ("batch", "the same, three hidden layers"),
    "parts": ("ghost", f"in parts of a batch of {SIZES[-1]}"),
    "equal steps": ("batch", f"batch norm, {STEPS} steps"),
    "control": ("group", f"group norm, {STEPS} steps"),
}
NAMES = {
    "batch": "batch",
    "group": "8 groups",
    "none": "none",
    "renorm": "batch renormalization",
    "layer": "layer",
    "ghost": "ghost batches of 8",
    "frozen": "frozen half-way",
}
POINTS = (-1, 0, 0.5, 1, 2, 5, 10, 20, 50)


@dataclass(frozen=True)
class Training:
    """How networks are trained: `size` is how many rows share a mean and variance."""

    question: str
    size: int
    batch_size: int
    steps: int
    hidden: tuple[int, ...] = (64,)

    def measure(
        self, normalizers: Sequence[bn.normalizers.Normalizer], factors: Sequence[float], settings: dict[str, Any]
    ) -> pd.DataFrame:
        """Accuracy with running statistics, and the share of networks that diverged."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bn.exceptions.DivergenceWarning)  # their share is in the table
            table = bn.measure_mismatch(
                "digits",
                normalizers=normalizers,
                batch_sizes=self.batch_size,
                hidden=self.hidden,
                steps=self.steps,
                learning_rate=[0.3 * self.batch_size / 32 * factor for factor in factors],
                statistics="running",
                **settings,
            ).table
        accuracy, diverged = (table[table["metric"] == m].reset_index(drop=True) for m in ("accuracy", "diverged"))
        labels = {"question": self.question, "size": self.size, "steps": self.steps, "diverged": diverged["value"]}
        return accuracy.assign(**labels, normalizer=[n.name for n in normalizers for _ in factors])


def trainings(n: int) -> dict[Training, tuple[bn.normalizers.Normalizer, ...]]:
    """The same number of rows seen, the same number of steps, and the same of both: parts of a batch of 128."""
    seen, large = ROWS // n, SIZES[-1]
    ghost = [bn.normalizers.Ghost(8)] if n > 8 else []
    renorm = bn.normalizers.Renorm(schedule=(seen // 10, seen // 2, seen * 4 // 5))  # the default's, for so many steps
    frozen = bn.normalizers.Frozen(after=seen // 2)
    others = (bn.normalizers.Group(), bn.normalizers.NoNorm(), renorm, bn.normalizers.Layer(), *ghost, frozen)
    return {
        Training("equal rows", n, n, seen): (bn.normalizers.Batch(), *others),
        Training("deep", n, n, seen, (64, 64, 64)): (bn.normalizers.Batch(),),
        Training("parts", n, large, ROWS // large): (bn.normalizers.Ghost(n),),
        Training("equal steps", n, n, STEPS): (bn.normalizers.Batch(),),
        Training("control", n, n, STEPS): (bn.normalizers.Group(),),
    }


def simulate(options: Options) -> pd.DataFrame:
    """Accuracies at the best of the learning rates, which other networks chose; and those that chose."""
    choosing, reporting = np.random.SeedSequence(options.seed).generate_state(2).tolist()
    frames = []
    for n in FEW if options.quick else SIZES:
        for training, normalizers in trainings(n).items():
            name = f"remedies-{training.question.replace(' ', '_')}-{n}"
            few = options.study(f"{name}-choice", full=_networks(20), quick=_networks(4))
            choice = training.measure(normalizers, FACTORS, few | {"seed": choosing})
            frames.append(choice.assign(stage="choice"))
            for i, normalizer in enumerate(normalizers):
                many = _networks(64 if i else 256)
                settings = options.study(f"{name}-{normalizer.name}", full=many, quick=_networks(4))
                tried = choice["value"].to_numpy()[i * len(FACTORS) : (i + 1) * len(FACTORS)]
                found = training.measure([normalizer], [FACTORS[tried.argmax()]], settings | {"seed": reporting})
                frames.append(found.assign(stage="report"))
    table = pd.concat(frames, ignore_index=True)
    columns = (
        "stage question size normalizer batch_size steps hidden learning_rate value mcse exact replicates diverged"
    )
    return pd.concat([table[columns.split()], _claims(table[table["stage"] == "report"])], ignore_index=True)


def _networks(count: int) -> dict[str, Any]:
    return {"precision": None, "max_replicates": count}


def _claims(report: pd.DataFrame) -> pd.DataFrame:
    """Published differences of accuracy, in points, beside those of networks that saw the same number of rows."""
    here = report[report["question"] == "equal rows"].set_index(["normalizer", "size"])[["value", "mcse"]]
    rows = []

    def claim(text: str, theirs: float, one: tuple[str, int], other: tuple[str, int]) -> None:
        if {one, other} <= set(here.index):
            difference = 100 * (here.loc[one, "value"] - here.loc[other, "value"])
            error = 100 * float(np.hypot(here.loc[one, "mcse"], here.loc[other, "mcse"]))
            rows.append({"claim": text, "published": theirs, "value": difference, "mcse": error})

    error = {
        (kind, n): published("Wu & He 2018", f"{kind} norm; {n} images")["value"].item()
        for kind in ("batch", "group")
        for n in (2, 4, 8, 16, 32)
    }
    for n in (2, 4, 8, 16, 32):
        claim(
            f"group - batch, {n} rows\n(Wu & He 2018)",
            error["batch", n] - error["group", n],
            ("group", n),
            ("batch", n),
        )
    claim(
        "batch norm, 32 - 2 rows\n(Wu & He 2018)", error["batch", 2] - error["batch", 32], ("batch", 32), ("batch", 2)
    )
    for n, setting in ((4, "iid; microbatch 4"), (32, "iid; batch 32")):
        accuracy = [published("Ioffe 2017", f"{setting}; batch {kind}")["value"].item() for kind in ("renorm", "norm")]
        claim(f"renorm - batch, {n} rows\n(Ioffe 2017)", accuracy[0] - accuracy[1], ("renorm", n), ("batch", n))
    return verdicts(pd.DataFrame(rows)).assign(stage="published")


def plot(frame: pd.DataFrame) -> Figure:
    """Three panels: normalizers at equal rows seen, what small batches lose, and published differences."""
    choice, report, claims = (frame[frame["stage"] == stage] for stage in ("choice", "report", "published"))
    with theme() as palette:
        figure, axes = panels(3, width=5.2, height=4.6)
        _draw_normalizers(axes[0], report[report["question"] == "equal rows"], palette)
        _draw_losses(axes[1], report, choice, palette)
        compared(axes[2], claims, palette)
        agree = (claims["verdict"] == "agrees").sum()
        axes[2].set(title=f"{agree} of {len(claims)} published signs are found here")
        axes[2].set(xlabel="difference of accuracy (points)", xscale="symlog")
        axes[2].set_xticks(POINTS[:-2], [f"{x:g}" for x in POINTS[:-2]])
        axes[2].legend(fontsize=8, loc="lower right")
        figure.suptitle("Digits: small batches cost batch norm much, other normalizers little; 64 is enough")
    return figure


def _draw_normalizers(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    rows = in_percent(rows.assign(value=1 - rows["value"]))
    for i, (name, part) in enumerate(rows.groupby("normalizer", sort=False)):
        beside = part.assign(size=part["size"] * 2 ** (0.07 * (i - 3)))
        series(ax, beside, "size", color=palette[i], marker=MARKERS[i], label=NAMES[name], joined=True)
    log2_ticks(ax, SIZES)
    log_errors(ax)
    error = rows.pivot(index="size", columns="normalizer", values="value")
    two, large = (f"{error.loc[n, 'batch']:.1f} %, group norm {error.loc[n, 'group']:.1f} %" for n in (2, SIZES[-1]))
    ax.set(title=f"Error in batches of 2: batch norm {two}\nin batches of {SIZES[-1]}: batch norm {large}")
    ax.set(xlabel="batch size", ylabel=f"test error with running statistics, {ROWS} rows seen (%)")
    ax.legend(fontsize=8, loc="upper right")


def _draw_losses(ax: Axes, report: pd.DataFrame, choice: pd.DataFrame, palette: Sequence[Any]) -> None:
    found = {question: losses(report, choice, question) for question in QUESTIONS}
    for i, (question, (lost, small)) in enumerate(found.items()):
        label = f"{QUESTIONS[question][1]}: {small}"
        series(ax, lost, "size", color=palette[i], marker=MARKERS[i], label=label, joined=True)
    ax.axhline(100 * HALF_A_POINT, color="0.3", linestyle="--", linewidth=1)
    log2_ticks(ax, SIZES)
    lost, small = found["equal rows"]
    at = lost[lost["size"] >= ASKED].iloc[0]
    said = f"at {at['size']:.0f} batch norm loses {at['value']:.1f} ± {2 * at['mcse']:.1f} points"
    ax.set(yscale="symlog", ylim=(-0.45, 150), title=f"Small is below {small} rows;\n{said}")
    ax.set_yticks(POINTS[1:], [f"{y:g}" for y in POINTS[1:]])
    ax.set(xlabel="rows that share a mean and variance", ylabel="accuracy lost against the best size (points)")
    ax.legend(fontsize=8, loc="upper right", title="half a point is lost at (95 % interval)", title_fontsize=8)


def losses(report: pd.DataFrame, choice: pd.DataFrame, question: str) -> tuple[pd.DataFrame, Enough]:
    """Points lost against the size at which the networks that chose were best, and how many rows are enough."""
    rows, chose = (
        stage[(stage["question"] == question) & (stage["normalizer"] == QUESTIONS[question][0])].sort_values("size")
        for stage in (report, choice)
    )
    best = chose.loc[chose["value"].idxmax(), "size"]
    small = enough(rows["size"], rows["value"], rows["mcse"], best=best, margin=HALF_A_POINT)
    at_best = rows[rows["size"] == best].iloc[0]
    error = np.hypot(rows["mcse"], at_best["mcse"]).where(rows["size"] != best, 0.0)
    return in_percent(rows.assign(value=at_best["value"] - rows["value"], mcse=error)), small


def main(argv: Sequence[str] | None = None) -> Path:
    return run("remedies", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

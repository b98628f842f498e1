"""When batch normalisation breaks training: batches of few classes, sorted rows; and what evaluation mode does then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.alternating import Alternating
from analyses.command_line import Options, run
from analyses.published import published, verdicts
from analyses.published_plot import compared
from bnstats.plots.elements import MARKERS, in_percent, panels, series, theme

SIZE, STEPS = 20, 4000
TRAINING = {"hidden": (32, 32), "sgd_momentum": 0.9, "learning_rate": 0.01, "steps": STEPS}
CLASSES = (1, 2, 5, 10)
RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
RULES = {
    "shuffled": bn.Shuffled(),
    "next row:\nsame class 9 in 10": bn.Correlated(phi=0.9),
    "rows sorted\nby class": bn.Sorted(),
    "one class\na batch": bn.OneClass(),
}
LINES = {
    ("batch", "batch"): "batch norm, training mode",
    ("batch", "running"): "batch norm, evaluation mode",
    ("renorm", "running"): "batch renormalization, evaluation mode",
    ("layer", "running"): "layer norm",
    ("none", "running"): "none",
}


def simulate(options: Options) -> pd.DataFrame:
    """Accuracy in training and in evaluation mode, by classes a batch, batching rule and learning rate."""
    normalizers = ["batch", _renorm(), "layer", "none"]
    few = [bn.ClassBalanced(classes=k, each=SIZE // k) for k in CLASSES]
    five = Alternating(classes=5)
    runs: dict[str, dict[str, Any]] = {
        "classes": {"normalizers": normalizers[:3], "batching": few, "batch_sizes": SIZE},
        "rules": {"normalizers": normalizers, "batching": list(RULES.values()), "batch_sizes": SIZE},
        "rates": {"normalizers": ["batch", "layer"], "batching": bn.OneClass(), "batch_sizes": SIZE}
        | {"learning_rate": RATES},
        "triple": {"normalizers": ["batch", bn.normalizers.Ghost(5), _renorm()], "batching": five, "batch_sizes": 10},
        "pair": {"normalizers": ["batch", _renorm()], "batching": few[1], "batch_sizes": SIZE},
    }
    frames = []
    for panel, given in runs.items():
        settings = options.study(f"breaking-{panel}", full={"max_replicates": 32}, quick={"max_replicates": 4})
        statistics = {"precision": None, "statistics": ("batch", "running")}
        table = bn.measure_mismatch("digits", **(TRAINING | statistics | settings | given)).table
        frames.append(table[table["metric"] == "accuracy"].assign(panel=panel))
    frame = pd.concat(frames, ignore_index=True)
    return frame[["panel", *(column for column in frame if column != "panel")]]


def _renorm() -> bn.normalizers.Renorm:
    return bn.normalizers.Renorm(schedule=(STEPS // 10, STEPS // 2, STEPS * 4 // 5))  # the default's, for so many steps


def plot(frame: pd.DataFrame) -> Figure:
    """Four panels: classes a batch, batching rules, learning rates, and Ioffe's experiment."""
    percent = in_percent(frame)
    percent["normalizer"] = percent["normalizer"].str.lower().str.extract("(^[a-z]+)", expand=False)
    rows = dict(iter(percent.groupby("panel")))
    with theme() as palette:
        figure, (classes, rules, rates, ioffe) = panels(4, columns=2, width=6.4, height=4.2)
        part = rows["classes"].assign(place=rows["classes"]["batching"].map(_place([*_classes()])))
        ends = _draw(classes, part, palette)
        classes.set_xticks(range(len(CLASSES)), [str(k) for k in CLASSES])
        gap = {k: ends["batch", "running"][i] - ends["batch", "batch"][i] for i, k in enumerate(CLASSES)}
        one, two = (f"{gap[k]:+.0f}".replace("-", "−") for k in CLASSES[:2])
        classes.set_title(f"Evaluation less training mode: {one} points at 1 class, {two} at 2")
        classes.set(xlabel=f"classes in a batch of {SIZE}, in training and testing", ylabel="test accuracy (%)")
        part = rows["rules"].assign(place=rows["rules"]["batching"].map(_place(map(repr, RULES.values()))))
        ends = _draw(rules, part, palette, joined=False)
        rules.set_xticks(range(len(RULES)), list(RULES))
        (sorted_batch, one_batch), (sorted_none, one_none) = (ends[name, "running"][2:] for name in ("batch", "none"))
        rules.set_title(
            f"Batch norm (none): sorted rows {sorted_batch:.0f} ({sorted_none:.0f}) %, one class {one_batch:.0f} "
            f"({one_none:.0f}) %"
        )
        part = rows["rates"].assign(place=rows["rates"]["learning_rate"].map(_place(RATES)))
        ends = _draw(rates, part, palette)
        rates.set_xticks(range(len(RATES)), [f"{r:g}" for r in RATES])
        fine, fails = (max(ends["batch", mode]) for mode in ("batch", "running"))
        rates.set_title(f"One class: up to {fine:.0f} % in training mode, at most {fails:.0f} % in evaluation mode")
        rates.set(xlabel="learning rate", ylabel="test accuracy (%)")
        claims = verdicts(_claims(rows))
        compared(ioffe, claims, palette)
        agree = (claims["verdict"] == "agrees").sum()
        ioffe.set_title(f"Ioffe's differences: {agree} of {len(claims)} signs are found in small networks")
        ioffe.set(xlabel="accuracy less that of batch norm with running statistics (points)")
        ioffe.legend(fontsize=8)
        rules.legend(fontsize=8, loc="lower left")
        figure.suptitle(
            "Digits: batch norm needs batches of mixed classes; of one class it learns what evaluation mode undoes"
        )
    return figure


def _classes() -> list[str]:
    return [repr(bn.ClassBalanced(classes=k, each=SIZE // k)) for k in CLASSES]


def _place(values: Any) -> dict[Any, int]:
    return {value: i for i, value in enumerate(values)}


def _draw(
    ax: Axes, rows: pd.DataFrame, palette: Sequence[Any], joined: bool = True
) -> dict[tuple[str, str], list[float]]:
    """A series a kind of network and mode; returns the accuracies of each, from left to right."""
    drawn = {}
    for i, (key, label) in enumerate(LINES.items()):
        part = rows[(rows["normalizer"] == key[0]) & (rows["statistics"] == key[1])].sort_values("place")
        if len(part):
            beside = part.assign(place=part["place"] + 0.05 * (i - 2))
            series(ax, beside, "place", color=palette[i], marker=MARKERS[i], label=label, joined=joined)
            drawn[key] = part["value"].tolist()
    ax.set(ylim=(0, 102))
    return drawn


def _claims(rows: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Differences from batch norm with running statistics: published, and of networks trained here."""
    reference = published("Ioffe 2017", "16 labels x 2; batch norm; running")["value"].item()
    settings = {
        "same-structure test": ("batch norm; statistics of same", "batch", "batch"),
        "normalised by halves": ("batch norm; normalised over half", "ghost", "running"),
        "batch renormalization": ("batch renorm; running", "renorm", "running"),
    }
    claims = []
    for panel, text in (("triple", "5 classes × 2 rows"), ("pair", "2 × 10"), ("rates", "1 × 20")):
        here = rows[panel]
        if panel == "rates":
            here = here[here["learning_rate"] == TRAINING["learning_rate"]]
        here = here.set_index(["normalizer", "statistics"])[["value", "mcse"]]
        for name, (setting, *key) in settings.items():
            if tuple(key) in here.index:
                one, base = here.loc[tuple(key)], here.loc[("batch", "running")]
                theirs = published("Ioffe 2017", f"16 labels x 2; {setting}")["value"].item() - reference
                error = float(np.hypot(one["mcse"], base["mcse"]))
                what = {"claim": f"{name}\n{text}", "published": theirs}
                claims.append(what | {"value": one["value"] - base["value"], "mcse": error})
    return pd.DataFrame(claims)


def main(argv: Sequence[str] | None = None) -> Path:
    return run("breaking", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

"""Which published differences have the same sign in the small networks here: one table, those that disagree first."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.command_line import Options, run
from analyses.measured_differences import SOURCES, measured
from analyses.verdicts import VERDICTS, verdicts
from bnstats.claims.published import accuracy_gain
from bnstats.plots.elements import panels, theme

# claim -> what was published (reference, setting before, setting after), and what is measured here (figure, key).
Sources = tuple[tuple[str, str, str], ...]
CLAIMS: dict[str, tuple[Sources, tuple[str, ...]]] = {
    **{
        f"group norm − batch norm, batches of {n}": (
            (("Wu & He 2018", f"batch norm; {n} images", f"group norm; {n} images"),),
            ("remedies", "group", "batch", str(n)),
        )
        for n in (2, 4, 8, 16, 32)
    },
    "batch norm, batches of 32 − 2": (
        (
            ("Wu & He 2018", "batch norm; 2 images", "batch norm; 32 images"),
            ("Yan et al. 2020", "batch norm; batch 2", "batch norm; batch 32"),
        ),
        ("remedies sizes", "batch", "32", "2"),
    ),
    "renormalization − batch norm, batches of 2": (
        (("Yan et al. 2020", "batch norm; batch 2", "batch renorm; batch 2"),),
        ("remedies", "renorm", "batch", "2"),
    ),
    **{
        f"renormalization − batch norm, batches of {n}": (
            (("Ioffe 2017", f"iid; {kind} {n}; batch norm", f"iid; {kind} {n}; batch renorm"),),
            ("remedies", "renorm", "batch", str(n)),
        )
        for n, kind in ((4, "microbatch"), (32, "batch"))
    },
    **{
        f"pairs of classes: {name}": (
            (("Ioffe 2017", "16 labels x 2; batch norm; running", f"16 labels x 2; {setting}"),),
            ("breaking", *key),
        )
        for name, setting, key in (
            ("test-batch − running statistics", "batch norm; statistics of same", ("batch", "batch")),
            ("normalised by halves − whole batches", "batch norm; normalised over half", ("ghost", "running")),
            ("renormalization − batch norm", "batch renorm; running", ("renorm", "running")),
        )
    },
    "precise − running statistics, batches of 2": (
        (
            (
                "Wu & Johnson 2021",
                "normalization batch 2; exp",
                "normalization batch 2; precise statistics pooled over batches of 2",
            ),
        ),
        ("mismatch", "precise - running", "2"),
    ),
    "population − precise statistics, batches of 2": (
        (
            (
                "Wu & Johnson 2021",
                "normalization batch 2; precise statistics pooled over batches of 2",
                "normalization batch 2; precise statistics pooled over batches of 1000",
            ),
        ),
        ("mismatch", "population - precise", "2"),
    ),
    "precise − running statistics, batches of 32": (
        (("Wu & Johnson 2021", "normalization batch 32; exp", "normalization batch 32; precise"),),
        ("mismatch", "precise - running", "32"),
    ),
    "lost contrast: test-batch − running statistics": (
        (
            ("Wu & Johnson 2021", "contrast corruption; clean", "contrast corruption; statistics"),
            ("Wang et al. 2021", "contrast; source", "contrast; test-batch"),
        ),
        ("shift", "batch", "shuffled", "64", "contrast"),
    ),
    "noise: test-batch − running statistics": (
        (("Wu & Johnson 2021", "gaussian noise; clean", "gaussian noise; statistics"),),
        ("shift", "batch", "shuffled", "64", "noise"),
    ),
    "other shifts: test-batch − running statistics": (
        (
            ("Schneider et al. 2020", "no adaptation", "full adaptation"),
            ("Gong et al. 2022", "iid test stream; running", "iid test stream; test-batch"),
            ("Wang et al. 2021", "source statistics", "test-batch statistics"),
        ),
        ("shift", "batch", "shuffled", "64", "gain", "offset"),
    ),
    "all shifts, batches of 8: mixed − running statistics": (
        (("Schneider et al. 2020", "no adaptation", "partial adaptation"),),
        ("shift", "mixed 16", "shuffled", "8", "gain", "offset", "contrast", "noise"),
    ),
    "correlated stream: test-batch − running statistics": (
        (("Gong et al. 2022", "iid test stream; running", "temporally correlated test stream; test-batch"),),
        ("shift", "batch", "correlated", "64", "gain", "offset", "contrast", "noise"),
    ),
}
# Published rows that nothing here can be set beside, and why.
NOT_MEASURED = {
    ("Yan et al. 2020", "moving average batch norm"): "there is no moving-average batch norm here",
    ("Singh & Shrivastava 2019", ""): "there is no correction for a row's own share in its batch here",
    ("Wang et al. 2021", "jpeg"): "pictures of 64 grey pixels are not compressed",
    (
        "Wu & Johnson 2021",
        "normalization batch 2; precise statistics pooled over batches of 10",
    ): "over 2 or all",
}
# Why small networks differ, by how a claim begins.
FEW_VALUES = "a unit of these networks has one value per row, a channel of a convolution thousands"
WHY = {
    "pairs of classes": f"tried: 5 of 10 digits, 16 of 100 Gaussian classes, every learning rate; {FEW_VALUES}",
    "precise − running statistics, batches of 32": "a running average over batches of 32 has next to no error here",
    "group norm − batch norm": "one hidden layer: batch norm loses next to nothing from 8 rows on",
    "renormalization − batch norm": "one hidden layer: batch norm loses next to nothing from 8 rows on",
    "noise": "noise of each pixel hardly moves the mean and variance of a hidden unit",
}


def simulate(options: Options) -> pd.DataFrame:
    """A row for each difference that is published and measured, from the numbers of the figures that measured it."""
    found = {}
    for name in SOURCES:
        path = options.folder / f"{name}.csv"
        if not path.exists():
            raise SystemExit(f"published_signs: the numbers of {path} are needed; run python -m analyses {name} first")
        found[name] = pd.read_csv(path)
    rows = []
    for claim, (sources, key) in CLAIMS.items():
        if (difference := measured(found, key)) is not None:
            gains = [accuracy_gain(reference, after, before) for reference, before, after in sources]
            papers = "; ".join(source[0] for source in sources)
            values = {"published": np.mean(gains), "least": min(gains), "most": max(gains), "papers": papers}
            rows.append({"claim": claim, **values, "value": difference[0], "mcse": difference[1]})
    table = verdicts(pd.DataFrame(rows))
    return table.assign(why=[_why(row) for _, row in table.iterrows()])


def _why(row: pd.Series) -> str:
    reasons = [reason for start, reason in WHY.items() if row["claim"].startswith(start)]
    return reasons[0] if reasons and row["verdict"] != "agrees" else ""


def plot(frame: pd.DataFrame) -> Figure:
    """One panel: each published difference beside the one measured here."""
    with theme() as palette:
        figure, (ax,) = panels(1, width=13.5, height=0.4 * len(frame) + 1.8)
        _draw(ax, frame, palette)
        count = {verdict: int((frame["verdict"] == verdict).sum()) for verdict in VERDICTS}
        ax.set_title(
            f"Of {len(frame)} published differences, {count['agrees']} have the same sign in small networks,\n"
            f"{count['disagrees']} the opposite one, and of {count['undecided']} the sign is not clear"
        )
        figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    return figure


def _draw(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    """One line per claim from the top: published differences open, the measured one filled, with its interval."""
    looks = {"disagrees": (palette[4], "X"), "undecided": ("0.45", "s"), "agrees": (palette[2], "o")}
    place = -np.arange(len(rows))
    ax.axvline(0, color="0.35", linewidth=1, zorder=1)
    ax.hlines(place, rows["least"], rows["most"], color="0.2", linewidth=1)
    for column, label in (("least", "published"), ("most", None)):
        ax.plot(rows[column], place, "D", color="0.2", markerfacecolor="white", markersize=6, label=label)
    for verdict, (color, marker) in looks.items():
        here = (rows["verdict"] == verdict).to_numpy()
        part = rows[here]
        if len(part):
            bars = [part["value"] - part["low"], part["high"] - part["value"]]
            ax.errorbar(part["value"], place[here], xerr=bars, fmt=marker, color=color, label=f"here: {verdict}")
    labels = [f"{row['claim']}\n{row['papers']}" for _, row in rows.iterrows()]
    ax.set_yticks(place, labels, fontsize=7.5)
    ax.set_ylim(-len(rows) + 0.4, 0.6)
    ax.set_xscale("symlog")
    ticks = (-30, -10, -3, -1, 0, 1, 3, 10, 30)
    ax.set_xticks(ticks, [f"{x:+g}".replace("-", "−") if x else "0" for x in ticks])
    ax.set_xlabel("difference of test accuracy (points); intervals: 95 % for all lines together")
    why = ax.secondary_yaxis("right")
    why.set_yticks(place, [textwrap.fill(text, 62) for text in rows["why"].fillna("")], fontsize=6.5)
    why.tick_params(length=0)


def main(argv: Sequence[str] | None = None) -> Path:
    return run("published_signs", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

"""Cost of batch statistics in training and running statistics in testing: conditions, size, and causes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from analyses.layout import beside, legend_below
from bnstats.plots.colors import STATISTICS
from bnstats.plots.elements import MARKERS, in_percent, log2_ticks, series
from bnstats.plots.figure import theme

DATA = "digits"
UNITS, DEEP = 64, 8
DEPTHS = (1, 2, 4, DEEP)
SMALL, SIZE = 4, 32
MOMENTA = (0.9, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
EARLY, LATE = 30, 1000
STEPS = (10, EARLY, 100, 300, LATE)
# Networks per condition: many where a headline rests on them, few where they are alike or not shown.
MANY, FEW, FEWER, FEWEST = 128, 32, 16, 8
KINDS = {
    "batch": "training mode",
    "running": "evaluation mode",
    "precise": "precise statistics",
    "population": "population statistics",
}


def simulate(options: Options) -> pd.DataFrame:
    """Accuracies with each kind of statistics, and the parts of the gap, of networks under five sets of conditions."""
    depths = [(UNITS,) * depth for depth in DEPTHS]
    biased = bn.Convention.of("flax", momentum=0.1)
    sizes = (2, SMALL, SIZE) if options.quick else (2, 4, 8, 16, 32, 64, 128)
    ends = {"hidden": [depths[0], depths[-1]]}
    lag = {"hidden": depths[2], "batch_sizes": 8, "convention": biased, "momentum": MOMENTA}
    start = {"hidden": depths[2], "batch_sizes": SIZE, "momentum": (0.1, 0.01)}
    runs: list[tuple[str, int, dict[str, Any]]] = [
        ("batch size", MANY, ends | {"batch_sizes": [n for n in sizes if n <= 8]}),
        ("batch size", FEW, ends | {"batch_sizes": [n for n in sizes if 8 < n <= SIZE]}),
        ("batch size", FEWER, ends | {"batch_sizes": [n for n in sizes if n > SIZE]}),
        ("depth", FEW, {"hidden": depths, "batch_sizes": SMALL}),
        ("depth", FEW, {"hidden": depths, "batch_sizes": SMALL, "convention": biased}),
        ("momentum", FEW, lag | {"steps": EARLY}),
        ("momentum", FEWEST, lag | {"steps": LATE}),
        *(("steps", FEW if steps < LATE else FEWEST, start | {"steps": steps}) for steps in STEPS),
    ]
    runs = [run for run in runs if run[2]["batch_sizes"]]
    frames = []
    for number, (panel, networks, given) in enumerate(runs):
        settings = options.study(f"mismatch-{number}", full={"max_replicates": networks}, quick={"max_replicates": 2})
        measured = bn.measure_mismatch(DATA, **{"precision": None} | settings | given)
        variance = "biased" if given.get("convention") == biased else "unbiased"
        steps = given.get("steps", LATE)
        for kind, table in (("score", measured.table), ("part", measured.gap().rename(columns={"part": "statistics"}))):
            accuracy = table[table["metric"] == "accuracy"]
            labels = {"panel": panel, "kind": kind, "depth": accuracy["hidden"].str.count(r"\d+")}
            frames.append(accuracy.assign(**labels, variance=variance, steps=steps))
    frame = pd.concat(frames, ignore_index=True)
    first = ["panel", "kind", "depth", "variance", "steps"]
    return frame[[*first, *(column for column in frame if column not in first)]]


def plot(frame: pd.DataFrame) -> Figure:
    """Two panels: accuracy with each kind of statistics against batch size, in shallow and in deep networks."""
    percent = in_percent(frame)
    scores, parts = percent[percent["kind"] == "score"], percent[percent["kind"] == "part"]
    with theme():
        figure, axes = beside(2, height=4.2)
        for ax, layers in zip(axes, (1, DEEP), strict=True):
            _draw(ax, scores[(scores["panel"] == "batch size") & (scores["depth"] == layers)])
            ax.set_title("One hidden layer" if layers == 1 else f"{layers} hidden layers")
        legend_below(figure, axes[0])
        ahead = -at(parts, "batch size", "batch - running", depth=1, batch_size=SMALL)
        short = at(parts, "batch size", "precise - running", depth=DEEP, batch_size=SMALL)
        figure.suptitle(
            f"In batches of {SMALL}, evaluation mode is {_ahead(ahead)} of training mode with one hidden layer; with "
            f"{DEEP} hidden layers, running statistics cost {short:.0f} points of accuracy"
        )
    return figure


def _draw(ax: Axes, rows: pd.DataFrame) -> None:
    """A series for each kind of statistics, side by side."""
    for i, (kind, name) in enumerate(KINDS.items()):
        part = rows[rows["statistics"] == kind]
        beside_others = part.assign(batch_size=part["batch_size"] * 1.05 ** (i - 1.5))
        look = {"color": STATISTICS[kind], "marker": MARKERS[i], "label": name}
        series(ax, beside_others, "batch_size", joined=True, **look)
    log2_ticks(ax, rows["batch_size"].astype(int).tolist())
    ax.set(xlabel=f"batch size in training and testing on {DATA}", ylabel="test accuracy (%)", ylim=(0, 102))


def _ahead(points: float) -> str:
    """In words, as in "11 points ahead" of it.

    >>> _ahead(11.2), _ahead(-28.9), _ahead(1.3)
    ('11 points ahead', '29 points short', '1 point ahead')
    """
    size = f"{abs(points):.0f}"
    return f"{size} point{'' if size == '1' else 's'} {'ahead' if points > 0 else 'short'}"


def at(parts: pd.DataFrame, panel: str, part: str, **where: Any) -> float:
    """The value of one part of the gap in the one row of these conditions."""
    rows = parts
    for column, value in {"panel": panel, "statistics": part, **where}.items():
        rows = rows[rows[column] == value]
    return float(rows["value"].item())


def main(argv: Sequence[str] | None = None) -> Path:
    return run("mismatch", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

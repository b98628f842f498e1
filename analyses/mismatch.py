"""What batch statistics in training and running statistics in testing cost: when, how badly, and which part is why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from bnstats.plots.elements import MARKERS, in_percent, log2_ticks, panels, series, theme

DATA = "digits"
UNITS, DEEP = 64, 8
DEPTHS = (1, 2, 4, DEEP)
SMALL, SIZE = 4, 32
MOMENTA = (0.9, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
EARLY, LATE = 30, 1000
STEPS = (10, EARLY, 100, 300, LATE)
# Networks per condition: many where a headline rests on them.
MANY, FEW = 128, 32
KINDS = {
    "batch": "training mode (test batch)",
    "running": "evaluation mode (running)",
    "precise": "precise (pooled batches)",
    "population": "population (all training rows)",
}
VARIANCES = {"unbiased": "unbiased running variance (torch)", "biased": "biased (keras, flax)"}
PARTS = {
    "batch - running": "all: training − evaluation mode",
    "batch - population": "noise of batches",
    "population - precise": "composition of layers",
    "precise - running": "what the running average gets wrong",
}


def simulate(options: Options) -> pd.DataFrame:
    """Accuracies with each kind of statistics, and the parts of the gap, of networks under five sets of conditions."""
    depths = [(UNITS,) * depth for depth in DEPTHS]
    biased = bn.Convention.of("flax", momentum=0.1)
    sizes = (2, SMALL, SIZE) if options.quick else (2, 4, 8, 16, 32, 64, 128)
    small, large = ([n for n in sizes if (n <= 8) == few] for few in (True, False))
    runs: list[tuple[str, int, dict[str, Any]]] = [
        ("batch size", MANY, {"hidden": [depths[0], depths[-1]], "batch_sizes": small}),
        ("batch size", FEW, {"hidden": [depths[0], depths[-1]], "batch_sizes": large}),
        ("depth", MANY, {"hidden": depths, "batch_sizes": SMALL}),
        ("depth", MANY, {"hidden": depths, "batch_sizes": SMALL, "convention": biased}),
        *(
            (
                "momentum",
                MANY if steps == EARLY else FEW,
                {"hidden": depths[2], "batch_sizes": 8, "convention": biased, "momentum": MOMENTA, "steps": steps},
            )
            for steps in (EARLY, LATE)
        ),
        *(
            ("steps", FEW, {"hidden": depths[2], "batch_sizes": SIZE, "momentum": (0.1, 0.01), "steps": steps})
            for steps in STEPS
        ),
    ]
    frames = []
    for number, (panel, networks, given) in enumerate(runs):
        settings = options.study(f"mismatch-{number}", full={"max_replicates": networks}, quick={"max_replicates": 4})
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
    """Accuracy against batch size, shallow and deep; the gap taken apart; what the running average gets wrong."""
    percent = in_percent(frame)
    scores, parts = percent[percent["kind"] == "score"], percent[percent["kind"] == "part"]
    with theme() as palette:
        figure, (shallow, deep, *rest) = panels(6, columns=3, width=5.4, height=4)
        for ax, layers in ((shallow, 1), (deep, DEEP)):
            _draw(ax, scores[scores["depth"] == layers], "batch size", "statistics", KINDS, palette)
            ax.set(xlabel="batch size in training and testing", ylabel="test accuracy (%)", ylim=(0, 102))
        ahead = -at(parts, "batch size", "batch - running", depth=1, batch_size=SMALL)
        shallow.set_title(f"One hidden layer, batches of {SMALL}: evaluation mode\n{_ahead(ahead)} of training mode")
        short = at(parts, "batch size", "precise - running", depth=DEEP, batch_size=SMALL)
        two = {kind: at(scores, "batch size", kind, depth=DEEP, batch_size=2) for kind in ("running", "precise")}
        deep.set_title(
            f"{DEEP} layers: running statistics cost {short:.0f} points in batches of {SMALL};\n"
            f"batches of 2: evaluation mode {two['running']:.0f} % right, precise {two['precise']:.0f} %"
        )
        for ax, draw in zip(rest, (_draw_gap, _draw_depth, _draw_momentum, _draw_steps), strict=True):
            draw(ax, parts, palette)
            ax.axhline(0, color="0.35", linestyle="--", linewidth=1, zorder=1)
        figure.suptitle(
            f"Batch norm on handwritten {DATA}, shuffled batches, {UNITS} units per layer, learning rate 0.1, "
            f"{LATE} steps unless said: what running statistics cost"
        )
    return figure


def _draw_gap(ax: Axes, parts: pd.DataFrame, palette: Sequence[Any]) -> None:
    _draw(ax, parts[parts["depth"] == DEEP], "batch size", "statistics", PARTS, palette)
    where = {"depth": DEEP, "batch_size": SMALL}
    noise, average = (at(parts, "batch size", part, **where) for part in ("batch - population", "precise - running"))
    ax.set_title(
        f"{DEEP} layers, batches of {SMALL}: batch noise costs training mode\n{-noise:.0f} points, "
        f"a wrong running average evaluation mode {average:.0f}"
    )
    ax.set(xlabel="batch size in training and testing", ylabel="difference in accuracy (points)")


def _draw_depth(ax: Axes, parts: pd.DataFrame, palette: Sequence[Any]) -> None:
    _draw(ax, parts[parts["statistics"] == "precise - running"], "depth", "variance", VARIANCES, palette)
    unbiased, biased = (at(parts, "depth", "precise - running", depth=DEEP, variance=v) for v in VARIANCES)
    ax.set_title(
        f"{DEEP} layers: with an unbiased running variance, evaluation\n"
        f"mode loses {unbiased:.0f} points, with a biased one {biased:.0f}"
    )
    ax.set(xlabel=f"hidden layers; batches of {SMALL}", ylabel="precise − running (points)")
    ax.legend(fontsize=8, loc="upper left")


def _draw_momentum(ax: Axes, parts: pd.DataFrame, palette: Sequence[Any]) -> None:
    names = {steps: f"after {steps} steps" for steps in (EARLY, LATE)}
    _draw(ax, parts[parts["statistics"] == "precise - running"], "momentum", "steps", names, palette)
    lag = at(parts, "momentum", "precise - running", momentum=0.01, steps=EARLY)
    noisy = at(parts, "momentum", "precise - running", momentum=0.9, steps=LATE)
    ax.set_title(
        f"A momentum of 0.01 lags: {lag:.0f} points lost after {EARLY} steps;\n"
        f"0.9 is noisy: {noisy:.0f} points lost after {LATE}"
    )
    ax.set(xlabel="momentum; 4 layers, batches of 8", ylabel="precise − running (points)")


def _draw_steps(ax: Axes, parts: pd.DataFrame, palette: Sequence[Any]) -> None:
    names = {momentum: f"momentum {momentum}" for momentum in (0.1, 0.01)}
    _draw(ax, parts[parts["statistics"] == "batch - running"], "steps", "momentum", names, palette)
    broken = at(parts, "steps", "batch - running", steps=EARLY, momentum=0.01)
    late = at(parts, "steps", "batch - running", steps=LATE, momentum=0.01)
    ax.set_title(
        f"Momentum 0.01: evaluation mode is {_ahead(-broken)}\n"
        f"of training mode after {EARLY} steps, {_ahead(-late)} after {LATE}"
    )
    ax.set(xlabel=f"training steps; 4 layers, batches of {SIZE}", ylabel="training − evaluation mode (points)")


def _draw(ax: Axes, rows: pd.DataFrame, panel: str, by: str, names: dict[Any, str], palette: Sequence[Any]) -> None:
    """A series for each of `names`, side by side, against the column that the panel is named after."""
    x, chosen = panel.replace(" ", "_"), rows[rows["panel"] == panel]
    for i, (value, name) in enumerate(names.items()):
        part = chosen[chosen[by] == value]
        beside = part.assign(**{x: part[x] * 1.05 ** (i - (len(names) - 1) / 2)})
        series(ax, beside, x, color=palette[i], marker=MARKERS[i], label=name, joined=True)
    log2_ticks(ax, chosen[x].tolist())
    ax.legend(fontsize=8)


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

"""Gradients under batch normalization: their growth from layer to layer, and the depth at which learning stops."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from analyses.gradient_of_pairs import proportion_passed_in_pairs
from analyses.layout import beside
from bnstats.plots.colors import NORMALIZERS, REFERENCE, shades
from bnstats.plots.elements import MARKERS, in_percent, log2_ticks, series
from bnstats.plots.figure import theme
from bnstats.studies.gradients.exact import RELU_LIMIT

WIDTH, DEPTH = 256, 8
SIZES = (4, 5, 8, 16, 64)
DATA, UNITS, STEPS = "digits", 64, 1000
DEPTHS, TRAINED = (4, 8, 16, 32), (4, 8, 32)
NAMES = {"none": "no normalization", "layer": "layer norm"}
EPS = bn.Convention.of("torch").eps


def simulate(options: Options) -> pd.DataFrame:
    """Squared gradient norms and factors of wide networks, and what networks with as many layers learn."""
    depth, width, depths = (5, 64, DEPTHS[:2]) if options.quick else (DEPTH, WIDTH, DEPTHS)
    frames = []
    kinds = (("relu", "batch", (2, *SIZES)), ("linear", "batch", SIZES), ("relu", "none", 8))
    for activation, normalizer, sizes in kinds:
        arguments = {"activations": activation, "normalizers": normalizer, "batch_sizes": sizes}
        settings = options.study(f"gradients-{activation}-{normalizer}", full=_networks(32), quick=_networks(8))
        found = bn.measure_gradients(widths=width, depths=depth, **arguments, **settings)
        frames.append(found.table[found.table["measure"] == "squared_norm"].assign(panel="norm"))
        factors = found.factors().rename(columns={"factor": "value", "mean": "mean_factor"})
        frames.append(factors.assign(panel="factor", measure="factor"))
    for name, passed in zip(("mean", "median"), proportion_passed_in_pairs(EPS), strict=True):
        frames.append(pd.DataFrame([{"panel": "pairs", "batch_size": 2, "measure": f"{name} share", "exact": passed}]))
    return pd.concat([*frames, *_learned(options, depths)], ignore_index=True)


def _networks(number: int) -> dict[str, Any]:
    return {"precision": None, "max_replicates": number}


def _learned(options: Options, depths: Sequence[int]) -> list[pd.DataFrame]:
    """Accuracy in training mode of networks on handwritten digits, and by how much their gradients grow at first."""
    frames = []
    for name, sizes in (("batch", TRAINED), ("none", TRAINED[-1:]), ("layer", TRAINED[-1:])):
        settings = options.study(f"gradients-learned-{name}", full=_networks(8), quick=_networks(4))
        hidden = [(UNITS,) * depth for depth in depths]
        given = {"normalizers": name, "batch_sizes": sizes, "steps": 50 if options.quick else STEPS}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bn.exceptions.DivergenceWarning)  # they count as guessing
            measured = bn.measure_mismatch(DATA, hidden=hidden, statistics="batch", **given, **settings)
        rows = measured.table[measured.table["metric"] == "accuracy"]
        depth = rows["hidden"].map(lambda units: len(str(units).strip("(),").split(",")))
        settings = options.study(f"gradients-initial-{name}", full=_networks(16), quick=_networks(4))
        start = bn.measure_gradients(
            DATA, normalizers=name, batch_sizes=sizes, depths=depths, widths=UNITS, **settings
        ).factors()
        start["growth"] = start["factor"] ** (start["depth"] - 1)
        columns = ["normalizer", "batch_size", "value", "mcse", "exact", "replicates"]
        learned = rows[columns].assign(panel="learning", measure="accuracy", depth=depth)
        frames.append(learned.merge(start[["batch_size", "depth", "growth"]], on=["batch_size", "depth"]))
    return frames


def plot(frame: pd.DataFrame) -> Figure:
    """Two panels: the factor of a layer by batch size, and accuracy by depth."""
    with theme() as palette:
        figure, (factors, depths) = beside(2)
        at = _factors(factors, frame[frame["panel"] == "factor"], palette)
        _learning(depths, in_percent(frame[frame["panel"] == "learning"]))
        figure.suptitle(
            f"Gradients grow with each ReLU layer, {at[4]:.1f}-fold in batches of 4 and {at[64]:.1f}-fold in batches "
            "of 64, and deep networks stop learning, with small batches first"
        )
    return figure


def _factors(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> pd.Series:
    """Draw the growth per layer against batch size, beside the limits of wide layers; return that of ReLU by size."""
    normed = rows[(rows["normalizer"] == "batch") & (rows["batch_size"] > 2)]
    for i, (activation, label) in enumerate((("relu", "ReLU"), ("linear", "no activation"))):
        part = normed[normed["activation"] == activation]
        series(ax, part, "batch_size", color=palette[2 * i + 2], marker=MARKERS[i], label=label)
    linear = normed[normed["activation"] == "linear"]
    style = {"linestyle": "--", "linewidth": 1}
    ax.axhline(RELU_LIMIT, color=palette[2], label="π/(π − 1), n → ∞", **style)
    ax.plot(linear["batch_size"], linear["wide_limit"], color=palette[4], label="(r − 1)/(r − 2), wide layers", **style)
    ax.axhline(1, color=REFERENCE, linestyle=":", linewidth=1)
    log2_ticks(ax, normed["batch_size"].astype(int).tolist())
    title = "At the start: squared gradient of a layer over that of the layer above"
    ax.set(xlabel="batch size n", ylabel="factor per layer", title=title)
    ax.legend()
    return normed[normed["activation"] == "relu"].set_index("batch_size")["value"]


def _learning(ax: Axes, learned: pd.DataFrame) -> None:
    """Draw accuracy against depth; the larger the batches, the darker the line."""
    sizes = dict(zip(TRAINED, shades(len(TRAINED)), strict=True))
    for i, ((name, size), part) in enumerate(learned.groupby(["normalizer", "batch_size"], sort=False)):
        color = sizes[size] if name == "batch" else NORMALIZERS[name]
        label = f"batch norm, batches of {size:.0f}" if name == "batch" else NAMES[name]
        series(ax, part, "depth", color=color, marker=MARKERS[i], label=label, joined=True)
    log2_ticks(ax, learned["depth"].astype(int).tolist())
    title = f"Accuracy on digits in training mode, after {STEPS} steps"
    ax.set(ylim=(0, 102), ylabel="accuracy (%)", xlabel="hidden layers", title=title)
    ax.legend(loc="lower left")


def main(argv: Sequence[str] | None = None) -> Path:
    return run("gradients", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

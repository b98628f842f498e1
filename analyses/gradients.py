"""Gradients under batch normalization: their growth from layer to layer, and the depth at which learning stops."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from bnstats.plots.elements import MARKERS, in_percent, log2_ticks, panels, series, theme
from bnstats.studies.gradients.exact import RELU_LIMIT, share_passed_by_pairs

WIDTH, DEPTH = 256, 8
SIZES = (4, 5, 8, 16, 64)
SHOWN = (2, 4, 8, 64)
DATA, UNITS, STEPS = "digits", 64, 1000
DEPTHS, TRAINED = (4, 8, 16, 32), (4, 8, 32)
HALF = 0.5
LINEAR_LIMIT = "linear, wide layers: (r − 1)/(r − 2)"
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
    for name, share in zip(("mean", "median"), share_passed_by_pairs(EPS), strict=True):
        frames.append(pd.DataFrame([{"panel": "pairs", "batch_size": 2, "measure": f"{name} share", "exact": share}]))
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
    """Four panels: norms by layer, the factor by batch size, accuracy by depth and by growth."""
    with theme() as palette:
        figure, (norms, factors, depths, growth) = panels(4, width=4.6, height=4.0, columns=2)
        _norms(norms, frame[frame["panel"] == "norm"], palette)
        _factors(factors, frame[frame["panel"] == "factor"], palette)
        learned = in_percent(frame[frame["panel"] == "learning"])
        _learning(depths, learned, palette)
        _growth(growth, learned, palette)
    return figure


def _norms(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    """Squared norm of each layer's gradient, relative to that of the last hidden layer."""
    relu = rows[rows["activation"] == "relu"]
    for i, size in enumerate((*SHOWN, "none")):
        kind = relu["normalizer"] == "none" if size == "none" else relu["normalizer"] == "batch"
        part = relu[kind] if size == "none" else relu[kind & (relu["batch_size"] == size)]
        part = part[part["layer"] > 1].sort_values("layer")
        relative = part.assign(value=part["value"] / part["value"].iloc[-1], mcse=0.0)
        label = "not normalized" if size == "none" else f"batches of {size}"
        series(ax, relative, "layer", color=palette[i], marker=MARKERS[i], label=label, joined=True)
    ax.set(
        yscale="log",
        xlabel="hidden layer, from the input",
        ylabel="squared gradient norm (last layer: 1)",
        title="At the start, gradients grow toward the input,\nfastest with small batches",
    )
    ax.legend(fontsize=7.5)


def _factors(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    """Growth per layer against batch size, beside the limits of wide layers."""
    normed = rows[(rows["normalizer"] == "batch") & (rows["batch_size"] > 2)]
    for i, (activation, label) in enumerate((("linear", "linear"), ("relu", "ReLU"))):
        part = normed[normed["activation"] == activation]
        series(ax, part, "batch_size", color=palette[i], marker=MARKERS[i], label=label)
    linear = normed[normed["activation"] == "linear"]
    ax.plot(
        linear["batch_size"], linear["wide_limit"], color=palette[0], linestyle="--", linewidth=1, label=LINEAR_LIMIT
    )
    ax.axhline(RELU_LIMIT, color=palette[1], linestyle="--", linewidth=1, label="π/(π − 1): ReLU, n → ∞")
    none = rows[rows["normalizer"] == "none"].iloc[0]
    ax.axhline(1, color="0.4", linestyle=":", linewidth=1.2, label=f"1 (not normalized, ReLU: {none['value']:.2f})")
    log2_ticks(ax, normed["batch_size"].astype(int).tolist())
    at = normed[normed["activation"] == "relu"].set_index("batch_size")["value"]
    ax.set(
        xlabel="batch size n",
        ylabel="factor per layer",
        title=f"Per ReLU layer {at[4]:.1f}-fold in batches of 4,\n{at[64]:.1f}-fold in batches of 64",
    )
    ax.legend(fontsize=7.5)


def _curves(ax: Axes, rows: pd.DataFrame, x: str, palette: Sequence[Any]) -> None:
    for i, ((name, size), part) in enumerate(rows.groupby(["normalizer", "batch_size"], sort=False)):
        label = f"batches of {size:.0f}" if name == "batch" else {"none": "not normalized", "layer": "layer norm"}[name]
        series(ax, part, x, color=palette[i], marker=MARKERS[i], label=label, joined=True)
    ax.set(ylim=(0, 102), ylabel="accuracy in training mode (%)")


def _learning(ax: Axes, learned: pd.DataFrame, palette: Sequence[Any]) -> None:
    _curves(ax, learned, "depth", palette)
    log2_ticks(ax, learned["depth"].astype(int).tolist())
    ax.set(
        xlabel="hidden layers",
        title="Depth ends learning, sooner with small batches,\nand also where gradients do not grow",
    )
    ax.legend(fontsize=7.5, loc="lower left")


def _growth(ax: Axes, learned: pd.DataFrame, palette: Sequence[Any]) -> None:
    normed = learned[learned["normalizer"] == "batch"]
    _curves(ax, normed, "growth", palette)
    ends = {size: _crossing(part) for size, part in normed.groupby("batch_size")}
    stops = ", ".join(f"$10^{{{end:.0f}}}$ (batches of {n:.0f})" for n, end in ends.items() if np.isfinite(end))
    ax.set(xscale="log", xlabel="growth of the squared gradient, all layers, at the start")
    ax.set_title(f"Growth alone does not say where: half are right\nat {stops}" if stops else "All of them learn")
    ax.legend(fontsize=7.5, loc="lower left")


def _crossing(part: pd.DataFrame) -> float:
    """Decimal logarithm of the growth at which accuracy falls below one half, interpolated; nan if it never does."""
    part = part.sort_values("growth")
    above, x = part["value"].to_numpy() / 100, np.log10(part["growth"].to_numpy())
    fallen = np.flatnonzero((above[:-1] >= HALF) & (above[1:] < HALF))
    if not fallen.size:
        return float("nan")
    k = fallen[0]
    return float(x[k] + (above[k] - HALF) / (above[k] - above[k + 1]) * (x[k + 1] - x[k]))


def main(argv: Sequence[str] | None = None) -> Path:
    return run("gradients", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

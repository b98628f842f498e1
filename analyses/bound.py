"""Protection of tiny batches: the bound of a value that its own batch normalizes, not the precision of statistics."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from analyses.layout import beside, legend_below
from bnstats.networks.other_batch import BOUNDED, NOISY, PLAIN, OtherBatch
from bnstats.plots.colors import NORMALIZERS, OTHERS, REFERENCE, STATISTICS
from bnstats.plots.elements import MARKERS, in_percent, log2_ticks, series
from bnstats.plots.figure import SMALL, theme

SIZES, QUICK = (3, 4, 8, 16), (3, 16)
RATES, RATES_QUICK = (0.003, 0.01, 0.03, 0.1, 0.3), (0.1,)
MANY = 64
"""Rows whose statistics stand for the population's."""
CHOSEN_ON, REPORTED = 4, 16
LABELS = {
    "own": "batch norm: its own batch",
    PLAIN: "another batch",
    BOUNDED: "another batch, cut at √(n − 1)",
    NOISY: "population statistics plus normal noise",
}
COLORS = {"own": NORMALIZERS["batch"], PLAIN: OTHERS[4], BOUNDED: OTHERS[2], NOISY: STATISTICS["population"]}
NAMED = 3


def simulate(options: Options) -> pd.DataFrame:
    """Accuracy of networks on digits with the whole data's statistics, trained with those of other rows.

    The learning rate is that of the best accuracy of a few networks with another seed; all of these stand in the table,
    too, with `role` "chosen on".
    """
    sizes, rates, steps = (QUICK, RATES_QUICK, 50) if options.quick else (SIZES, RATES, 2000)
    frames = []
    for kind in LABELS:
        for n in sizes:
            tried = _accuracy(kind, n, rates, steps, options, CHOSEN_ON, options.seed + 1)
            best = float(tried.loc[tried["value"].idxmax(), "learning_rate"])
            found = _accuracy(kind, n, best, steps, options, REPORTED, options.seed)
            frames += [found.assign(role="reported"), tried.assign(role="chosen on")]
    return pd.concat(frames, ignore_index=True)


def _accuracy(kind: str, n: int, rates: Any, steps: int, options: Options, count: int, seed: int) -> pd.DataFrame:
    others = {"own": 0, NOISY: MANY}.get(kind, n)
    normalizer = "batch" if kind == "own" else OtherBatch(n, others, kind)
    full, quick = ({"max_replicates": number, "precision": None} for number in (count, 2))
    settings = options.study(f"bound-{kind}-{n}-{count}", full=full, quick=quick) | {"seed": seed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bn.exceptions.DivergenceWarning)  # they count as guessing
        table = bn.measure_mismatch(
            "digits", normalizers=normalizer, batch_sizes=n + others, hidden=(32, 32), learning_rate=rates, steps=steps,
            statistics="population", **settings,
        ).table  # fmt: skip
    columns = ["learning_rate", "value", "mcse", "mcse_df", "exact", "replicates"]
    return table.loc[table["metric"] == "accuracy", columns].assign(kind=kind, batch_size=n)


def plot(frame: pd.DataFrame) -> Figure:
    """One panel: accuracy against batch size, a line for each way to normalize in training."""
    rows = in_percent(frame[frame["role"] == "reported"])
    with theme():
        figure, (ax,) = beside(1, height=4.0)
        for i, (kind, label) in enumerate(LABELS.items()):
            part = rows[rows["kind"] == kind]
            series(ax, part, "batch_size", color=COLORS[kind], marker=MARKERS[i], label=label, joined=True)
        ax.axhline(10, color=REFERENCE, linestyle=":", linewidth=1.2)
        ax.text(0.99, 11, "guessing", transform=ax.get_yaxis_transform(), fontsize=SMALL, ha="right")
        log2_ticks(ax, sorted(set(rows["batch_size"].astype(int))))
        ax.set(ylim=(0, 102), xlabel="batch size n in training", ylabel="test accuracy (%)")
        legend_below(figure, ax, columns=2)
        at = rows[rows["batch_size"] == NAMED].set_index("kind")["value"]
        figure.suptitle(
            f"The bound protects batches of {NAMED}: accuracy is {at['own']:.0f} % with their own statistics, "
            f"{at[PLAIN]:.0f} % with another batch's, {at[BOUNDED]:.0f} % with another batch's and values cut at "
            "√(n − 1)"
        )
    return figure


def main(argv: Sequence[str] | None = None) -> Path:
    return run("bound", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

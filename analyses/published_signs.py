"""Published differences and their signs in the small networks here: one table, opposite signs first."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.command_line import Options, process_pool, run
from analyses.layout import beside, legend_below
from bnstats.claims.claim import REFUTED, SIGNS, SUPPORTED, UNDECIDED
from bnstats.claims.ledger import FALSE_VERDICTS, check_claims
from bnstats.claims.published import PublishedSign
from bnstats.claims.registry import CLAIMS
from bnstats.plots.colors import REFERENCE
from bnstats.plots.figure import theme
from bnstats.simulation.workers.executors import usable_cores

# The ledger judges published signs; where it has not been made, they are judged here, as it would judge them.
SOURCES = ("claims",)
PUBLISHED = {name: claim for name, claim in CLAIMS.items() if isinstance(claim, PublishedSign)}
# Opposite signs come first.
VERDICTS = (SIGNS[REFUTED], SIGNS[UNDECIDED], SIGNS[SUPPORTED])
QUICK_NETWORKS = 2
# Characters in a line of a label.
WIDTH = 60

# Published rows that nothing here can be set beside, and why.
NOT_MEASURED = {
    ("Yan et al. 2020", "moving average batch norm"): "there is no moving-average batch norm here",
    ("Singh & Shrivastava 2019", ""): "there is no correction for a row's own share in its batch here",
    ("Wang et al. 2021", "jpeg"): "pictures of 64 gray pixels are not compressed",
    (
        "Wu & Johnson 2021",
        "normalization batch 2; precise statistics pooled over batches of 10",
    ): "over 2 or all",
}
# Why small networks may differ, by how a claim's name begins.
FEW_VALUES = "a unit of these networks has one value per row, a channel of a convolution thousands"
NO_LOSS = "one hidden layer: batch norm loses next to nothing from 8 rows on"
WHY = {
    "few-classes": f"tried: 5 of 10 digits, 16 of 100 Gaussian classes, several learning rates; {FEW_VALUES}",
    "precise-statistics-at-32": "a running average over batches of 32 has next to no error here",
    "group-norm": NO_LOSS,
    "renorm": NO_LOSS,
    "test-batch-noise": "noise of each pixel hardly moves the mean and variance of a hidden unit",
}


def simulate(options: Options) -> pd.DataFrame:
    """A row for each difference that is published: what was published, what is measured, and the ledger's verdict."""
    judged = _ledger(options)
    rows = [_row(PUBLISHED[row["claim"]], row) for _, row in judged.iterrows()]
    table = pd.DataFrame(rows)
    return table.sort_values("verdict", key=lambda column: column.map(VERDICTS.index), kind="stable", ignore_index=True)


def _ledger(options: Options) -> pd.DataFrame:
    """The rows of published signs in the ledger of this seed, or those that it would have."""
    saved = options.folder / "claims.csv"
    if saved.exists() and _seed(saved.with_suffix(".json")) == options.seed:
        found = pd.read_csv(saved)
        if set(PUBLISHED) <= set(found["claim"]):
            return found[found["claim"].isin(PUBLISHED)]
    how: dict[str, Any] = {
        "seed": options.seed,
        "false_verdicts": FALSE_VERDICTS * len(PUBLISHED) / len(CLAIMS),
        "max_replicates": QUICK_NETWORKS if options.quick else None,
    }
    if options.quick:
        return check_claims(list(PUBLISHED), executor=options.jobs, progress=options.progress, **how).table
    with process_pool(options.jobs or usable_cores()) as pool:
        return check_claims(list(PUBLISHED), executor=pool, progress=options.progress, **how).table


def _seed(provenance: Path) -> int | None:
    return json.loads(provenance.read_text())["arguments"]["seed"] if provenance.exists() else None


def _row(claim: PublishedSign, judged: pd.Series) -> dict[str, Any]:
    reasons = [reason for start, reason in WHY.items() if claim.identifier.startswith(start)]
    return {
        "claim": claim.identifier,
        "difference": claim.quantity.partition(": ")[2],
        "published": np.mean(claim.gains),
        "least": min(claim.gains),
        "most": max(claim.gains),
        "papers": claim.source,
        **{column: 100 * judged[column] for column in ("estimate", "low", "high")},
        "replicates": judged["replicates"],
        "verdict": judged["verdict"],
        "why": reasons[0] if reasons and judged["verdict"] != SIGNS[SUPPORTED] else "",
    }


def plot(frame: pd.DataFrame) -> Figure:
    """One panel: each published difference beside the one measured here."""
    with theme() as palette:
        figure, (ax,) = beside(1, height=0.27 * len(frame) + 1.5)
        _draw(ax, frame, palette)
        legend_below(figure, ax)
        opposite, open_, same = (int((frame["verdict"] == verdict).sum()) for verdict in VERDICTS)
        figure.suptitle(
            f"Of {len(frame)} published differences, {same} have the same sign in small networks, {opposite} the "
            f"opposite one, and of {open_} the sign is not decided"
        )
    return figure


def _draw(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    """One line per claim from the top: published differences open, the measured one filled, with its interval."""
    looks = dict(zip(VERDICTS, ((palette[4], "X"), (REFERENCE, "s"), (palette[2], "o")), strict=True))
    place = -np.arange(len(rows))
    ax.axvline(0, color=REFERENCE, linewidth=1, zorder=1)
    ax.hlines(place, rows["least"], rows["most"], color="0.2", linewidth=1)
    for column, label in (("least", "published"), ("most", None)):
        ax.plot(rows[column], place, "D", color="0.2", markerfacecolor="white", markersize=5, label=label)
    for verdict, (color, marker) in looks.items():
        here = (rows["verdict"] == verdict).to_numpy()
        part = rows[here]
        if len(part):
            bars = [part["estimate"] - part["low"], part["high"] - part["estimate"]]
            ax.errorbar(part["estimate"], place[here], xerr=bars, fmt=marker, color=color, label=verdict)
    ax.set_yticks(place, [textwrap.fill(text, WIDTH) for text in rows["difference"]])
    ax.set_ylim(-len(rows) + 0.4, 0.6)
    ax.set_xscale("symlog")
    ticks = (-10, -1, 0, 1, 10)
    ax.set_xticks(ticks, [f"{x:+g}".replace("-", "−") if x else "0" for x in ticks])
    ax.set_xlabel("difference of test accuracy (points), with the ledger's intervals")


def main(argv: Sequence[str] | None = None) -> Path:
    return run("published_signs", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

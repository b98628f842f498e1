"""The ledger: every claim with its evidence, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.command_line import Options, process_pool, run
from analyses.layout import beside
from bnstats.claims.claim import REFUTED, SUPPORTED, UNDECIDED
from bnstats.claims.ledger import check_claims, counts
from bnstats.plots.figure import theme
from bnstats.simulation.workers.executors import usable_cores

# It takes so long that it is run only when asked for by its name.
ON_REQUEST = True
# The figure shows the first ten of these that the ledger has.
MOST = 10
HEADLINES = (
    "question-zeros",
    "d-at-zero-at-3",
    "contradiction-is-outvoted",
    "shuffled-steps-downhill",
    "mean-step-is-whole-gradient",
    "one-class-steps-uphill-at-64",
    "larger-one-class-batches-help",
    "bound-protects-at-3",
    "grades-near-floor-at-3",
    "grades-exceed-ceiling-at-3",
    "zero-at-3",
    "same-as-whole-data-at-3",
    "training-survives",
    "grades-reach-ceiling-at-3",
    "one-class-breaks-training",
    "64-is-fine",
    "better-training-at-2",
    "correction-hurts-signal",
)
VERDICTS, WIDTH = (SUPPORTED, UNDECIDED, REFUTED), 78
QUICK = ("question-zeros", "variance-biased-exactly", "zero-at-3", "zero-at-64", "same-as-whole-data-at-3")


def simulate(options: Options) -> pd.DataFrame:
    """All claims, in processes, as a third of a small network's time is Python's; the quick ones need no network."""
    given: dict[str, Any] = {"seed": options.seed, "store": options.store_of("claims"), "progress": options.progress}
    if options.quick:
        return check_claims(QUICK, executor=options.jobs, **given).table
    with process_pool(options.jobs or usable_cores()) as pool:
        return check_claims(executor=pool, **given).table


def plot(frame: pd.DataFrame) -> Figure:
    """One panel: ten sentences, each in the column of its verdict."""
    known = frame[frame["claim"].isin(HEADLINES)]
    rows = known.sort_values("claim", key=lambda column: column.map(HEADLINES.index), ignore_index=True).head(MOST)
    with theme() as palette:
        figure, (ax,) = beside(1, height=0.42 * len(rows) + 0.9)
        looks = dict(zip(VERDICTS, ((palette[2], "o"), ("0.5", "s"), (palette[4], "X")), strict=True))
        for i, (verdict, (color, marker)) in enumerate(looks.items()):
            place = -np.flatnonzero(rows["verdict"] == verdict)
            ax.plot(np.full(place.shape, i), place, marker, color=color, markersize=9)
        ax.set_yticks(-np.arange(len(rows)), [fill(statement, WIDTH) for statement in rows["statement"]])
        ax.set_xticks(range(len(looks)), list(looks))
        ax.xaxis.tick_top()
        ax.set(xlim=(-0.5, len(looks) - 0.5), ylim=(-len(rows) + 0.5, 0.5))
        figure.suptitle(" ".join(counts(frame)))
    return figure


def main(argv: Sequence[str] | None = None) -> Path:
    return run("claims", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

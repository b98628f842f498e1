"""The ledger: every claim with its evidence, and the verdict."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analyses.command_line import Options, process_pool, run
from bnstats.claims.ledger import check_claims
from bnstats.plots.ledger import ledger

# It takes so long that it is run only when asked for by its name.
ON_REQUEST = True
QUICK = ("question-zeros", "variance-biased-exactly", "zero-at-3", "zero-at-64", "same-as-whole-data-at-3")


def simulate(options: Options) -> pd.DataFrame:
    """All claims, in processes, as a third of a small network's time is Python's; the quick ones need no network."""
    if options.quick:
        return check_claims(QUICK, seed=options.seed, executor=options.jobs).table
    with process_pool(options.jobs or os.cpu_count() or 1) as pool:
        return check_claims(seed=options.seed, executor=pool).table


def plot(frame: pd.DataFrame) -> Figure:
    """One row for each claim."""
    return ledger(frame)


def main(argv: Sequence[str] | None = None) -> Path:
    return run("claims", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

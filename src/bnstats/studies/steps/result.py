"""Result of `measure_steps`: the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from bnstats.simulation.result import Result, Simulation


@dataclass(frozen=True, repr=False)
class Steps(Result):
    """Result of `measure_steps`.

    Attributes
    ----------
    table : DataFrame
        Numbers with their errors; `measure_steps` describes the columns.
    simulation : Simulation
        The run behind the table.

    Examples
    --------
    >>> import bnstats as bn
    >>> bn.measure_steps(steps=2, measures="cosine", batches=8, max_replicates=2)
    Steps: 1 numbers; the same for all: normalizer batch, activation relu, batching
    Shuffled(), batch size 20, step 2, statistics batch, measure cosine.
    ...
    """

    alternatives: ClassVar = {"batching": True, "batch_size": True, "statistics": True, "step": True}

    table: pd.DataFrame
    simulation: Simulation

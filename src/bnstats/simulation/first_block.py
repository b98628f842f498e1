"""The first block of a condition, simulated again: its replicates in groups, for runs that have no second block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bnstats.simulation.blocks import replicates
from bnstats.simulation.cell_run import CellRun
from bnstats.simulation.evidence import GROUPS, Sample
from bnstats.simulation.remote import tally_of
from bnstats.simulation.study import Cell, Study


@dataclass(frozen=True)
class FirstBlock:
    """The first block of a condition.

    A tally has no more of a block than what its numbers take. Errors of differences take independent groups of
    replicates; where a run has one block, these are parts of it, and it is simulated again, to the same bits.
    """

    study: Study
    cell: Cell
    seed: int

    @cached_property
    def samples(self) -> dict[tuple[Any, ...], Sample]:
        """The replicates of each measure, in up to GROUPS groups of consecutive ones."""
        found = {key: np.ravel(values) for key, values in replicates(self.study, self.cell, 0, self.seed).items()}
        parts = min(GROUPS, *map(len, found.values()))
        run = CellRun(self.study, self.cell, parts)
        for part in range(parts):
            own = {key: np.array_split(values, parts)[part] for key, values in found.items()}
            run.add(part, tally_of(self.study, run.cell, own))
        return run.samples()

"""First block of a condition, simulated again in groups, for runs without a second block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bnstats.simulation.blocks import replicates, tally_of
from bnstats.simulation.condition_run import ConditionRun
from bnstats.simulation.failures import sorted_out
from bnstats.simulation.replicates.sample import GROUPS, Sample
from bnstats.simulation.study import Condition, Study


@dataclass(frozen=True)
class FirstBlock:
    """First block of a condition.

    A tally keeps only as much of a block as its numbers need. Errors of differences need independent groups of
    replicates. If a run has one block, the groups are parts of this block, and it is simulated again, to the same bits.
    """

    study: Study
    condition: Condition
    seed: int

    @cached_property
    def samples(self) -> dict[tuple[Any, ...], Sample]:
        """Replicates of each measure, in up to GROUPS groups of consecutive replicates."""
        simulated = replicates(self.study, self.condition, 0, self.seed)
        kept, failures = sorted_out(self.study, simulated, self.study.size(self.condition))
        found = {key: np.ravel(values) for key, values in kept.items()}
        parts = min(GROUPS, *map(len, found.values()))
        run = ConditionRun(self.study, self.condition, parts)
        for part in range(parts):
            own = {key: np.array_split(values, parts)[part] for key, values in found.items()}
            run.add(part, tally_of(self.study, run.condition, own, failures))
        return run.samples()

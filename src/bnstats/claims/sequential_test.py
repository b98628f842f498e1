"""Sequential test: evidence is drawn until it decides a claim, or until no more evidence is available."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.claims.claim import REFUTED, SUPPORTED, UNDECIDED, Claim, Region
from bnstats.claims.evidence import Blocks
from bnstats.claims.interval_methods import Interval
from bnstats.simulation.precision.looks import FIRST_LOOK_BLOCKS, decided, sizes_at_looks

# Steps that double the number of blocks. If the interval method is valid at all looks together, each step ends with a
# look. Otherwise each doubling ends with a look, and the looks split the error rate.
STEPS_PER_DOUBLING = 3
VERDICTS_OF = {True: SUPPORTED, False: REFUTED, None: UNDECIDED}


def verdict(interval: Interval, region: Region) -> str:
    """Return "supported" for an interval inside the region, "refuted" for one outside, else "undecided"."""
    return VERDICTS_OF[decided(interval, (region.low, region.high))]


@dataclass(eq=False)
class SequentialTest:
    """Sequential test of one claim, whose verdict is wrong with a probability of at most `error`."""

    claim: Claim
    error: float
    max_replicates: int

    def __post_init__(self) -> None:
        evidence = self.claim.evidence
        blocks = int(min(evidence.blocks, math.ceil(self.max_replicates / evidence.size)))
        self.ends = sizes_at_looks(FIRST_LOOK_BLOCKS, blocks, STEPS_PER_DOUBLING)
        every = 1 if self.claim.interval_method.any_look else STEPS_PER_DOUBLING
        last = len(self.ends) - 1
        self.looks = {step for step in range(last + 1) if step % every == 0 or step == last}
        self.values: FloatArray = np.empty(0)
        self.added: list[FloatArray] = []
        self.interval: Interval = (-math.inf, math.inf)

    @property
    def verdict(self) -> str:
        """Verdict of the interval so far; without evidence, the interval is the whole line."""
        return verdict(self.interval, self.claim.region)

    @property
    def decided(self) -> bool:
        """True if the claim is supported or refuted."""
        return self.verdict != UNDECIDED

    def blocks_of(self, step: int) -> range:
        """Return the blocks to add in this step, none if the claim is decided."""
        if self.decided or step >= len(self.ends):
            return range(0)
        return range(self.ends[step - 1] if step else 0, self.ends[step])

    def add(self, found: Blocks) -> None:
        """Add the replicates of the next block."""
        try:
            values = self.claim.evidence.values(found)
            if values.size:
                self.claim.interval_method.check(values)
        except ValueError as error:
            raise ValueError(f"claim {self.claim.identifier!r}: {error}") from None
        self.added.append(values)

    def end(self, step: int) -> None:
        """Compute the interval of all replicates so far if this step ends with a look."""
        if step not in self.looks:
            return
        interval_method = self.claim.interval_method
        self.values, self.added = np.concatenate([self.values, *self.added]), []
        if self.values.size and self.values.size >= interval_method.needed(self.error_of_look):
            self.interval = interval_method.interval(self.values, self.error_of_look)

    @property
    def error_of_look(self) -> float:
        """Error rate of one look."""
        return self.error if self.claim.interval_method.any_look else self.error / len(self.looks)

    def needed(self) -> float:
        """Return the replicates that would decide an undecided claim if the estimate stays; inf on the border."""
        low, high = self.interval
        if self.decided:
            return math.nan
        fewest = self.claim.interval_method.needed(self.error_of_look)
        if not self.values.size or math.isinf(high - low):
            few = self.values.size < fewest
            return float(max(fewest, FIRST_LOOK_BLOCKS * self.claim.evidence.size)) if few else math.inf
        estimate, region = float(self.values.mean()), self.claim.region
        distance = min(abs(estimate - edge) for edge in (region.low, region.high) if math.isfinite(edge))
        if distance == 0:
            return math.inf
        narrower = max((high - low) / 2 / distance, 1.0)
        return float(np.ceil(self.values.size * (narrower * narrower) + 1))

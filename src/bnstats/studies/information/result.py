"""How much of a label a normalized value holds: the table, beside what there is to know."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bnstats.simulation.result import Result
from bnstats.simulation.run import Simulation


@dataclass(frozen=True, repr=False)
class Information(Result):
    """How much of a label a normalized value holds.

    Attributes
    ----------
    table : DataFrame
        batch_size, measure (accuracy, bits), value, mcse, mcse_df, exact, replicates, reached. See `Simulation`.
    guess : float
        Accuracy without looking: the share of the most frequent class.
    entropy : float
        Bits of the label itself: all there is to know.
    """

    table: pd.DataFrame
    guess: float
    entropy: float
    simulation: Simulation

    def summary(self) -> str:
        """What was measured and how surely, beside what can be had without looking, and what there is to know."""
        bounds = f"Guessing alone: accuracy {self.guess:.3g}. All there is to know: {self.entropy:.3g} bits."
        return f"{super().summary()}\n{bounds}"

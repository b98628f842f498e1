"""How much of a label a normalised value holds: the table, beside what there is to know."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Information:
    """How much of a label a normalised value holds.

    Attributes
    ----------
    table : DataFrame
        batch_size, measure (accuracy, bits), value, mcse, exact, replicates, reached. See `Simulation`.
    guess : float
        Accuracy without looking: the share of the most frequent class.
    entropy : float
        Bits of the label itself: all there is to know.
    """

    table: pd.DataFrame
    guess: float
    entropy: float

"""Result of `measure_information`: the table, and the bounds of accuracy and bits."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bnstats.simulation.result import Result, Simulation


@dataclass(frozen=True, repr=False)
class Information(Result):
    """Result of `measure_information`.

    Attributes
    ----------
    table : DataFrame
        Numbers with their errors; `measure_information` describes the columns.
    guess : float
        Accuracy without the value: the proportion of the most frequent class.
    entropy : float
        Entropy of the label in bits, an upper bound of the information.
    simulation : Simulation
        The run behind the table.

    Examples
    --------
    >>> import bnstats as bn
    >>> bn.measure_information("normal", labels=[0.0], batch_sizes=[2, 8])
    Information: 4 numbers.
     batch_size  measure      value ± MCSE  exact
              2 accuracy 0.74965 ± 0.00060   0.75
              2     bits 0.18817 ± 0.00095 0.1887
              8 accuracy 0.88622 ± 0.00088  0.885
              8     bits   0.6215 ± 0.0021 0.6181
    """

    table: pd.DataFrame
    guess: float
    entropy: float
    simulation: Simulation

    def summary(self) -> str:
        """Describe, in words, the numbers, their precision, and the bounds of accuracy and bits.

        Returns
        -------
        str
            Several lines.
        """
        bounds = f"Accuracy of guessing: {self.guess:.3g}. Entropy of the label: {self.entropy:.3g} bits."
        return f"{super().summary()}\n{bounds}"

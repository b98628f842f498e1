"""How well networks do with each kind of statistics at test time: the table, and the parts of the gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from bnstats.simulation.result import Result
from bnstats.simulation.run import Simulation
from bnstats.studies.mismatch.evaluation import PARTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Mismatch(Result):
    """How well networks do with each kind of statistics at test time.

    Attributes
    ----------
    table : DataFrame
        dataset, normalizer, batching, batch_size, hidden, momentum (nan for 1/t), learning_rate, shift, test_batching,
        test_batch_size, statistics, metric (accuracy; nll in nats; ece; flips, the share of test rows whose predicted
        class is another than with population statistics; diverged, the share of networks whose logits are not finite),
        value, mcse, mcse_df, exact (nan), best (accuracy of the Bayes rule for a row by itself, where it is known),
        replicates, reached. See `Simulation`.
    parts : DataFrame
        What `gap` returns.
    common_random_numbers : bool
        Whether conditions share their draws.
    """

    alternatives: ClassVar = {
        "statistics": True,
        "normalizer": False,
        "batching": False,
        "batch_size": False,
        "hidden": False,
        "test_batching": True,
        "test_batch_size": True,
    }

    table: pd.DataFrame
    parts: pd.DataFrame
    simulation: Simulation
    rows: tuple[int, ...]
    """Where the simulation has each row of the table."""
    common_random_numbers: bool = False

    def _row(self, row: int) -> int:
        return self.rows[row]

    def _shares_draws(self, column: str) -> bool:
        return self.common_random_numbers or super()._shares_draws(column)

    def gap(self) -> pd.DataFrame:
        """The parts of the gap between training and evaluation mode, for accuracy and nll.

        Each part is a difference of two kinds of statistics on the same networks and test rows, so that
        batch - running = (batch - population) + (population - precise) + (precise - running): what the noise of batches
        does to predictions, what composing layers does, what lag and noise of the running average do. Instead of
        statistics, metric and best the table has part and metric. The error of a part is at most the sum of those of
        the two scores; 0 where the normalizer makes both the same.
        """
        if not set(PARTS) <= set(self.parts["part"]):
            raise ValueError(
                "the parts of the gap need batch, running, precise and population statistics; measure all four, as by "
                "default."
            )
        return self.parts

    def plot(self, metric: str = "accuracy") -> Figure:
        """A score against batch size, one color per kind of statistics."""
        from bnstats.plots.results import mismatch

        return mismatch(self.table, metric)

"""Result of `measure_mismatch`: the table of scores, and the parts of the gap."""

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
    """Result of `measure_mismatch`.

    Attributes
    ----------
    table : DataFrame
        One row per condition, kind of statistics and metric. dataset, normalizer, batching, batch_size (rows), hidden
        (units), momentum (nan for 1/t), learning_rate: condition of training. shift, test_batching, test_batch_size:
        condition of testing. statistics: kind of statistics. metric: "accuracy"; "nll", negative log-likelihood in
        nats; "ece", expected calibration error; "disagreement", proportion of test rows whose predicted class differs
        from that with population statistics; "diverged", proportion of networks whose logits are not finite. value:
        mean over networks. mcse, mcse_df: its Monte Carlo standard error, and the degrees of freedom. exact: nan. best:
        Bayes accuracy for a single row, nan if unknown. replicates: networks. precision_reached: True if the relative
        mcse is as small as asked. See `Simulation`.
    parts : DataFrame
        The table that `gap` returns.
    simulation : Simulation
        The run behind the table.
    common_random_numbers : bool
        True if conditions use the same draws.
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
    """Index, in the simulation, of each row of the table."""
    common_random_numbers: bool = False

    def _row(self, row: int) -> int:
        return self.rows[row]

    def _shares_draws(self, column: str) -> bool:
        return self.common_random_numbers or super()._shares_draws(column)

    def gap(self) -> pd.DataFrame:
        """Return the parts of the gap between training and evaluation mode, for accuracy and nll.

        A part is a difference between two kinds of statistics on the same networks and test rows:
        batch - running = (batch - population) + (population - precise) + (precise - running). The three parts are the
        effect of batch noise on predictions, of the composition of layers, and of lag and noise of the running average.

        Returns
        -------
        DataFrame
            One row per condition, part and metric, with the columns of `table` except statistics, exact, best and
            precision_reached. part: name of the difference. value: mean difference over networks, as a proportion or in
            nats. mcse, mcse_df: its Monte Carlo standard error, at most the sum of those of the two scores, and the
            degrees of freedom. mcse is 0 if the normalizer makes both scores equal.

        Raises
        ------
        ValueError
            If one of the four kinds of statistics was not measured.
        """
        if not set(PARTS) <= set(self.parts["part"]):
            raise ValueError(
                "the parts of the gap need batch, running, precise and population statistics; measure all four, the "
                "default of statistics."
            )
        return self.parts

    def plot(self, metric: str = "accuracy") -> Figure:
        """Plot a score against batch size.

        Parameters
        ----------
        metric : str
            "accuracy", "nll", "ece", "disagreement" or "diverged".

        Returns
        -------
        Figure
            One color per kind of statistics.
        """
        from bnstats.plots.results import mismatch

        return mismatch(self.table, metric)

"""Result of `measure_mismatch`: the table of scores, and the parts of the gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd

from bnstats._warnings import first_of, notify
from bnstats.datasets.row_batching import Shuffled, WithReplacement
from bnstats.simulation.precision.paired_errors import Error, difference
from bnstats.simulation.result import Result, Simulation
from bnstats.simulation.summaries.numbers_in_words import described, percent_with_error
from bnstats.studies.mismatch.evaluation import NO_SHIFT, PARTS
from bnstats.studies.mismatch.study import MismatchStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MODES = {"batch": "in training mode", "running": "in evaluation mode"}
NAMES = {
    "batch - running": "training less evaluation mode",
    "batch - population": "of batch noise",
    "population - precise": "of the composition of layers",
    "precise - running": "of the running average",
}
"""Parts of the gap in words."""


class DivergenceWarning(UserWarning):
    """Warning that some networks diverged in training."""


@dataclass(frozen=True, repr=False)
class Mismatch(Result):
    """Result of `measure_mismatch`.

    Attributes
    ----------
    table : DataFrame
        Numbers with their errors; `measure_mismatch` describes the columns.
    parts : DataFrame
        Parts of the gap; `Mismatch.gap` describes the columns.
    simulation : Simulation
        The run behind the table.
    rows : tuple of int
        Index, in the simulation, of each row of the table.
    common_random_numbers : bool
        True if conditions use the same draws.

    Examples
    --------
    >>> import bnstats as bn
    >>> bn.measure_mismatch("gaussians", batch_sizes=[8], steps=20, precision=None, max_replicates=8)
    Mismatch: 20 numbers; the same for all: dataset gaussians, normalizer batch,
    batching Shuffled(), batch size 8, hidden (64,), momentum 0.1, learning rate
    0.1, shift none, test batching Shuffled(), test batch size 8.
    statistics       metric    value ± MCSE
         batch     accuracy 0.3753 ± 0.0070
    ...
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
    common_random_numbers: bool = False

    @classmethod
    def _of(cls, study: MismatchStudy, simulation: Simulation) -> Self:
        """Return the tables of scores and of the gap's parts; warn of networks that have diverged."""
        table = simulation.table.drop(columns="measure").astype({"momentum": float})
        part = table["statistics"].isin(PARTS)
        parts = table[part].drop(columns=["exact", "precision_reached"]).rename(columns={"statistics": "part"})
        # In other batches, rows reveal each other's classes; a shift changes the Bayes accuracy.
        alone = (table["shift"] == NO_SHIFT) & table["test_batching"].isin([repr(Shuffled()), repr(WithReplacement())])
        bayes = np.where(alone & (table["metric"] == "accuracy"), study.dataset.bayes, np.nan)
        table.insert(list(table).index("exact") + 1, "bayes_accuracy", bayes)
        scores = table[~part].reset_index(drop=True)
        _warn(scores[(scores["metric"] == "diverged") & (scores["value"] > 0)])
        rows = tuple(np.flatnonzero(~part).tolist())
        parts = _of_at_most_the_sum(parts.reset_index(drop=True), scores)
        return cls(scores, parts, simulation, rows, study.common_random_numbers)

    def _row(self, row: int) -> int:
        return self.rows[row]

    def _shares_draws(self, column: str) -> bool:
        return self.common_random_numbers or super()._shares_draws(column)

    def _error(self, row: int, other: int, together: bool) -> tuple[Error, bool]:
        first, second = (self.table.iloc[place] for place in (row, other))
        if self._condition(first) == self._condition(second):
            pair = {first["statistics"], second["statistics"]}
            part = next((part for part, kinds in PARTS.items() if set(kinds) == pair), None)
            if (part, self._condition(first)) in self._errors_of_parts:
                return self._errors_of_parts[part, self._condition(first)], True
        return super()._error(row, other, together)

    def _condition(self, row: Any) -> tuple[str, ...]:
        """Return the names of a number, without its kind of statistics."""
        return tuple(str(row[name]) for name in self._names() if name != "statistics")

    @cached_property
    def _errors_of_parts(self) -> dict[tuple[Any, ...], Error]:
        """Errors of the parts of the gap, each measured as a difference within networks, by part and condition."""
        rows = self.parts.to_dict("records")
        return {(row["part"], self._condition(row)): Error(row["mcse"], row["mcse_df"]) for row in rows}

    def gap(self) -> pd.DataFrame:
        """Return the parts of the gap between training and evaluation mode, for accuracy and nll.

        A part is a difference between two kinds of statistics on the same networks and test rows:
        batch - running = (batch - population) + (population - precise) + (precise - running). The three parts are the
        effect of batch noise on predictions, of the composition of layers, and of lag and noise of the running average.

        Returns
        -------
        DataFrame
            One row per condition, part and metric:

            - `dataset`, `normalizer`, `batching`, `batch_size`, `hidden`, `momentum`, `learning_rate`: condition of
              training, as in `table`.
            - `shift`, `test_batching`, `test_batch_size`: condition of testing, as in `table`.
            - `part`: name of the difference.
            - `metric`: "accuracy" or "nll".
            - `value`: mean difference over networks; a proportion for accuracy, nats for nll.
            - `mcse`, `mcse_df`: Monte Carlo standard error of `value`, at most the sum of those of the two scores, and
              its degrees of freedom. `mcse` is 0 if the normalizer makes both scores equal.
            - `replicates`: number of networks.

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

    def _answers(self) -> list[str]:
        """Return the accuracies of each condition, and the gap between the modes with its parts."""
        scores = self.table[self.table["metric"] == "accuracy"]
        conditions = [name for name in self._names() if name not in ("statistics", "metric")]
        varied = [name for name in conditions if scores[name].nunique(dropna=False) > 1]
        if (scores["test_batch_size"] == scores["batch_size"]).all() and "batch_size" in varied:
            varied.remove("test_batch_size")
        gaps = self.parts[self.parts["metric"] == "accuracy"]
        lines = []
        for _, rows in scores.groupby(conditions, sort=False, dropna=False):
            said = [f"{_number(row)} % {_mode(row['statistics'])}" for row in rows.to_dict("records")]
            here = gaps.merge(rows[conditions].drop_duplicates(), on=conditions)
            parts = [f"{NAMES[row['part']]} {_number(row)}" for row in here.to_dict("records") if row["part"] in NAMES]
            gap = f". In points: {', '.join(parts)}" if parts else ""
            where = described(rows.iloc[0], varied)
            lines.append(f"{where + ': ' if where else ''}accuracy {', '.join(said)}{gap}.")
        return lines

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


def _mode(statistics: str) -> str:
    return MODES.get(statistics, f"with {statistics} statistics")


def _number(row: Mapping[Any, Any]) -> str:
    return percent_with_error(row["value"], row["mcse"])


def _of_at_most_the_sum(parts: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the parts of the gap, with no error above the sum of the errors of the two scores."""
    keys = [name for name in parts.columns[: parts.columns.get_loc("value")] if name != "part"]
    columns = ["mcse", "mcse_df"]
    found = [Error(*pair) for pair in parts[columns].to_numpy(float)]
    sides = []
    for side in (0, 1):
        score = parts.assign(statistics=[PARTS[part][side] for part in parts["part"]])[[*keys, "statistics"]]
        errors = score.merge(scores[[*keys, "statistics", *columns]], "left", [*keys, "statistics"])[columns]
        sides.append([Error(*pair) for pair in errors.to_numpy(float)])
    capped = [own if own.mcse == 0 else difference(own, a, b) for own, a, b in zip(found, *sides, strict=True)]
    return parts.assign(mcse=[error.mcse for error in capped], mcse_df=[error.df for error in capped])


def _warn(diverged: pd.DataFrame) -> None:
    if len(diverged):
        condition = list(diverged.columns[: diverged.columns.get_loc("shift")])
        where = diverged.groupby(condition, sort=False, dropna=False)["value"].max().reset_index()
        notify(
            f"networks diverged in {len(where)} conditions and count as guessing at random; give a smaller "
            f"learning_rate; value is the proportion of diverged networks. {first_of(where)}",
            DivergenceWarning,
        )

"""The simulation of the steps that training takes, and its result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Unpack

import pandas as pd

from bnstats._checks.numbers import batch_size, number, whole
from bnstats._checks.numbers import batch_sizes as checked_sizes
from bnstats._checks.values import choices, optional
from bnstats.datasets.dataset import Dataset
from bnstats.datasets.row_batching import RowBatching, Shuffled
from bnstats.networks.normalizers.normalizer import Normalizer
from bnstats.networks.recipe import hidden_units
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.precision.paired_errors import Error
from bnstats.simulation.result import Result, Simulation
from bnstats.simulation.run import run
from bnstats.simulation.summaries.numbers_in_words import described, names_in, percent_with_error, with_error
from bnstats.studies.arguments import activations_of, recipes, rule_of, rules_of, steps_of
from bnstats.studies.steps.study import BATCH, COSINE, DOWNHILL, MEASURES, STATISTICS, StepStudy

LEVEL = 0.025
"""One-sided error rate of calling the mean step uphill or downhill."""
OTHERS = {
    "first_layer_cosine": "cosine of the first layer's weights",
    "noise": "variance of the gradient over the squared length of its mean",
    "variance": "variance of the gradient over the squared length of the whole data's gradient",
    "bias": "distance from the whole data's gradient, over its length,",
    "loss_offset": "mean training-mode loss less the whole data's loss, in nats,",
    "loss_offset_ratio": "loss offset over that of theory",
}


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
    Steps: 1 number; the same for all: normalizer batch, activation relu, batching
    Shuffled(), batch size 20, step 2, statistics batch, measure cosine.
    ...
    """

    alternatives: ClassVar = {"batching": True, "batch_size": True, "statistics": True, "step": True}

    table: pd.DataFrame
    simulation: Simulation

    def _answers(self) -> list[str]:
        """Return, for each condition and step, whether the mean step goes downhill, and the other measures."""
        conditions = [name for name in names_in(self.table) if name != "measure"]
        shown = [name for name in conditions if self.table[name].nunique() > 1] or ["step"]
        lines = []
        for _, rows in self.table.groupby(conditions, sort=False):
            said = [_said(row) for row in rows.to_dict("records")]
            lines.append(f"{described(rows.iloc[0], shown)}: {'; '.join(said)}.")
        return lines


def _said(row: dict[Any, Any]) -> str:
    """Return a measure in words."""
    number = with_error(row["value"], row["mcse"])
    if row["measure"] == "downhill":
        return f"{percent_with_error(row['value'], row['mcse'])} % of single steps lower the whole data's loss"
    if row["measure"] != "cosine":
        return f"{OTHERS[row['measure']]} is {number}"
    if math.isnan(row["value"]):
        return "the mean step is too short to have a known direction"
    margin = Error(row["mcse"], row["mcse_df"]).margin(LEVEL)
    if abs(row["value"]) > margin:
        return f"the mean step goes {'downhill' if row['value'] > 0 else 'uphill'}, cosine {number}"
    return f"whether the mean step goes downhill is not known, cosine {number}"


@run_options(precision=None, max_replicates=24)
def measure_steps(
    dataset: Any = "digits",
    *,
    batch_sizes: int | Sequence[int] = 20,
    batching: RowBatching | Sequence[RowBatching] = Shuffled(),
    steps: int | Sequence[int] = (0, 30, 300),
    trained_with: RowBatching = Shuffled(),
    training_batch_size: int | None = None,
    statistics: str | Sequence[str] = BATCH,
    measures: str | Sequence[str] = (COSINE, DOWNHILL),
    normalizers: str | Normalizer | Sequence[str | Normalizer] = "batch",
    activations: str | Sequence[str] = "relu",
    hidden: Sequence[int] = (32, 32),
    learning_rate: float = 0.02,
    sgd_momentum: float = 0.9,
    batches: int = 256,
    step_length: float = 0.1,
    **options: Unpack[RunOptions],
) -> Steps:
    """Measure whether the mean step of training goes downhill on the loss of the whole data.

    A network is trained for some steps. At its weights, many batches are drawn, and each gives a gradient of its mean
    cross-entropy in training mode. The whole data's loss is that of one batch of all training rows. Networks of all
    conditions have the same training rows, initial weights and, with equal size, training batches.

    Parameters
    ----------
    dataset : whatever `Dataset.of` takes
        "digits", "gaussians", "mnist", "breast_cancer", or rows and labels (x, y).
    batch_sizes : ints of at least 2
        Rows in each measured batch.
    batching : RowBatching, or a list
        Rules by which measured batches are drawn.
    steps : ints of at least 0
        Training steps after which steps are measured; 0 is at initialization.
    trained_with : RowBatching
        Rule by which training batches are drawn.
    training_batch_size : int, optional
        Rows in a training batch; by default as many as in a measured batch.
    statistics : "batch", "population", "population gradient", or several
        Statistics that normalize measured batches: their own, those of all training rows as constants, or those of all
        training rows through which the gradient passes.
    measures : names
        Some of these:

        - "cosine": cosine of the mean step with the descent of the whole data's loss.
        - "first_layer_cosine": the same for the weights of the first layer.
        - "downhill": proportion of steps that lower the whole data's loss.
        - "noise": variance of the gradient over the squared length of its mean.
        - "variance": variance of the gradient over the squared length of the whole data's gradient.
        - "bias": length of the difference between the mean gradient and that of the whole data, over the length of the
          latter.
        - "loss_offset": mean training-mode loss less the whole data's loss, in nats.
        - "loss_offset_ratio": loss offset over that of `bn.theory.loss_offset`. It takes a network with batch
          normalization, and seconds for thousands of rows.
    normalizers : names or Normalizers
        Normalizers, as in `measure_mismatch`.
    activations : "relu", "linear", or both
        Activation of the hidden layers.
    hidden : ints of at least 1
        Units of each hidden layer.
    learning_rate, sgd_momentum : float
        Settings of stochastic gradient descent in training.
    batches : int of at least 2
        Batches at each step.
    step_length : float
        Length of the steps, in the unit of the parameters, whose proportion downhill is measured.
    **options : RunOptions
        A replicate is a network. The precision is that of cosines and proportions.

    Returns
    -------
    Steps
        Measures of training steps. `table` has one row per condition, step, kind of statistics and measure:

        - `normalizer`, `activation`, `batching`: name of the normalizer, of the activation, and of the rule by which
          the measured batches are drawn.
        - `batch_size`: number of rows in a measured batch.
        - `step`: number of training steps before the measurement.
        - `statistics`: "batch", "population" or "population gradient".
        - `measure`: name of the measure, as in `measures`.
        - `value`: mean of the measure over networks; nats for loss_offset, otherwise without unit.
        - `mcse`, `mcse_df`: Monte Carlo standard error of `value`, in its unit, and its degrees of freedom.
        - `exact`: NaN, as no exact value is known.
        - `replicates`: number of networks.
        - `precision_reached`: True if the relative `mcse` is at most `precision`, or if no precision was asked of the
          number.

    Raises
    ------
    ValueError
        If an argument is out of range, or batches of these sizes cannot be drawn or normalized.

    Notes
    -----
    Each shuffled batch gives an unbiased gradient of one fixed function: the mean training-mode loss over all batches
    of its size (Lian & Liu 2019, arXiv 1810.06177). The cosine's denominator contains the length of the expected step.
    Its square is estimated without bias from K independent batches as
    ``(|sum g|² - sum |g|²) / (K (K - 1))``. A network
    whose estimate is not positive has no cosine.

    Examples
    --------
    >>> import bnstats as bn
    >>> rules = [bn.Shuffled(), bn.OneClass()]
    >>> s = measure_steps(batching=rules, steps=60, measures="cosine", batches=64, max_replicates=4)
    >>> print((s.table.set_index("batching")["value"] > 0).to_string())
    batching
    Shuffled()     True
    OneClass()    False
    """
    units = hidden_units("hidden", tuple(hidden) if isinstance(hidden, list) else hidden)
    sgd = {"learning_rate": [learning_rate], "sgd_momentum": [sgd_momentum]}
    study = StepStudy(
        Dataset.of(dataset),
        recipes(normalizers, activation=activations_of(activations), hidden=[units], **sgd),
        rules_of("batching", batching),
        checked_sizes("batch_sizes", batch_sizes),
        steps_of(steps),
        rule_of("trained_with", trained_with),
        optional(batch_size)("training_batch_size", training_batch_size),
        choices("statistics", statistics, STATISTICS),
        choices("measures", measures, MEASURES),
        whole("batches", batches, minimum=2, maximum=2**20),
        number("step_length", step_length, "(0, 1e6]"),
    )
    study.check()
    simulation = run(study, **options)
    return Steps(simulation.table, simulation)

"""The simulation of gradient growth from layer to layer, at initialization and during training, and its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

import numpy as np
import pandas as pd

from bnstats._checks.numbers import batch_sizes as checked_sizes
from bnstats._checks.numbers import number, whole
from bnstats._checks.values import each
from bnstats.datasets.dataset import Dataset
from bnstats.datasets.row_batching import RowBatching, Shuffled
from bnstats.networks.normalizers.normalizer import Normalizer
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.result import Result, Simulation
from bnstats.simulation.run import run
from bnstats.simulation.summaries.numbers_in_words import described, with_error
from bnstats.statistics.running_conventions import Convention
from bnstats.studies.arguments import activations_of, recipes, rule_of, steps_of
from bnstats.studies.gradients.study import ALL_LAYERS, FACTOR, LOG_FACTOR, SQUARED_NORM, GradientStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The largest number of hidden layers of a network.
DEEPEST = 10_000
CONDITION = ["normalizer", "activation", "width", "depth", "batch_size", "step"]


@dataclass(frozen=True, repr=False)
class Gradients(Result):
    """Result of `measure_gradients`.

    Attributes
    ----------
    table : DataFrame
        Numbers with their errors; `measure_gradients` describes the columns.
    simulation : Simulation
        The run behind the table.
    limits : DataFrame
        One row per condition:

        - `normalizer`, `activation`, `width`, `depth`, `batch_size`, `step`: condition, as in `table`.
        - `wide_limit`: limit of the factor for wide and deep networks; NaN if it is unknown.

    Examples
    --------
    >>> import bnstats as bn
    >>> bn.measure_gradients(batch_sizes=[8], widths=16, depths=3, max_replicates=8)
    Gradients: 6 numbers; the same for all: normalizer batch, activation relu, width
    16, depth 3, batch size 8, step 0.
     layer      measure  value ± MCSE
         1 squared_norm   2.81 ± 0.43
         2 squared_norm 0.704 ± 0.079
    ...
    """

    alternatives: ClassVar = {"normalizer": False, "activation": False}

    table: pd.DataFrame
    simulation: Simulation
    limits: pd.DataFrame

    def factors(self) -> pd.DataFrame:
        """Return the factor per layer of each condition, and its limit for wide layers.

        Returns
        -------
        DataFrame
            One row per condition and step:

            - `normalizer`, `activation`, `width`, `depth`, `batch_size`, `step`: condition, as in `table`.
            - `factor`: geometric mean of the factors over layers and networks, without unit.
            - `mcse`, `mcse_df`: Monte Carlo standard error of `factor`, and its degrees of freedom.
            - `mean`: arithmetic mean of the factors, which is larger than `factor` if rare values dominate.
            - `wide_limit`: limit of the factor at initialization for wide and deep networks; NaN if it is unknown.
            - `replicates`: number of networks.
        """
        rows = self.table[self.table["layer"] == ALL_LAYERS].set_index(CONDITION)
        log, mean = (rows[rows["measure"] == name] for name in (LOG_FACTOR, FACTOR))
        factor = np.exp(log["value"])
        found = {"factor": factor, "mcse": factor * log["mcse"], "mcse_df": log["mcse_df"], "mean": mean["value"]}
        rows = pd.DataFrame(found | {"replicates": log["replicates"]}).reset_index()
        rows = rows.merge(self.limits, on=CONDITION, how="left")
        return rows[[name for name in rows if name != "replicates"] + ["replicates"]]

    def _answers(self) -> list[str]:
        """Return the factor per layer of each condition, beside its limit for wide layers."""
        factors = self.factors()
        shown = [name for name in CONDITION if factors[name].nunique() > 1] or ["batch_size"]
        lines = []
        for row in factors.to_dict("records"):
            limit = f" (wide layers: {row['wide_limit']:.4g})" if np.isfinite(row["wide_limit"]) else ""
            grows = f"{with_error(row['factor'], row['mcse'])} per layer toward the input{limit}"
            lines.append(f"{described(row, shown)}: squared gradient norms grow by a factor of {grows}.")
        return lines

    def plot(self) -> Figure:
        """Plot the squared gradient norm against the layer.

        Returns
        -------
        Figure
            One line for each batch size, one panel for each other condition.
        """
        from bnstats.plots.results import gradients

        return gradients(self.table[self.table["measure"] == SQUARED_NORM])


@run_options(precision=None, max_replicates=64)
def measure_gradients(
    dataset: Any = "gaussians",
    *,
    normalizers: str | Normalizer | Sequence[str | Normalizer] = "batch",
    batch_sizes: int | Sequence[int] = (4, 8, 16, 64),
    depths: int | Sequence[int] = 8,
    widths: int | Sequence[int] = 256,
    activations: str | Sequence[str] = "relu",
    steps: int | Sequence[int] = 0,
    batching: RowBatching = Shuffled(),
    convention: str | Convention = "torch",
    learning_rate: float = 0.1,
    **options: Unpack[RunOptions],
) -> Gradients:
    """Measure the squared norm of each hidden layer's gradient, and its growth from layer to layer.

    The gradient is that of a batch's mean cross-entropy with respect to a layer's weights, in training mode. Every
    combination of normalizer, activation, width, depth and batch size is a condition. Each network of a condition has
    its own split of the data, initial weights and batches.

    Parameters
    ----------
    dataset : whatever `Dataset.of` takes
        "gaussians", "digits", "mnist", "breast_cancer", or rows and labels (x, y).
    normalizers : names or Normalizers
        Normalizers, as in `measure_mismatch`.
    batch_sizes : ints of at least 2
        Rows in each batch.
    depths : ints of at least 3
        Number of hidden layers. The first layer has no factor, as its gradient depends on the number and size of the
        inputs.
    widths : ints of at least 1
        Units of each hidden layer.
    activations : "relu", "linear", or both
        Activation of the hidden layers.
    steps : ints of at least 0
        Training steps after which gradients are measured; 0 is at initialization.
    batching : RowBatching
        Rule by which batches are drawn.
    convention : name or Convention
        Convention of eps, and of running statistics if a normalizer uses these in training.
    learning_rate : float
        Learning rate of stochastic gradient descent.
    **options : RunOptions
        A replicate is a network. The precision is that of the logarithm of the factor per layer.

    Returns
    -------
    Gradients
        Gradients by layer. `table` has one row per condition, step, layer and measure:

        - `normalizer`, `activation`: name of the normalizer and of the activation.
        - `width`, `depth`: number of units in each hidden layer, and number of hidden layers.
        - `batch_size`: number of rows in a batch.
        - `step`: number of training steps.
        - `layer`: 1 for the layer next to the input; 0 for the average over layers.
        - `measure`: "squared_norm" of the gradient; "factor", the squared norm of layer 2, 3, ... over that of the
          layer above; "log_factor", the mean natural logarithm of the factors.
        - `value`: mean of the measure over networks, without unit.
        - `mcse`, `mcse_df`: Monte Carlo standard error of `value`, in its unit, and its degrees of freedom. `mcse` of a
          factor or squared norm is infinite for batches of up to 5 rows, as its variance would be without eps.
        - `exact`: NaN, as no network of finite width has an exact value.
        - `replicates`: number of networks.
        - `precision_reached`: True if the relative `mcse` is at most `precision`, or if no precision was asked of the
          number.

    Raises
    ------
    ValueError
        If an argument is out of range, or batches of these sizes cannot be drawn or normalized.

    Notes
    -----
    No network of finite width has an exact factor. `Gradients.factors` gives the limit of wide linear layers, which is
    (r - 1) / (r - 2) with batch normalization (Yang et al. 2019, arXiv 1902.08129, for r = n - 1). Here a batch of n
    rows spans r directions about its mean: n - 1, or as many as the data have. The limit holds for deep layers, which
    have equal variance in all directions. It holds for all layers but the first if the data have equal variance in all
    directions, too. Factors of layers of w units are below the limit by about 0.1 n / w.

    Examples
    --------
    >>> g = measure_gradients(batch_sizes=[8], activations="linear", widths=128, depths=6, max_replicates=16)
    >>> g.factors()[["factor", "mcse", "wide_limit"]].astype(float).round(2).values.tolist()
    [[1.2, 0.02, 1.2]]
    """
    shapes = product(
        each("widths", widths, lambda n: whole("each of widths", n, minimum=1)),
        each("depths", depths, lambda n: whole("each of depths", n, minimum=3, maximum=DEEPEST)),
    )
    study = GradientStudy(
        Dataset.of(dataset),
        recipes(
            normalizers,
            activation=activations_of(activations),
            hidden=[(width,) * depth for width, depth in shapes],
            convention=[Convention.of(convention)],
            learning_rate=[number("learning_rate", learning_rate, "(0, inf)")],
        ),
        rule_of("batching", batching),
        checked_sizes("batch_sizes", batch_sizes),
        steps_of(steps),
    )
    study.check()
    simulation = run(study, **options)
    return Gradients(simulation.table, simulation, study.wide_limits())

"""Result of `measure_steps`: the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from bnstats.simulation.result import Result, Simulation


@dataclass(frozen=True, repr=False)
class Steps(Result):
    """Result of `measure_steps`.

    Attributes
    ----------
    table : DataFrame
        One row per condition, training step, kind of statistics and measure. normalizer, activation: names. batching:
        rule by which the measured batches are drawn. batch_size: their rows. step: training steps before. statistics:
        "batch" or "population". measure: "cosine" of the mean step with the descent of the whole data's loss;
        "first_layer_cosine", the same for the weights of the first layer; "downhill", proportion of steps that lower
        the whole data's loss; "noise", variance of the gradient over the squared length of its mean; "bias", length of
        the difference of mean gradient and whole data's gradient, over the length of the latter; "loss_offset", mean
        training-mode loss less the whole data's loss, in nats; "loss_offset_ratio", the loss offset over that of
        `bn.theory.loss_offset`. value: mean over networks. mcse, mcse_df: its Monte
        Carlo standard error, and the degrees of freedom. exact: nan. replicates: networks. precision_reached: True if
        the relative mcse is as small as asked.
    simulation : Simulation
        The run behind the table.
    """

    alternatives: ClassVar = {"batching": True, "batch_size": True, "statistics": True, "step": True}

    table: pd.DataFrame
    simulation: Simulation

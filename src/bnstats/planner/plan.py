"""A planned configuration of batch normalization."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import sample_size
from bnstats.sampling.populations import Population
from bnstats.statistics import theory
from bnstats.statistics.displacement import noise_of_batch
from bnstats.statistics.norm_borders import START_WEIGHT
from bnstats.statistics.running_conventions import Convention


@dataclass(frozen=True)
class Plan:
    """Configuration of batch-normalized layers in a row, fed with independent batches.

    Attributes
    ----------
    batch_size : int
        Rows of a batch in one forward pass on one device.
    positions, layers : int
        Values per row that share a channel (1 for fully connected layers), and normalized layers.
    steps : int or None
        Optimizer steps; None for as many as it takes to forget the start values.
    convention : Convention
        Convention of the running statistics.
    population : Population
        Law of the values in a channel.
    tolerance : float
        Displacement of statistics that is tolerated, in standard deviations of the normalized values.
    devices, accumulate : int
        Devices that train together, and forward passes for each optimizer step.
    synchronized : bool
        True if devices normalize by the rows of all devices.
    """

    batch_size: int
    positions: int
    layers: int
    steps: int | None
    convention: Convention
    population: Population
    tolerance: float
    devices: int = 1
    accumulate: int = 1
    synchronized: bool = False

    @property
    def rows(self) -> int:
        """Rows that are normalized together."""
        return self.batch_size * (self.devices if self.synchronized else 1)

    @property
    def sizes(self) -> tuple[int, int]:
        """Fewest and most independent values behind a batch statistic: one per row, or one per position."""
        return self.rows, self.rows * self.positions

    @property
    def updates(self) -> int | None:
        """Updates of the running statistics: one for each forward pass."""
        return None if self.steps is None else self.steps * self.accumulate

    @property
    def start_weight(self) -> float:
        """Weight that the start values still have in the running statistics after the last step."""
        return 0.0 if self.updates is None else float(self.convention.weights(self.updates)[0])

    @property
    def noise(self) -> float:
        """Variance of a running statistic in units of that of a batch statistic."""
        if self.updates is None:
            return self.convention.plateau
        return float(np.square(self.convention.weights(self.updates)[1:]).sum())

    @property
    def forgetting(self) -> float:
        """Optimizer steps until the start values weigh less than 1 %."""
        if self.convention.debias or self.convention.momentum in (None, 1.0):
            return 1.0
        updates = math.log(START_WEIGHT) / math.log1p(-float(self.convention.momentum or 0))
        return float(np.ceil(updates / self.accumulate))

    @checked(size=sample_size)
    def scale(self, size: int) -> float:
        """Scale of the last layer in evaluation mode against training mode: a root of (n - 1) / n per layer."""
        return float((1 - 1 / size) ** (self.convention.ddof * self.layers / 2))

    @checked(size=sample_size)
    def batch_noise(self, size: int) -> float:
        """Return the squared displacement of the statistics of one batch with so many independent values."""
        kept = 1.0 if self.convention.ddof else 1 - 1 / size
        errors = [theory.standard_error(self.population, size, name) for name in ("mean", "var_unbiased")]
        mean, var = errors[0] ** 2, (kept * errors[1]) ** 2
        return noise_of_batch(np.array([mean]), np.array([var]), np.array([self.population.var]))

    @checked(size=sample_size)
    def displacement(self, size: int) -> float:
        """Return the root mean square displacement of the running statistics by noise, after the last step."""
        return math.sqrt(self.noise * self.batch_noise(size))

"""The study of one contradicting batch: what it changes in a network, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import Generator

from bnstats._checks.array_types import FloatArray
from bnstats.datasets.binned_population import BinnedPopulation
from bnstats.datasets.row_batching import Shuffled
from bnstats.networks.network import Network
from bnstats.networks.recipe import Recipe
from bnstats.simulation.identity import side_stream
from bnstats.simulation.study import Condition, Study

CHANGE, WITHOUT = "change", "without"
# Random streams of a network, one for each purpose.
SPLIT, WEIGHTS, BATCHES = range(3)


class ContradictionKey(NamedTuple):
    """Number of batches since the contradicting one, and measure of a replicate, which is a pair of networks."""

    later: int
    measure: str


@dataclass(frozen=True)
class ContradictionStudy(Study):
    """Study of networks that see one given batch, paired with the same networks without it.

    A network is trained with shuffled batches. Then a copy of it sees one more batch, and both are trained with the
    same further batches. The measured quantity is the probability that a network gives a class for a normalized value
    of 0, in training mode. Measures: "without", the probability of the network that has not seen the batch; "change",
    the probability of its copy less that.

    Attributes
    ----------
    dataset : BinnedPopulation
        Data to train on.
    recipe : Recipe
        Architecture and training.
    values : tuple of float
        The contradicting batch, in the unit of the population; all batches have as many values.
    followed : int
        Class whose probability is measured.
    steps : int
        Training steps before the contradicting batch.
    later : tuple of int
        Increasing numbers of batches after it, at which both networks are compared.
    """

    key_columns: ClassVar[tuple[str, ...]] = ContradictionKey._fields
    summaries: ClassVar[tuple[str, ...]] = ("mean", "se")

    dataset: BinnedPopulation
    recipe: Recipe
    values: tuple[float, ...]
    followed: int
    steps: int = 4000
    later: tuple[int, ...] = (0, 1, 2, 4, 10, 30, 100)

    def conditions(self) -> list[dict[str, Any]]:
        return [{"batch_size": len(self.values)}]

    def size(self, condition: Condition) -> int:
        return 8

    def draws_per_replicate(self, condition: Condition) -> int:
        return (self.steps + self.later[-1]) * len(self.values)

    def simulate(self, condition: Condition, rng: Generator, size: int) -> dict[ContradictionKey, FloatArray]:
        found = [self._pair(side_stream(rng, number)) for number in range(size)]
        return {key: np.array([values[key] for values in found]) for key in found[0]}

    def _pair(self, rng: Generator) -> dict[ContradictionKey, float]:
        split = self.dataset.split(side_stream(rng, SPLIT))
        n, population = len(self.values), self.dataset.population
        given = (np.array(self.values) - population.mean) / population.std
        x = np.concatenate([split.x, given[:, np.newaxis].astype(np.float32)])
        y = np.concatenate([split.y, np.searchsorted(self.dataset.cuts, self.values, side="right")])
        batches = Shuffled().rows(side_stream(rng, BATCHES), split.y, n, self.steps + self.later[-1])
        start = Network.initial(self.recipe, 1, self.dataset.classes, side_stream(rng, WEIGHTS))
        without, _ = start.train(x, y, batches[: self.steps])
        copy, _ = without.train(x, y, np.arange(len(split.y), len(y))[np.newaxis])
        found = {}
        for later in self.later:
            rows = slice(without.steps, self.steps + later)
            if rows.start < rows.stop:
                (without, _), (copy, _) = (network.train(x, y, batches[rows]) for network in (without, copy))
            known, changed = self._probability(without), self._probability(copy)
            found[ContradictionKey(later, WITHOUT)] = known
            found[ContradictionKey(later, CHANGE)] = changed - known
        return found

    def _probability(self, network: Network) -> float:
        """Return the probability of the class for a normalized 0: a batch of equal values has no other."""
        n = len(self.values)
        logits = network.logits_in_batches(np.zeros((n, 1), np.float32), np.arange(n)[np.newaxis])[0, 0]
        power = np.exp(logits - logits.max(), dtype=np.float64)
        return float(power[self.followed] / power.sum())

    def value_range(self, condition: Condition, key: ContradictionKey) -> float:
        return 2.0 if key.measure == CHANGE else 1.0

    def precision_required(self, condition: Condition, key: ContradictionKey, summary: str) -> bool:
        return key == (self.later[0], CHANGE) and summary == "mean"

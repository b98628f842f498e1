"""The study behind `measure_information`: a member of each batch, classified by its normalized value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bnstats.sampling.populations import Population
from bnstats.sampling.tails import visible_order
from bnstats.simulation.study import Condition, Study
from bnstats.statistics.normalized import normalized
from bnstats.studies.information.bayes_classifier import TrainingSample, rule_for
from bnstats.studies.information.class_given_normalized import exact_information
from bnstats.studies.information.classes import Labels, class_index, class_shares, classify

DRAWS_PER_BLOCK = 2**17


@dataclass(frozen=True)
class InformationStudy(Study):
    """Study of a member of each batch, whose label a rule predicts from z. See `measure_information`."""

    grid: ClassVar[tuple[str, ...]] = ("batch_sizes",)
    sample_heavy_tails: ClassVar[bool] = True

    population: Population
    labels: Labels
    batch_sizes: tuple[int, ...]
    seed: int = 0
    """Seed of the sample that rules are learned from, with streams other than the replicates' streams."""

    def conditions(self) -> list[dict[str, Any]]:
        return [{"batch_size": n} for n in self.batch_sizes]

    def size(self, condition: Condition) -> int:
        # In large batches misclassifications are rare: fewer replicates may have none at the first look, and no error.
        n = int(condition["batch_size"])
        return max(DRAWS_PER_BLOCK // n, min(256, 2**22 // n), 1)

    def draws_per_replicate(self, condition: Condition) -> int:
        return int(condition["batch_size"])

    def simulate(self, condition: Condition, rng: Generator, size: int) -> dict[str, NDArray[Any]]:
        rule = rule_for(TrainingSample.of(self.population, self.labels, condition["batch_size"], self.seed))
        batches = np.empty((size, condition["batch_size"]))
        self.population.fill(rng, batches)
        label = class_index(rule.classes, classify(self.labels, batches[:, 0].copy()))
        belief = rule(normalized(batches)[0][:, 0])
        # E log2(belief / prior) = H(label) - cross entropy, with a far smaller variance than log2(belief) alone.
        bits = np.log2(belief[np.arange(size), label] / rule.prior[label])
        return {"accuracy": belief.argmax(axis=1) == label, "bits": bits}

    def tail_index(self, condition: Condition, key: Any, replicates: int) -> float:
        """Return the tail index of bits: a rare class has many bits, and correct guesses of it are rare, too."""
        chance = class_shares(self.population, self.labels)[1]
        chance = chance[chance > 0]
        return visible_order(np.abs(np.log2(chance)), chance, replicates) if key == "bits" else np.inf

    def exact(self, condition: Condition, key: Any, summary: str) -> float:
        if not isinstance(self.labels, tuple):
            return np.nan
        accuracy, bits = exact_information(self.population, self.labels, condition["batch_size"])
        return accuracy if key == "accuracy" else bits

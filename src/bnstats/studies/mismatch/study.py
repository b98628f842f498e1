"""The study behind `measure_mismatch`: trained networks, tested with each kind of statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import Generator

from bnstats._checks.array_types import FloatArray
from bnstats._checks.user_code import ReadOnlyError
from bnstats.datasets.dataset import Dataset, Split
from bnstats.datasets.row_batching import RowBatching
from bnstats.datasets.shifts import Shift
from bnstats.networks.adaptation import Adaptation, check_moments
from bnstats.networks.normalizers.registry import name_in_tables
from bnstats.networks.recipe import Recipe
from bnstats.simulation.identity import side_stream
from bnstats.simulation.study import Condition, Study
from bnstats.studies.mismatch.evaluation import PARTS, TESTING, Evaluation, Kind, Trained


class MismatchKey(NamedTuple):
    """Condition of testing, kind of statistics and metric of a replicate, which is a score of one network."""

    shift: str
    test_batching: str
    test_batch_size: int
    statistics: str
    metric: str


@dataclass(frozen=True)
class MismatchStudy(Study):
    """Study of networks, tested with all kinds of statistics. See `measure_mismatch`."""

    key_columns: ClassVar[tuple[str, ...]] = MismatchKey._fields
    grid: ClassVar[tuple[str, ...]] = ("recipes", "batchings", "batch_sizes")
    paired: ClassVar[bool] = True

    dataset: Dataset
    recipes: tuple[Recipe, ...]
    batchings: tuple[RowBatching, ...]
    batch_sizes: tuple[int, ...]
    steps: int | None
    rows: int | None
    shifts: tuple[Shift | None, ...]
    test_batchings: tuple[RowBatching, ...] | None
    test_batch_sizes: tuple[int, ...] | None
    statistics: tuple[Kind, ...]
    common_random_numbers: bool = False

    def conditions(self) -> list[dict[str, Any]]:
        return [
            {"recipe": recipe, "batching": batching, "batch_size": n}
            for recipe, batching, n in product(self.recipes, self.batchings, self.batch_sizes)
        ]

    def columns(self, condition: Condition) -> dict[str, Any]:
        recipe = condition["recipe"]
        return {
            "dataset": self.dataset.name,
            "normalizer": name_in_tables(recipe.normalizer),
            "batching": condition["batching"],
            "batch_size": condition["batch_size"],
            "hidden": recipe.hidden,
            "momentum": recipe.convention.momentum,
            "learning_rate": recipe.learning_rate,
        }

    def stream_of(self, condition: Condition) -> Condition:
        return {"networks": "of all conditions"} if self.common_random_numbers else condition

    def size(self, condition: Condition) -> int:
        return 4

    def draws_per_replicate(self, condition: Condition) -> int:
        return self.steps_of(condition) * int(condition["batch_size"])

    def steps_of(self, condition: Condition) -> int:
        """Return the number of training steps."""
        return self.steps if self.steps is not None else (self.rows or 0) // int(condition["batch_size"])

    def evaluations(self, condition: Condition) -> list[Evaluation]:
        """Return the conditions of testing for the networks of a condition of training."""
        batchings = self.test_batchings or (condition["batching"],)
        sizes = self.test_batch_sizes or (condition["batch_size"],)
        return [Evaluation(*evaluation) for evaluation in product(self.shifts, batchings, sizes)]

    def simulate(self, condition: Condition, rng: Generator, size: int) -> dict[MismatchKey, FloatArray]:
        found = [self._network(condition, side_stream(rng, number)) for number in range(size)]
        return {key: np.array([scores[key] for scores in found]) for key in found[0]}

    @np.errstate(all="ignore")  # networks that diverge are counted
    def _network(self, condition: Condition, rng: Generator) -> dict[MismatchKey, float]:
        trained = Trained.of(dataset=self.dataset, **condition, steps=self.steps_of(condition), rng=rng)
        return {
            MismatchKey(*evaluation.key, *key): value
            for evaluation in self.evaluations(condition)
            # All conditions of testing have the same draws, so that only the conditions differ.
            for key, value in evaluation.test(trained, self.statistics, side_stream(rng, TESTING)).items()
        }

    def precision_required(self, condition: Condition, key: MismatchKey, summary: str) -> bool:
        return key.metric == "accuracy" and key.statistics not in PARTS

    def value_range(self, condition: Condition, key: MismatchKey) -> float:
        """Return 0 for differences of equal scores, inf for nll, 2 for parts of the gap, 1 for proportions."""
        part, same = key.statistics in PARTS, not condition["recipe"].normalizer.uses_batch
        if (part and same) or (key.metric == "disagreement" and (same or key.statistics == "population")):
            return 0.0
        if key.metric == "nll":
            return math.inf
        return 2.0 if part else 1.0

    def always_equal(self, condition: Condition, key: MismatchKey, other: MismatchKey) -> bool:
        """Return True for kinds of statistics that agree as rows do not depend on their batch."""
        kinds = not {key.statistics, other.statistics} & set(PARTS)
        alike = key._replace(statistics="") == other._replace(statistics="")
        return kinds and alike and not condition["recipe"].normalizer.uses_batch

    def check(self) -> None:
        """Raise ValueError for batches that cannot be drawn or normalized; all splits have equal class sizes."""
        split = self.dataset.split(np.random.default_rng(0))
        for condition in self.conditions():
            recipe, n = condition["recipe"], condition["batch_size"]
            recipe.check(n)
            for kind in self.statistics:
                if isinstance(kind, Adaptation):
                    check_moments(kind, recipe.normalizer)
            recipe.check_training(self.dataset.inputs, self.dataset.classes, self.draws_per_replicate(condition))
            condition["batching"].check(split.y, n)
        try:
            self._check_testing(split)
        except ReadOnlyError:
            raise
        except ValueError as error:
            raise ValueError(f"give other test_batch_sizes or test_batching: {error}") from None

    def _check_testing(self, split: Split) -> None:
        tested = [(c["recipe"], evaluation) for c in self.conditions() for evaluation in self.evaluations(c)]
        for recipe, evaluation in tested:
            recipe.check(evaluation.batch_size)
        for evaluation in dict.fromkeys(evaluation for _, evaluation in tested):
            evaluation.check(split)

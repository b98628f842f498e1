"""The study behind `measure_gradients`: networks, and the squared norms of their gradients by layer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator

from bnstats._checks.array_types import FloatArray
from bnstats.datasets.dataset import Dataset
from bnstats.datasets.row_batching import RowBatching
from bnstats.networks.network import Network
from bnstats.networks.normalizers.registry import name_in_tables
from bnstats.networks.recipe import Recipe
from bnstats.simulation.study import Condition, Study
from bnstats.studies.gradients.exact import is_linear_batch_norm, wide_limit

SQUARED_NORM, FACTOR, LOG_FACTOR = "squared_norm", "factor", "log_factor"
BATCHES_LOOKED_AT = 16
ALL_LAYERS = 0
"""Layer number that stands for the average over all layers."""


class GradientKey(NamedTuple):
    """Training step, layer and measure of a replicate, which is the gradient of one network."""

    step: int
    layer: int
    measure: str


@dataclass(frozen=True)
class GradientStudy(Study):
    """Study of networks at initialization and during training. See `measure_gradients`."""

    key_columns: ClassVar[tuple[str, ...]] = GradientKey._fields
    grid: ClassVar[tuple[str, ...]] = ("recipes", "batch_sizes")

    dataset: Dataset
    recipes: tuple[Recipe, ...]
    batching: RowBatching
    batch_sizes: tuple[int, ...]
    steps: tuple[int, ...]

    def conditions(self) -> list[dict[str, Any]]:
        return [{"recipe": recipe, "batch_size": n} for recipe in self.recipes for n in self.batch_sizes]

    def columns(self, condition: Condition) -> dict[str, Any]:
        recipe = condition["recipe"]
        return {
            "normalizer": name_in_tables(recipe.normalizer),
            "activation": recipe.activation,
            "width": recipe.hidden[0],
            "depth": len(recipe.hidden),
            "batch_size": condition["batch_size"],
        }

    def size(self, condition: Condition) -> int:
        return 4

    def draws_per_replicate(self, condition: Condition) -> int:
        return max(self.steps[-1], 1) * int(condition["batch_size"])

    def simulate(self, condition: Condition, rng: Generator, size: int) -> dict[GradientKey, FloatArray]:
        found = [self._network(condition["recipe"], int(condition["batch_size"]), rng) for _ in range(size)]
        return {key: np.array([values[key] for values in found]) for key in found[0]}

    @np.errstate(all="ignore")  # a network that has diverged has no finite norms
    def _network(self, recipe: Recipe, batch_size: int, rng: Generator) -> dict[GradientKey, float]:
        split = self.dataset.split(rng)
        network = Network.initial(recipe, self.dataset.inputs, self.dataset.classes, rng)
        batches = self.batching.rows(rng, split.y, batch_size, self.steps[-1] + 1)
        found: dict[GradientKey, float] = {}
        for step in self.steps:
            if step > network.steps:
                network, _ = network.train(split.x, split.y, batches[network.steps : step])
            _, gradients = network.gradients(split.x, split.y, batches[step : step + 1])
            of_weights = replace(network, parameters=gradients[0]).weights[:-1]
            norms = np.array([np.square(part, dtype=np.float64).sum() for part in of_weights])
            found |= {GradientKey(step, *key): value for key, value in _measures(norms).items()}
        return found

    def wide_limits(self) -> pd.DataFrame:
        """Return each condition's limit of the factor at initialization for wide layers; nan if not known."""
        directions = cache(self._directions)
        limits = []
        for condition in self.conditions():
            recipe, n = condition["recipe"], condition["batch_size"]
            limit = wide_limit(recipe, n, directions(n) if is_linear_batch_norm(recipe) else None)
            limits.append(self.columns(condition) | {"step": 0, "wide_limit": limit})
        return pd.DataFrame(limits)

    def _directions(self, batch_size: int) -> int | None:
        """Return the number of directions that batches span about their mean; None if batches differ."""
        rng = np.random.default_rng(0)
        split = self.dataset.split(rng)
        found = set()
        for rows in self.batching.rows(rng, split.y, batch_size, BATCHES_LOOKED_AT):
            found.add(int(np.linalg.matrix_rank(split.x[rows] - split.x[rows].mean(axis=0))))
        return found.pop() if len(found) == 1 else None

    def tail_index(self, condition: Condition, key: GradientKey, replicates: int) -> float:
        """Return the tail index of squared norms, which vary as a batch's inverse variance, 1 / chi²(n - 1).

        For batches of 2 and 3 rows the mean exists only through eps, and no number of networks would show its error.
        """
        if key.measure == LOG_FACTOR or not condition["recipe"].normalizer.uses_batch:
            return math.inf
        normalizer = condition["recipe"].normalizer
        rows: int = normalizer.set_rows(int(condition["batch_size"])) if normalizer.moments else 0
        return max((rows - 1) / 2, 1.5)

    def check(self) -> None:
        """Raise ValueError for batches that cannot be drawn or normalized; all splits have equal class sizes."""
        split = self.dataset.split(np.random.default_rng(0))
        for condition in self.conditions():
            recipe = condition["recipe"]
            recipe.check(condition["batch_size"])
            recipe.check_training(self.dataset.inputs, self.dataset.classes, self.draws_per_replicate(condition))
            self.batching.check(split.y, condition["batch_size"])

    def precision_required(self, condition: Condition, key: GradientKey, summary: str) -> bool:
        return (key.layer, key.measure) == (ALL_LAYERS, LOG_FACTOR)


def _measures(norms: FloatArray) -> dict[tuple[int, str], float]:
    """Return squared norms and factors by layer and measure, from the squared norms of layers 1, 2, ...

    The first layer has no factor, as its gradient depends on the number and size of the inputs.
    """
    found = {(layer, SQUARED_NORM): float(norm) for layer, norm in enumerate(norms, start=1)}
    factors = norms[1:-1] / norms[2:]
    found |= {(layer, FACTOR): float(factor) for layer, factor in enumerate(factors, start=2)}
    found[ALL_LAYERS, FACTOR] = float(factors.mean())
    found[ALL_LAYERS, LOG_FACTOR] = float(np.log(factors).mean())
    return found

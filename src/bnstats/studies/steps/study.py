"""The study behind `measure_steps`: gradients of many batches at the weights of one network."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import Generator

from bnstats._checks.array_types import Float32Array, FloatArray, IntArray
from bnstats.datasets.dataset import Dataset, Split
from bnstats.datasets.row_batching import RowBatching
from bnstats.networks.loss_offset import loss_offset
from bnstats.networks.network import Network
from bnstats.networks.normalizers.batch import Batch
from bnstats.networks.normalizers.frozen import Frozen
from bnstats.networks.normalizers.registry import name_in_tables
from bnstats.networks.other_batch import OtherBatch
from bnstats.networks.recalibration import population
from bnstats.networks.recipe import Recipe
from bnstats.networks.scores import scores
from bnstats.simulation.identity import side_stream
from bnstats.simulation.study import Condition, Study

BATCH, POPULATION, POPULATION_GRADIENT = "batch", "population", "population gradient"
STATISTICS = (BATCH, POPULATION, POPULATION_GRADIENT)
COSINE, FIRST_LAYER, DOWNHILL, BIAS = "cosine", "first_layer_cosine", "downhill", "bias"
NOISE, VARIANCE = "noise", "variance"
OFFSET, OFFSET_RATIO = "loss_offset", "loss_offset_ratio"
MEASURES = (COSINE, FIRST_LAYER, DOWNHILL, NOISE, VARIANCE, BIAS, OFFSET, OFFSET_RATIO)
# Each downhill step takes a pass of all rows, which the gradients of many batches do not take.
STEPS_TRIED = 32
# Random streams of a network, one for each purpose.
SPLIT, WEIGHTS, TRAINING, MEASURED = range(4)


class StepKey(NamedTuple):
    """Training step, statistics and measure of a replicate, which is one network."""

    step: int
    statistics: str
    measure: str


@dataclass(frozen=True)
class StepStudy(Study):
    """Study of the steps of networks. See `measure_steps`."""

    key_columns: ClassVar[tuple[str, ...]] = StepKey._fields
    grid: ClassVar[tuple[str, ...]] = ("recipes", "batchings", "batch_sizes")

    dataset: Dataset
    recipes: tuple[Recipe, ...]
    batchings: tuple[RowBatching, ...]
    batch_sizes: tuple[int, ...]
    steps: tuple[int, ...]
    trained_with: RowBatching
    training_batch_size: int | None
    statistics: tuple[str, ...]
    measures: tuple[str, ...]
    batches: int
    step_length: float

    def conditions(self) -> list[dict[str, Any]]:
        return [
            {"recipe": recipe, "batching": batching, "batch_size": n}
            for recipe, batching, n in product(self.recipes, self.batchings, self.batch_sizes)
        ]

    def columns(self, condition: Condition) -> dict[str, Any]:
        recipe = condition["recipe"]
        return {
            "normalizer": name_in_tables(recipe.normalizer),
            "activation": recipe.activation,
            "batching": condition["batching"],
            "batch_size": condition["batch_size"],
        }

    def stream_of(self, condition: Condition) -> Condition:
        """Return one stream for all conditions, so that their networks are paired."""
        return {"networks": "of all conditions"}

    def size(self, condition: Condition) -> int:
        return 4

    def trained_size(self, condition: Condition) -> int:
        """Return the number of rows in a training batch."""
        return self.training_batch_size or int(condition["batch_size"])

    def draws_per_replicate(self, condition: Condition) -> int:
        measured = len(self.steps) * self.batches * int(condition["batch_size"])
        return measured + self.steps[-1] * self.trained_size(condition)

    def simulate(self, condition: Condition, rng: Generator, size: int) -> dict[StepKey, FloatArray]:
        found = [self._network(condition, side_stream(rng, number)) for number in range(size)]
        return {key: np.array([values[key] for values in found]) for key in found[0]}

    @np.errstate(all="ignore")  # a network that has diverged has no finite gradients
    def _network(self, condition: Condition, rng: Generator) -> dict[StepKey, float]:
        split = self.dataset.split(side_stream(rng, SPLIT))
        network = Network.initial(
            condition["recipe"], self.dataset.inputs, self.dataset.classes, side_stream(rng, WEIGHTS)
        )
        trained = self.trained_with.rows(
            side_stream(rng, TRAINING), split.y, self.trained_size(condition), max(self.steps[-1], 1)
        )
        found: dict[StepKey, float] = {}
        for step in self.steps:
            if step > network.steps:
                network, _ = network.train(split.x, split.y, trained[network.steps : step])
            batches = self._batches(condition, side_stream(rng, MEASURED + step), split)
            for kind in self.statistics:
                own = normalized_by(network, kind, split.x, int(condition["batch_size"]))
                values = self._measured(network, own, split, *batches)
                found |= {StepKey(step, kind, measure): value for measure, value in values.items()}
        return found

    def _batches(self, condition: Condition, rng: Generator, split: Split) -> tuple[IntArray, IntArray]:
        """Return independent batches, and batches in the order of training.

        Batches of one epoch have no row in common, so that their gradients are not independent. The mean loss over
        whole epochs varies less than that of independent batches.
        """
        draw, n = condition["batching"].rows, int(condition["batch_size"])
        independent = np.concatenate([draw(rng, split.y, n, 1) for _ in range(self.batches)])
        return independent, draw(rng, split.y, n, self.batches) if self._takes_offset else independent

    @property
    def _takes_offset(self) -> bool:
        return bool({OFFSET, OFFSET_RATIO} & set(self.measures))

    def _measured(
        self, network: Network, own: Network, split: Split, independent: IntArray, epochs: IntArray
    ) -> dict[str, float]:
        """Return the measures of one network; `own` has the statistics that the batches are normalized by."""
        x, y = split.x, split.y
        everything = np.arange(len(y))[np.newaxis]
        (whole,), (descent,) = network.gradients(x, y, everything)
        if isinstance(own.recipe.normalizer, OtherBatch):
            independent = np.hstack([independent, np.repeat(everything, len(independent), axis=0)])
        _, gradients = own.gradients(x, y, independent)
        mean = gradients.mean(axis=0, dtype=np.float64)
        found = {}
        if {COSINE, NOISE, VARIANCE} & set(self.measures):
            squared = squared_length_of_mean(gradients, mean)
            found[COSINE] = _cosine(mean, descent, squared)
            variance = float(np.square(gradients, dtype=np.float64).sum(axis=1).mean() - squared)
            found[NOISE], found[VARIANCE] = variance / squared, variance / np.square(descent, dtype=np.float64).sum()
        if BIAS in self.measures:
            away = gradients - descent
            squared = squared_length_of_mean(away, away.mean(axis=0, dtype=np.float64))
            found[BIAS] = math.sqrt(max(squared, 0.0) / np.square(descent, dtype=np.float64).sum())
        if FIRST_LAYER in self.measures:
            first = own.weights[0].size
            squared = squared_length_of_mean(gradients[:, :first], mean[:first])
            found[FIRST_LAYER] = _cosine(mean[:first], descent[:first], squared)
        if DOWNHILL in self.measures:
            lowered = [self._loss_after(network, x, y, gradient) < whole for gradient in gradients[:STEPS_TRIED]]
            found[DOWNHILL] = float(np.mean(lowered))
        if self._takes_offset:
            found[OFFSET] = mean_loss(own, x, y, epochs) - whole
        if OFFSET_RATIO in self.measures:
            found[OFFSET_RATIO] = found[OFFSET] / loss_offset(own, x, y, epochs.shape[1])
        return {measure: found[measure] for measure in self.measures}

    def _loss_after(self, network: Network, x: Float32Array, y: IntArray, gradient: Float32Array) -> float:
        """Return the loss of all rows after a step of the given length against a gradient."""
        step = self.step_length * gradient / np.linalg.norm(gradient)
        moved = replace(network, parameters=network.parameters - step.astype(np.float32))
        return mean_loss(moved, x, y, np.arange(len(y))[np.newaxis])

    def value_range(self, condition: Condition, key: StepKey) -> float:
        return 1.0 if key.measure == DOWNHILL else math.inf

    def precision_required(self, condition: Condition, key: StepKey, summary: str) -> bool:
        return key.measure in (COSINE, FIRST_LAYER, DOWNHILL)

    def check(self) -> None:
        """Raise ValueError for batches that cannot be drawn or normalized; all splits have equal class sizes."""
        split = self.dataset.split(np.random.default_rng(0))
        for condition in self.conditions():
            recipe, trained = condition["recipe"], self.trained_size(condition)
            for rule, n in ((condition["batching"], condition["batch_size"]), (self.trained_with, trained)):
                recipe.check(n)
                rule.check(split.y, n)
            recipe.check(split.y.size)
            if POPULATION_GRADIENT in self.statistics:
                self._check_population_gradient(recipe)
            if OFFSET_RATIO in self.measures:
                self._check_offset(recipe, int(condition["batch_size"]), split.y.size)
            recipe.check_training(self.dataset.inputs, self.dataset.classes, self.draws_per_replicate(condition))

    def _check_population_gradient(self, recipe: Recipe) -> None:
        if self._takes_offset or (recipe.normalizer.uses_batch and type(recipe.normalizer) is not Batch):
            raise ValueError(
                f"statistics={POPULATION_GRADIENT!r} takes batch normalization and no loss offset; leave out others."
            )

    def _check_offset(self, recipe: Recipe, batch_size: int, rows: int) -> None:
        if type(recipe.normalizer) is not Batch or self.statistics != (BATCH,):
            raise ValueError(
                "loss_offset_ratio takes batch normalization by each batch's statistics; leave it out of measures, or "
                "leave out normalizers and statistics."
            )
        if batch_size == rows:
            raise ValueError(f"loss_offset_ratio takes batches of fewer than all {rows} rows; got {batch_size}.")


def squared_length_of_mean(gradients: Float32Array, mean: FloatArray) -> float:
    """Return an unbiased estimate of the squared length of the expected gradient, from K independent gradients.

    The estimate is (|sum g|² - sum |g|²) / (K (K - 1)); |mean|² alone is too large by the variance of the mean.

    >>> gradients = np.random.default_rng(0).normal(size=(1000, 100)).astype(np.float32)
    >>> mean = gradients.mean(axis=0, dtype=float)
    >>> round(float(mean @ mean), 2), round(abs(squared_length_of_mean(gradients, mean)), 2)
    (0.1, 0.0)
    """
    count = len(gradients)
    squares = float(np.square(gradients, dtype=np.float64).sum())
    return float((count**2 * (mean @ mean) - squares) / (count * (count - 1)))


def _cosine(mean: FloatArray, descent: Float32Array, squared: float) -> float:
    """Return the cosine of the expected step and a descent; nan if the expected step is too short to be seen.

    An estimate may exceed 1: a cut at 1 would make the mean over networks too small.
    """
    length = math.sqrt(squared) if squared > 0 else math.nan
    return float(mean @ descent) / (length * float(np.linalg.norm(descent.astype(np.float64))))


def mean_loss(network: Network, x: Float32Array, y: IntArray, batches: IntArray) -> float:
    """Return the mean loss of batches in training mode, in nats."""
    logits = network.logits_in_batches(x, batches)
    return scores(logits.reshape(batches.size, -1), y[batches.ravel()])["nll"]


def normalized_by(network: Network, kind: str, x: Float32Array, batch_size: int) -> Network:
    """Return the network that normalizes each batch by its own statistics, or by those of all rows.

    The statistics of all rows are constants, or the gradient passes through them: then batches end with all rows.
    """
    if kind == BATCH or not network.recipe.normalizer.uses_batch:
        return network
    if kind == POPULATION:
        recipe = replace(network.recipe, normalizer=Frozen(after=0))
        return replace(network, recipe=recipe, running=population(network, x))
    return replace(network, recipe=replace(network.recipe, normalizer=OtherBatch(batch_size, len(x))))

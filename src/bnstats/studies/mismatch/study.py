"""Networks under each condition of training, tested under each condition of testing with each kind of statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, product
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import Generator

from bnstats._arrays import FloatArray
from bnstats._user_code import ReadOnlyError
from bnstats.datasets.dataset import Dataset
from bnstats.datasets.row_batching import RowBatching
from bnstats.datasets.shifts import Shift
from bnstats.networks.normalizers.registry import NORMALIZERS
from bnstats.networks.recipe import Recipe
from bnstats.simulation.streams import side_stream
from bnstats.simulation.study import Cell, Study
from bnstats.studies.mismatch.evaluation import PARTS, TESTING, Condition, Kind, Trained

CELL_COLUMNS = ("dataset", "normalizer", "batching", "batch_size", "hidden", "momentum", "learning_rate")


class MismatchKey(NamedTuple):
    """What a replicate is: a score of one network under one condition of testing, by one kind of statistics."""

    shift: str
    test_batching: str
    test_batch_size: int
    statistics: str
    metric: str


@dataclass(frozen=True)
class MismatchStudy(Study):
    """Networks, each trained once and tested with all kinds of statistics. See `measure_mismatch`."""

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

    def cells(self) -> list[dict[str, Any]]:
        return [
            {"recipe": recipe, "batching": batching, "batch_size": n}
            for recipe, batching, n in product(self.recipes, self.batchings, self.batch_sizes)
        ]

    def columns(self, cell: Cell) -> dict[str, Any]:
        recipe = cell["recipe"]
        normalizer = recipe.normalizer
        values = (
            self.dataset.name,
            normalizer.name if normalizer in NORMALIZERS.values() else repr(normalizer),
            cell["batching"],
            cell["batch_size"],
            recipe.hidden,
            recipe.convention.momentum,
            recipe.learning_rate,
        )
        return dict(zip(CELL_COLUMNS, values, strict=True))

    def stream_of(self, cell: Cell) -> Cell:
        return {"networks": "of all conditions"} if self.common_random_numbers else cell

    def size(self, cell: Cell) -> int:
        return 4

    def draws(self, cell: Cell) -> int:
        return self.steps_of(cell) * int(cell["batch_size"])

    def steps_of(self, cell: Cell) -> int:
        """Steps of training."""
        return self.steps if self.steps is not None else (self.rows or 0) // int(cell["batch_size"])

    def conditions(self, cell: Cell) -> list[Condition]:
        """How the networks of a cell are tested."""
        batchings, sizes = self.test_batchings or (cell["batching"],), self.test_batch_sizes or (cell["batch_size"],)
        return [Condition(*condition) for condition in product(self.shifts, batchings, sizes)]

    def simulate(self, cell: Cell, rng: Generator, size: int) -> dict[MismatchKey, FloatArray]:
        found = [self._network(cell, side_stream(rng, number)) for number in range(size)]
        return {key: np.array([scores[key] for scores in found]) for key in found[0]}

    @np.errstate(all="ignore")  # what diverges is counted
    def _network(self, cell: Cell, rng: Generator) -> dict[MismatchKey, float]:
        trained = Trained.of(
            cell["recipe"], self.dataset, cell["batching"], cell["batch_size"], self.steps_of(cell), rng
        )
        return {
            MismatchKey(*condition.key, *key): value
            for condition in self.conditions(cell)
            # The same draws for each condition: what differs between them is the condition.
            for key, value in condition.test(trained, self.statistics, side_stream(rng, TESTING)).items()
        }

    def wanted(self, cell: Cell, key: MismatchKey, summary: str) -> bool:
        return key.metric == "accuracy" and key.statistics not in PARTS

    def span(self, cell: Cell, key: MismatchKey) -> float:
        """Shares differ by at most 1; kinds of statistics are the same where rows do not depend on their batch."""
        part, same = key.statistics in PARTS, not cell["recipe"].normalizer.uses_batch
        if (part and same) or (key.metric == "flips" and (same or key.statistics == "population")):
            return 0.0
        if key.metric == "nll":
            return math.inf
        return 2.0 if part else 1.0

    def always_equal(self, cell: Cell, key: MismatchKey, other: MismatchKey) -> bool:
        """Kinds of statistics are the same where rows do not depend on their batch."""
        kinds = not {key.statistics, other.statistics} & set(PARTS)
        alike = key._replace(statistics="") == other._replace(statistics="")
        return kinds and alike and not cell["recipe"].normalizer.uses_batch

    def check(self) -> None:
        """Refuse batches that cannot be drawn or normalised; how many rows a class has is the same in every split."""
        split = self.dataset.split(np.random.default_rng(0))
        for cell in self.cells():
            recipe, n = cell["recipe"], cell["batch_size"]
            recipe.check(n)
            recipe.check_training(self.dataset.inputs, self.dataset.classes, self.draws(cell))
            cell["batching"].check(split.y, n)
            for condition in self.conditions(cell):
                with _about_testing():
                    recipe.check(condition.batch_size)
        for condition in dict.fromkeys(chain.from_iterable(map(self.conditions, self.cells()))):
            with _about_testing():
                condition.check(split)


@contextmanager
def _about_testing() -> Iterator[None]:
    try:
        yield
    except ReadOnlyError:
        raise
    except ValueError as error:
        raise ValueError(f"give other test_batch_sizes or test_batching: {error}") from None

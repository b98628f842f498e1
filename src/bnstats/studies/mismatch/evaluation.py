"""Evaluation of a trained network with each kind of statistics on the same test rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator

from bnstats._checks.array_types import Float32Array, IntArray
from bnstats._checks.values import named
from bnstats.datasets.dataset import Dataset, Split
from bnstats.datasets.row_batching import RowBatching
from bnstats.datasets.shifts import Shift
from bnstats.networks.adaptation import Adaptation
from bnstats.networks.adaptations import ADAPTATIONS
from bnstats.networks.layer_statistics import Statistics
from bnstats.networks.network import Network
from bnstats.networks.recalibration import RECALIBRATIONS
from bnstats.networks.recipe import Recipe
from bnstats.networks.scores import scores
from bnstats.simulation.identity import side_stream

Kind = str | Adaptation

# Precise statistics pool an epoch of batches, and at least this many batches.
PRECISE_BATCHES = 100

# Random streams of a network, one for each purpose, so that draws for a purpose do not change draws for another one:
# networks with the same rows get the same batches, whatever the number of their layers.
SPLIT, WEIGHTS, BATCHES, POOLED, TESTING = range(5)

# If any favored class leaves too few rows of another class, at least half of the favored classes do: so many draws miss
# this with probability 2^-32 at most.
FAVORED_CLASSES_TRIED = 32

PARTS = {
    "batch - running": ("batch", "running"),
    "batch - population": ("batch", "population"),
    "population - precise": ("population", "precise"),
    "precise - running": ("precise", "running"),
}
"""The gap, and its three parts: batch noise, composition of layers, lag and noise of the average."""

NO_SHIFT = "none"
GAP_METRICS = ("accuracy", "nll")


@dataclass(frozen=True, eq=False)
class Trained:
    """Trained network with its rows, and batches of the training size for statistics at its final weights."""

    network: Network
    split: Split
    batches: IntArray
    _known: dict[str, Statistics] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(
        recipe: Recipe, dataset: Dataset, batching: RowBatching, batch_size: int, steps: int, rng: Generator
    ) -> Trained:
        """Train a network, with its own split, initial weights and batches."""
        split = dataset.split(side_stream(rng, SPLIT))
        start = Network.initial(recipe, dataset.inputs, dataset.classes, side_stream(rng, WEIGHTS))
        batches = batching.rows(side_stream(rng, BATCHES), split.y, batch_size, steps)
        network, _ = start.train(split.x, split.y, batches)
        pooled = max(PRECISE_BATCHES, split.y.size // batch_size)
        return Trained(network, split, batching.rows(side_stream(rng, POOLED), split.y, batch_size, pooled))

    def statistics(self, kind: str) -> Statistics:
        """Return the statistics of a kind that does not depend on the test rows, computed once."""
        if kind not in self._known:
            self._known[kind] = RECALIBRATIONS[kind](self.network, self.split.x, self.batches)
        return self._known[kind]

    def logits(self, kind: Kind, x: Float32Array, batches: IntArray) -> Float32Array:
        """Return logits of the test rows in `batches`, shape (batches, batch size, classes)."""
        if isinstance(kind, Adaptation):
            return kind.logits(self.network, self.network.running, x, batches)
        if kind == "batch":
            return self.network.logits_in_batches(x, batches)
        return self.network.logits(x, self.statistics(kind))[batches]


@dataclass(frozen=True)
class Evaluation:
    """Condition of testing: the shift of the rows, and the rule and size of batches."""

    shift: Shift | None
    batching: RowBatching
    batch_size: int

    @property
    def key(self) -> tuple[str, str, int]:
        """Names of shift and batching rule in the table, and the batch size."""
        return self.shift.name if self.shift else NO_SHIFT, repr(self.batching), self.batch_size

    def draw(self, split: Split, rng: Generator) -> tuple[Float32Array, IntArray, IntArray]:
        """Return test rows, classes, and about as many row numbers in batches, the same for all shifts."""
        x, y = split.x_test, split.y_test
        shifting, batching = rng.spawn(2)
        if self.shift is not None:
            x, y = self.shift.apply(shifting, x, y)
        return x, y, self.batching.rows(batching, y, self.batch_size, max(1, y.size // self.batch_size))

    def check(self, split: Split) -> None:
        """Raise ValueError if batches cannot be drawn from the test rows, for any class that a shift favors."""
        changing = self.shift is not None and self.shift.changes_classes
        for seed in range(FAVORED_CLASSES_TRIED if changing else 1):
            self.draw(split, np.random.default_rng(seed))

    def test(self, trained: Trained, kinds: Sequence[Kind], rng: Generator) -> dict[tuple[str, str], float]:
        """Return scores of each kind of statistics, and parts of the gap, by (statistics, metric).

        A network whose logits are not finite counts as guessing at random.
        """
        x, y, batches = self.draw(trained.split, rng)
        tested = {kind: trained.logits(kind, x, batches).reshape(batches.size, -1) for kind in {*kinds, "population"}}
        reference = tested["population"].argmax(axis=1)
        found: dict[tuple[str, str], float] = {}
        for kind in kinds:
            logits = tested[kind]
            result = scores(logits, y[batches.ravel()], reference)
            diverged = trained.network.diverged or np.isnan(result["nll"])
            if diverged:
                classes = logits.shape[1]
                result = {"accuracy": 1 / classes, "nll": np.log(classes), "ece": 0.0, "disagreement": 0.0}
            name = name_of(kind)
            found |= {(name, metric): value for metric, value in result.items()} | {(name, "diverged"): float(diverged)}
        for part, (first, second) in PARTS.items():
            for metric in GAP_METRICS:
                if {(first, metric), (second, metric)} <= found.keys():
                    found[part, metric] = found[first, metric] - found[second, metric]
        return found


def name_of(kind: Kind) -> str:
    """Return the name of a kind of statistics in the table."""
    return kind if isinstance(kind, str) else kind.name


def kind_of(source: Any) -> Kind:
    """Return a kind of statistics, from its name or an `Adaptation`; raise ValueError for an unknown name."""
    kinds: dict[str, Kind] = {kind: kind for kind in ("batch", *RECALIBRATIONS)} | ADAPTATIONS
    if isinstance(source, Adaptation):
        return source
    return named("kind of statistics", source, kinds, "an adaptation such as bn.adaptation.Mixed(pseudo=16)")

"""One trained network, evaluated with each kind of statistics on the same test rows, and what sets the kinds apart."""

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
from bnstats.networks.adaptation import ADAPTATIONS, Adaptation
from bnstats.networks.layer_statistics import Statistics
from bnstats.networks.network import Network
from bnstats.networks.recalibration import RECALIBRATIONS
from bnstats.networks.recipe import Recipe
from bnstats.networks.scores import scores
from bnstats.simulation.streams import side_stream

Kind = str | Adaptation

# Precise statistics pool one epoch of batches, and at least so many.
PRECISE_BATCHES = 100

# Streams of a network's own, so that no draw for one purpose moves those for another: networks that begin with the same
# rows get the same batches, whatever the number of their layers.
SPLIT, WEIGHTS, BATCHES, POOLED, TESTING = range(5)

# If a favored class can leave too few rows of another one, at least half of them do: missed with a chance of 2^-32.
FAVORED_CLASSES_TRIED = 32

PARTS = {
    "batch - running": ("batch", "running"),
    "batch - population": ("batch", "population"),
    "population - precise": ("population", "precise"),
    "precise - running": ("precise", "running"),
}
"""The gap, and its three parts that add up to it: batch noise, composition of layers, lag and noise of the average."""

NO_SHIFT = "none"
GAP_METRICS = ("accuracy", "nll")


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network with its rows, and batches of the training size at its final weights."""

    network: Network
    split: Split
    batches: IntArray
    _known: dict[str, Statistics] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(
        recipe: Recipe, dataset: Dataset, batching: RowBatching, batch_size: int, steps: int, rng: Generator
    ) -> Trained:
        """Train one network, with its own split, initial weights and batches."""
        split = dataset.split(side_stream(rng, SPLIT))
        start = Network.initial(recipe, dataset.inputs, dataset.classes, side_stream(rng, WEIGHTS))
        batches = batching.rows(side_stream(rng, BATCHES), split.y, batch_size, steps)
        network, _ = start.train(split.x, split.y, batches)
        pooled = max(PRECISE_BATCHES, split.y.size // batch_size)
        return Trained(network, split, batching.rows(side_stream(rng, POOLED), split.y, batch_size, pooled))

    def statistics(self, kind: str) -> Statistics:
        """Those of a kind that does not depend on what is tested; computed once."""
        if kind not in self._known:
            self._known[kind] = RECALIBRATIONS[kind](self.network, self.split.x, self.batches)
        return self._known[kind]

    def logits(self, kind: Kind, x: Float32Array, batches: IntArray) -> Float32Array:
        """Logits of the test rows in `batches`, shape (batches, batch size, classes)."""
        if isinstance(kind, Adaptation):
            return kind.logits(self.network, self.network.running, x, batches)
        if kind == "batch":
            return self.network.logits_in_batches(x, batches)
        return self.network.logits(x, self.statistics(kind))[batches]


@dataclass(frozen=True)
class Evaluation:
    """How networks are tested: on rows with this shift, in batches drawn so."""

    shift: Shift | None
    batching: RowBatching
    batch_size: int

    @property
    def key(self) -> tuple[str, str, int]:
        """Its names in the table."""
        return self.shift.name if self.shift else NO_SHIFT, repr(self.batching), self.batch_size

    def draw(self, split: Split, rng: Generator) -> tuple[Float32Array, IntArray, IntArray]:
        """Test rows, the class of each, and about as many of them in batches; the same batches whatever the shift."""
        x, y = split.x_test, split.y_test
        shifting, batching = rng.spawn(2)
        if self.shift is not None:
            x, y = self.shift.apply(shifting, x, y)
        return x, y, self.batching.rows(batching, y, self.batch_size, max(1, y.size // self.batch_size))

    def check(self, split: Split) -> None:
        """Raise ValueError if such batches cannot be drawn of these test rows, whichever class a shift favors."""
        several = self.shift is not None and self.shift.changes_classes
        for seed in range(FAVORED_CLASSES_TRIED if several else 1):
            self.draw(split, np.random.default_rng(seed))

    def test(self, trained: Trained, kinds: Sequence[Kind], rng: Generator) -> dict[tuple[str, str], float]:
        """The scores of each kind of statistics, and the parts of the gap; keys (statistics, metric).

        A network whose logits are not finite counts as one that guesses at random.
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
        for part, (one, other) in PARTS.items():
            for metric in GAP_METRICS:
                if {(one, metric), (other, metric)} <= found.keys():
                    found[part, metric] = found[one, metric] - found[other, metric]
        return found


def name_of(kind: Kind) -> str:
    """How a kind of statistics stands in the table."""
    return kind if isinstance(kind, str) else kind.name


def kind_of(source: Any) -> Kind:
    """A kind of statistics, from its name or an `Adaptation`; ValueError if there is none."""
    kinds: dict[str, Kind] = {kind: kind for kind in ("batch", *RECALIBRATIONS)} | ADAPTATIONS
    if isinstance(source, Adaptation):
        return source
    return named("kind of statistics", source, kinds, "an adaptation such as bn.adaptation.Mixed(pseudo=16)")

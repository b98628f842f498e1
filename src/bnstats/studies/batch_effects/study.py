"""A study of batch effects: what a replicate of affected rows is, and what is measured on it once it is corrected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bnstats._arrays import FloatArray
from bnstats.corrections import Correction
from bnstats.sampling.effects import Distinct, Effect, Mixture, Trend
from bnstats.simulation.study import Cell, Study
from bnstats.studies.batch_effects.downstream_model import accuracies, corrected
from bnstats.studies.batch_effects.exact import contrast_lost, mean_square_error
from bnstats.studies.batch_effects.simulated_rows import AffectedRows, effect_of, score
from bnstats.studies.batch_effects.winners import CONDITIONS

# Values in a block of replicates, and replicates at the most.
BLOCK, REPLICATES = 2**17, 16


@dataclass(frozen=True)
class CorrectionStudy(Study):
    """The same affected rows, corrected in several ways. See `measure_correction`."""

    key_columns: ClassVar[tuple[str, ...]] = ("correction", "measure")
    grid: ClassVar[tuple[str, ...]] = CONDITIONS

    effect: tuple[Effect, ...]
    effect_size: tuple[float, ...]
    smoothness: tuple[float, ...]
    batch_size: tuple[int, ...]
    labels: tuple[str, ...]
    design: tuple[str, ...]
    corrections: tuple[Correction, ...]
    batches: int
    new_batches: int
    refit: bool
    features: int
    noise: float
    ticks: int
    measures: tuple[str, ...]

    def cells(self) -> list[dict[str, Any]]:
        cells = [
            dict(zip(CONDITIONS, given, strict=True)) for given in product(*(getattr(self, c) for c in CONDITIONS))
        ]
        for cell in cells:
            if isinstance(cell["effect"], Distinct | Mixture):
                cell["smoothness"] = getattr(cell["effect"], "smoothness", 0.0)
        return cells

    def size(self, cell: Cell) -> int:
        return int(np.clip(BLOCK // self.draws(cell), 4, REPLICATES))

    def draws(self, cell: Cell) -> int:
        return self.features * (self.batches + self.new_batches) * int(cell["batch_size"])

    def simulate(self, cell: Cell, rng: Generator, size: int) -> dict[tuple[str, str], FloatArray]:
        rows = AffectedRows.draw(rng, cell, size, self.batches, self.new_batches, self.features, self.noise)
        used = bool({"accuracy", "training_accuracy"} & set(self.measures))
        further = self.new_batches if used else 0
        measured = {}
        for correction in self.corrections:
            seen = rows.seen[:, :, : self.batches + further]
            done = corrected(correction, seen, further, self.ticks, refit=self.refit)
            for measure, replicates in self._measured(done, rows).items():
                measured[correction.name, measure] = replicates
        return measured

    def _measured(self, done: FloatArray, rows: AffectedRows) -> dict[str, FloatArray]:
        label, first = rows.label, slice(self.batches)
        fitted = label[:, : self.batches * done.shape[-1]]
        error = done[:, :, first] - rows.clean[:, :, first]
        error -= error.mean(axis=(2, 3), keepdims=True)
        measured = {"rmse": (error**2).mean(axis=(1, 2, 3)), "bias": contrast(score(error), fitted)}
        if "correlation" in self.measures:
            measured["correlation"] = correlation(score(done[:, :, first]), score(rows.truth[:, :, first]))
        if done.shape[2] > self.batches:
            new, training = accuracies(done, label, self.new_batches)
            measured |= {"accuracy": new, "training_accuracy": training}
        return {measure: measured[measure] for measure in self.measures}

    def exact(self, cell: Cell, key: Any, measure: str) -> float:
        """Of the column rmse, that of its square: what a replicate is."""
        correction, nuisance = next(c for c in self.corrections if c.name == key[0]), cell["labels"] == "relative"
        at = {"batches": self.batches, "n": int(cell["batch_size"]), "ticks": self.ticks}
        balanced, effect = cell["design"] == "balanced", effect_of(cell)
        if not balanced and correction.name != "none":
            return math.nan
        if key[1] == "rmse":
            return mean_square_error(correction, effect, cell["effect_size"], remove=nuisance, **at)
        if key[1] != "bias" or effect.scales or (nuisance and not balanced):
            return math.nan
        if correction.name == "none":
            return 0.0
        # E(score | label 1) - E(score | label 0) = 2 E|Z|, at the standard deviation of the signal
        difference = 2 * math.sqrt(2 / math.pi * (1 - self.noise))
        return -difference * contrast_lost(correction, **at) if nuisance else math.nan

    def wanted(self, cell: Cell, key: Any, measure: str) -> bool:
        # A bias may be 0; what is left of a signal as it is, and of a trend as it is, does not vary.
        fixed = key[0] == "none" and key[1] == "rmse" and Mixture(Trend(), 1.0) == effect_of(cell)
        return key[1] != "bias" and not fixed and self.exact(cell, key, measure) != 0


def correlation(a: FloatArray, b: FloatArray) -> FloatArray:
    """Pearson's, along the last axis; 0 where one of them is constant."""
    a, b = (x - x.mean(axis=-1, keepdims=True) for x in (a, b))
    scale = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    return np.asarray(np.divide((a * b).sum(axis=-1), scale, out=np.zeros_like(scale), where=scale > 0))


def contrast(x: FloatArray, label: NDArray[np.bool_]) -> FloatArray:
    """Mean of the rows of label 1 less that of the others, along the last axis; 0 where a label is missing."""
    ones, rows = label.sum(axis=-1), label.shape[-1]
    both = (ones > 0) & (ones < rows)
    ones = np.where(both, ones, 1)
    sums = (x * label).sum(axis=-1) / ones, (x * ~label).sum(axis=-1) / np.where(both, rows - ones, 1)
    return np.where(both, sums[0] - sums[1], 0.0)

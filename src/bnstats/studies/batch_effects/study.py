"""The study behind `measure_correction`: rows with a batch effect, and measures of the corrected rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats.corrections import CORRECTIONS, Correction
from bnstats.sampling.effects import Distinct, Effect, Mixture, Sinusoid, Trend, stretches
from bnstats.simulation.study import Condition, Study
from bnstats.studies.batch_effects.downstream_model import accuracies, corrected, corrected_with_labels
from bnstats.studies.batch_effects.exact import contrast_lost, mean_square_error
from bnstats.studies.batch_effects.simulated_rows import AffectedRows, effect_of, score

CONDITIONS = ("effect", "effect_size", "smoothness", "batch_size", "labels", "design")
# About how many values a block has, and the largest number of its replicates.
VALUES_PER_BLOCK, REPLICATES_PER_BLOCK = 2**17, 16


class CorrectionKey(NamedTuple):
    """Correction and measure of a replicate; for rmse, the replicate is the mean squared error."""

    correction: str
    measure: str


@dataclass(frozen=True)
class CorrectionStudy(Study):
    """Study of the same rows under several corrections. See `measure_correction`."""

    summaries: ClassVar[tuple[str, ...]] = ("mean", "root_mean")
    key_columns: ClassVar[tuple[str, ...]] = CorrectionKey._fields
    grid: ClassVar[tuple[str, ...]] = CONDITIONS

    effect: tuple[Effect, ...]
    effect_size: tuple[float, ...]
    smoothness: tuple[float, ...]
    batch_size: tuple[int, ...]
    labels: tuple[str, ...]
    design: tuple[str | float, ...]
    corrections: tuple[Correction, ...]
    batches: int
    new_batches: int
    refit: bool
    features: int
    noise: float
    ticks: int
    measures: tuple[str, ...]
    keep: tuple[bool, ...] = (False,)

    def variants(self) -> dict[str, tuple[Correction, bool]]:
        """Return the corrections by their names in the table, and whether a correction keeps the label."""
        pairs = [(c, kept and c != CORRECTIONS["none"]) for c in self.corrections for kept in self.keep]
        return {f"{c.name}, label kept" if kept else c.name: (c, kept) for c, kept in pairs}

    def conditions(self) -> list[dict[str, Any]]:
        conditions = [
            dict(zip(CONDITIONS, given, strict=True)) for given in product(*(getattr(self, c) for c in CONDITIONS))
        ]
        for condition in conditions:
            if isinstance(condition["effect"], Distinct | Mixture):
                condition["smoothness"] = getattr(condition["effect"], "smoothness", 0.0)
        return conditions

    def size(self, condition: Condition) -> int:
        return int(np.clip(VALUES_PER_BLOCK // self.draws_per_replicate(condition), 4, REPLICATES_PER_BLOCK))

    def draws_per_replicate(self, condition: Condition) -> int:
        return self.features * (self.batches + self.new_batches) * int(condition["batch_size"])

    def simulate(self, condition: Condition, rng: Generator, size: int) -> dict[CorrectionKey, FloatArray]:
        rows = AffectedRows.draw(rng, condition, size, self.batches, self.new_batches, self.features, self.noise)
        used = bool({"accuracy", "training_accuracy"} & set(self.measures))
        n_new_batches = self.new_batches if used else 0
        measured = {}
        seen = rows.seen[:, :, : self.batches + n_new_batches]
        for name, (correction, kept) in self.variants().items():
            if kept:
                done = corrected_with_labels(correction, seen, rows.label[:, : self.batches * seen.shape[-1]])
            else:
                done = corrected(correction, seen, n_new_batches, self.ticks, refit=self.refit)
            for measure, replicates in self._measured(done, rows).items():
                measured[CorrectionKey(name, measure)] = replicates
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

    def summaries_of(self, condition: Condition, key: CorrectionKey) -> tuple[str, ...]:
        return ("root_mean",) if key.measure == "rmse" else ("mean",)

    def exact(self, condition: Condition, key: CorrectionKey, summary: str) -> float:
        (correction, kept), nuisance = self.variants()[key.correction], condition["labels"] == "nuisance"
        if kept:
            least_squares = correction == CORRECTIONS["center"] and not isinstance(condition["design"], str)
            return 0.0 if key.measure == "bias" and least_squares and nuisance else math.nan
        at = {"batches": self.batches, "n": int(condition["batch_size"]), "ticks": self.ticks}
        balanced, effect = condition["design"] == "balanced", effect_of(condition)
        if not balanced and correction != CORRECTIONS["none"]:
            return math.nan
        if key.measure == "rmse":
            return math.sqrt(mean_square_error(correction, effect, condition["effect_size"], remove=nuisance, **at))
        if key.measure != "bias" or stretches(effect) or (nuisance and not balanced):
            return math.nan
        if correction == CORRECTIONS["none"]:
            return 0.0
        # E(score | label 1) - E(score | label 0) = 2 E|Z| times the standard deviation of the signal
        difference = 2 * math.sqrt(2 / math.pi * (1 - self.noise))
        return -difference * contrast_lost(correction, **at) if nuisance else math.nan

    def value_range(self, condition: Condition, key: CorrectionKey) -> float:
        if self._left_as_it_is(condition, key):
            return 0.0
        return {"accuracy": 1.0, "training_accuracy": 1.0, "correlation": 2.0}.get(key.measure, math.inf)

    def _left_as_it_is(self, condition: Condition, key: CorrectionKey) -> bool:
        """Return True if uncorrected errors do not vary: all are 0 (the effect is signal), or of one size."""
        if self.variants()[key.correction][0] != CORRECTIONS["none"] or key.measure not in ("rmse", "bias"):
            return False
        return condition["labels"] == "signal" or (key.measure == "rmse" and self._of_one_size(condition))

    def _of_one_size(self, condition: Condition) -> bool:
        """Return True if all draws of the effect have the same mean square, as trends and whole periods do."""
        effect = effect_of(condition)
        if type(effect) is not Mixture or effect.smoothness != 1:
            return False
        if type(effect.smooth) is Sinusoid:
            return effect.smooth.periods % 1 == 0 and 2 * effect.smooth.periods < self.batches * condition["batch_size"]
        return type(effect.smooth) is Trend

    def precision_required(self, condition: Condition, key: CorrectionKey, summary: str) -> bool:
        return (  # the bias may be 0, where a relative error means nothing
            key.measure != "bias"
            and not self._left_as_it_is(condition, key)
            and self.exact(condition, key, summary) != 0
        )


def correlation(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return Pearson's correlation along the last axis; 0 if one of the two is constant."""
    a, b = (x - x.mean(axis=-1, keepdims=True) for x in (a, b))
    scale = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    return np.asarray(np.divide((a * b).sum(axis=-1), scale, out=np.zeros_like(scale), where=scale > 0))


def contrast(x: FloatArray, label: NDArray[np.bool_]) -> FloatArray:
    """Return the mean for label 1 less the mean for label 0, along the last axis; 0 if a label is missing."""
    ones, rows = label.sum(axis=-1), label.shape[-1]
    both = (ones > 0) & (ones < rows)
    ones = np.where(both, ones, 1)
    sums = (x * label).sum(axis=-1) / ones, (x * ~label).sum(axis=-1) / np.where(both, rows - ones, 1)
    return np.where(both, sums[0] - sums[1], 0.0)

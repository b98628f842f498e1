"""The scores of a set of rows with any choice of statistics: always the same rows, so that differences are paired."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from bnstats._checks.array_types import FloatArray, IntArray
from bnstats.audit.batches import count_rows, taken
from bnstats.audit.kinds import group_size
from bnstats.audit.layers import Statistics, to_numpy
from bnstats.audit.scores import CHANGED, DIVERGENCE, Estimate, Metric, Scorer, divergence, estimate, random_splits
from bnstats.audit.watch import Runner

SPLITS = 10
# Rows of a batch where its size does not matter, at most.
CHUNK = 256


class Bench:
    """Rows to be scored.

    Parameters
    ----------
    runner : Runner
    rows : batch
        All of them.
    batch_size : int
        Of training.
    scorer : Scorer or None
        None without labels: outputs are then compared with what training mode would give.
    frozen : names
        Layers that use their running statistics in training mode, too.
    seed : int
        Of the random splits into batches.
    """

    def __init__(
        self, runner: Runner, rows: Any, batch_size: int, scorer: Scorer | None, frozen: Collection[str], seed: int
    ) -> None:
        self._runner, self._rows, self._scorer = runner, rows, scorer
        self.count = count_rows(rows)
        own = any(layer.buffers is None for layer in runner.layers)
        self._chunk = batch_size if own else max(batch_size, min(CHUNK, group_size(rows, batch_size)))
        self._live = {layer.name for layer in runner.layers if layer.name not in frozen and layer.normalizes}
        self._splits = random_splits(self.count, batch_size, SPLITS, np.random.default_rng(seed))
        self._reference: FloatArray | None = None
        self.batch, self.split_variance = self._batch()

    def score(
        self,
        given: Mapping[str, Statistics] | None = None,
        eps: Mapping[str, float] | None = None,
        batch_statistics: Collection[str] = (),
    ) -> list[FloatArray]:
        """A value per row for each metric, in evaluation mode."""
        parts = np.array_split(np.arange(self.count), max(self.count // self._chunk, 1))
        return self._score(parts, given, eps, batch_statistics)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What the values per row are; the first decides what is material."""
        return (DIVERGENCE, CHANGED) if self._scorer is None else self._scorer.metrics

    def gain(self, new: list[FloatArray], old: list[FloatArray]) -> Estimate:
        """How much better the first metric is."""
        return estimate(self.metrics[0].sign * (new[0] - old[0]))

    def of(self, output: Any, batch: Any, rows: IntArray) -> list[FloatArray]:
        """A value for each of some rows, from the model's output for them."""
        if self._scorer is not None:
            return self._scorer.score(output, batch)
        assert self._reference is not None
        return divergence(_flat(output), self._reference[rows])

    def _score(self, parts: Any, given: Any, eps: Any, batch_statistics: Collection[str]) -> list[FloatArray]:
        batches = [taken(self._rows, part) for part in parts]
        outputs = self._runner.evaluate(batches, given, batch_statistics, eps)
        order = np.argsort(np.concatenate(parts))
        if self._scorer is None:
            output = np.concatenate([_flat(o) for o in outputs])[order]
            return divergence(output, output if self._reference is None else self._reference)
        scored = [self._scorer.score(o, b) for o, b in zip(outputs, batches, strict=True)]
        rows = [np.concatenate(metric)[order] for metric in zip(*scored, strict=True)]
        if any(len(metric) != self.count for metric in rows):
            raise ValueError(f"score gives a number per row; for {self.count} rows it gave {len(rows[0])}.")
        return rows

    def _batch(self) -> tuple[list[FloatArray], list[float]]:
        """Scores with batch statistics, means over random splits into batches, and the variance that splits leave."""
        if self._scorer is None:
            self._reference = np.mean([self._outputs(split) for split in self._splits], axis=0)
        scored = [self._score(split, None, None, self._live) for split in self._splits]
        metrics = [np.array(metric) for metric in zip(*scored, strict=True)]
        variances = [float(np.var(m.mean(axis=1), ddof=1)) / len(m) for m in metrics]
        return [metric.mean(axis=0) for metric in metrics], variances

    def _outputs(self, split: Any) -> FloatArray:
        outputs = self._runner.evaluate([taken(self._rows, part) for part in split], batch_statistics=self._live)
        return np.concatenate([_flat(o) for o in outputs])[np.argsort(np.concatenate(split))]


def _flat(output: Any) -> FloatArray:
    if not isinstance(output, Tensor) or not output.ndim:
        raise ValueError(
            f"without labels the model's output is a tensor, rows first; got {type(output).__name__}: give score=, or "
            "forward= that returns the tensor."
        )
    return to_numpy(output).reshape(len(output), -1)

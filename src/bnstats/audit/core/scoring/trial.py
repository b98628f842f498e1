"""Trials: statistics are set on the copy, as a user would, and scored on batches that they were not made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats._checks.safe_text import raised
from bnstats.audit.core.judging.findings import Estimate
from bnstats.audit.core.kinds import LayerStatistics, kept
from bnstats.audit.core.protocol import Model
from bnstats.audit.core.scoring.intervals import ratio
from bnstats.audit.core.scoring.scores import NONE, RowScores, Scorer

Scores = Mapping[str, list[RowScores]]
"""For each metric, the scores of every batch."""


@dataclass(frozen=True)
class Fold:
    """Batches that statistics are made from, and batches that they are scored on.

    Attributes
    ----------
    fit : tuple of int
        Indices of batches of the loader.
    scored : tuple of int
        Indices of batches that are scored.
    """

    fit: tuple[int, ...]
    scored: tuple[int, ...]


def halves(count: int) -> list[Fold]:
    """Return two folds: statistics of each half of the batches are scored on the other half."""
    even, odd = tuple(range(0, count, 2)), tuple(range(1, count, 2))
    return [Fold(even, odd), Fold(odd, even)]


@dataclass(eq=False)
class Trial:
    """Trial of one kind of statistics after another on the same batches.

    Attributes
    ----------
    model : Model
        Private copy.
    batches : sequence of batches
        Batches that are scored.
    folds : sequence of Fold
        Which statistics are scored on which batches.
    scorers : sequence of Scorer
        The first metric of the first one decides.
    """

    model: Model
    batches: Sequence[Any]
    folds: Sequence[Fold]
    scorers: Sequence[Scorer]

    def score(self, kinds: Sequence[LayerStatistics]) -> Scores:
        """Return scores in evaluation mode, given the statistics of each fold."""
        found: dict[int, Any] = {}
        for fold, kind in zip(self.folds, kinds, strict=True):
            with kept(self.model) as before:
                self.model.set({name: kind[name] for name in kind if name in before})
                for index in fold.scored:
                    found[index] = self._scored(index, evaluated(self.model.eval_pass, self.batches[index], index))
        return self._gathered(found)

    def score_outputs(self, outputs: Mapping[int, Any]) -> Scores:
        """Return scores of outputs that were made elsewhere; batches without one have no rows."""
        return self._gathered({index: self._scored(index, output) for index, output in outputs.items()})

    def _scored(self, index: int, output: Any) -> dict[str, RowScores]:
        return {name: rows for scorer in self.scorers for name, rows in scorer.score(index, output).items()}

    def _gathered(self, found: Mapping[int, dict[str, RowScores]]) -> Scores:
        held = sorted(index for fold in self.folds for index in fold.scored)
        metrics = dict.fromkeys(name for scores in found.values() for name in scores)
        return {name: [found.get(index, {}).get(name, NONE) for index in held] for name in metrics}


def evaluated(run: Callable[[Any], Any], batch: Any, index: int) -> Any:
    """Return an output, or say on which batch the model failed."""
    try:
        return run(batch)
    except Exception as error:  # the user's model may raise anything
        raise ValueError(f"the model raises {raised(error)} on batch {index + 1}.") from error


def mean(scores: Sequence[RowScores]) -> Estimate:
    """Return the mean of all finite scores."""
    return ratio(*_units(scores, scores, lambda new, _: new))


def gain(new: Sequence[RowScores], base: Sequence[RowScores]) -> Estimate:
    """Return the mean gain over the rows that both score."""
    return ratio(*_units(new, base, lambda a, b: a - b))


def _units(
    new: Sequence[RowScores], base: Sequence[RowScores], combine: Callable[[FloatArray, FloatArray], FloatArray]
) -> tuple[list[FloatArray], list[FloatArray]]:
    sums, weights = [], []
    for a, b in zip(new, base, strict=True):
        if len(a.sums) != len(b.sums):
            continue
        both = np.isfinite(a.sums) & np.isfinite(b.sums)
        sums.append(combine(a.sums[both], b.sums[both]))
        weights.append(a.weights[both])
    return sums, weights


def bad(scores: Sequence[RowScores]) -> int:
    """Return the number of rows whose score is not finite."""
    return sum(int(np.count_nonzero(~np.isfinite(rows.sums))) for rows in scores)


def count(scores: Sequence[RowScores]) -> int:
    """Return the number of rows that were scored."""
    return sum(round(float(rows.weights.sum())) if len(rows.sums) == 1 else len(rows.sums) for rows in scores)

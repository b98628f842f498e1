"""Gains in the limit of many rows: statistics from few rows cost something themselves, which may hide a gain."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from bnstats.audit.core import kinds
from bnstats.audit.core.recalibration import Precision
from bnstats.audit.core.result import Estimate
from bnstats.audit.core.scoring.intervals import with_error
from bnstats.audit.core.scoring.likelihood import RowScores
from bnstats.audit.core.scoring.trial import Fold, gain
from bnstats.audit.core.trees import chunks, rows_of

if TYPE_CHECKING:
    from bnstats.audit.core.judging.case import Case

QUADRATIC = 0.1
"""Displacement by noise up to which its cost grows with its square, in standard deviations of normalized values."""


def displacement(case: Case) -> float:
    """Return the displacement that chance leaves in the statistics of a fold; nan if a single batch is usable."""
    noise = Precision({layer.name: layer.eps for layer in case.layers})
    for k in case.usable:
        noise.add(case.still[k])
    fewest = min(len(case.fit_of(fold)) for fold in case.trial.folds)
    return math.sqrt(noise.noise() / fewest) if len(case.usable) > 1 and fewest else math.nan


def limit_gains(case: Case) -> dict[str, Estimate] | None:
    """Return the gain of each kind of statistics over the running ones if it were made from unlimited rows.

    Noise in statistics of N rows costs C / N. Those of either half cost C / N more on average, while terms that are
    linear in the noise cancel. That difference is added to the gain of each kind, row by row. Batch statistics have no
    limit, as they are what they are.

    Returns
    -------
    dict of str to Estimate or None
        Gains; None if a single batch is all that statistics are made from, and cannot be cut in two.
    """
    halves = [_halves(case, fold) for fold in case.trial.folds]
    if not all(halves):
        return None
    whole = case.scores("population")[case.metric]
    one, other = (_scored(case, [parts[side] for parts in halves]) for side in (0, 1))
    places = sorted((k, fold) for fold, held in enumerate(case.trial.folds) for k in held.held)
    shares = [_rows(halves[fold][0]) / sum(map(_rows, halves[fold])) for _, fold in places]
    cost = [_cost(*rows) for rows in zip(whole, one, other, shares, strict=True)]
    se = _se_of_statistics(one, other, [fold for _, fold in places], shares)
    running = case.scores("running")[case.metric]
    found = {}
    for kind in case.steps[1:]:
        rows = case.scores(kind)[case.metric]
        if kind == "batch":
            found[kind] = gain(rows, running)
        else:
            found[kind] = with_error(gain([_added(a, c) for a, c in zip(rows, cost, strict=True)], running), se)
    return found


def _se_of_statistics(one: list[RowScores], other: list[RowScores], folds: list[int], shares: list[float]) -> float:
    """Return the standard error of a gain by the noise of the statistics, which rows of the other half do not show.

    Linear in the noise, the scores of two halves with parts w and 1 - w of the rows differ by d, whose square is the
    variance of the score with all rows over w (1 - w).
    """
    total, variance = sum(rows.weights.sum() for rows in one), 0.0
    for fold in set(folds):
        here = [k for k, of in enumerate(folds) if of == fold]
        w, d = shares[here[0]], gain([one[k] for k in here], [other[k] for k in here]).value
        variance += (sum(one[k].weights.sum() for k in here) / total) ** 2 * w * (1 - w) * d**2
    return math.sqrt(variance)


def _scored(case: Case, parts: list[list[Any]]) -> list[RowScores]:
    return case.trial.score([kinds.population(case.model, part) for part in parts])[case.metric]


def _halves(case: Case, fold: Fold) -> list[list[Any]]:
    """Return two halves of what a fold makes statistics from; none if they cannot be told apart."""
    batches = [case.batches[k] for k in case.fit_of(fold)]
    if len(batches) > 1:
        return [batches[: len(batches) // 2], batches[len(batches) // 2 :]]
    return [[part] for part in chunks(batches[0], 2) or ()]


def _rows(batches: list[Any]) -> int:
    return sum(map(rows_of, batches))


def _cost(whole: RowScores, one: RowScores, other: RowScores, share: float) -> RowScores:
    if not len(whole.sums) == len(one.sums) == len(other.sums):
        return RowScores(np.zeros(0), np.zeros(0))
    return RowScores(whole.sums - share * one.sums - (1 - share) * other.sums, whole.weights)


def _added(rows: RowScores, cost: RowScores) -> RowScores:
    if len(rows.sums) != len(cost.sums):
        return RowScores(np.zeros(0), np.zeros(0))
    return RowScores(rows.sums + cost.sums, rows.weights)

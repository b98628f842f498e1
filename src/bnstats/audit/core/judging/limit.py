"""Gains in the limit of many rows: statistics from few rows cost something themselves, which may hide a gain."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from bnstats.audit.core import kinds
from bnstats.audit.core.judging.findings import Estimate
from bnstats.audit.core.kinds import LayerStatistics
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.audit.core.recalibration import Precision
from bnstats.audit.core.scoring.intervals import with_error
from bnstats.audit.core.scoring.scores import NONE, RowScores
from bnstats.audit.core.scoring.trial import Fold, gain
from bnstats.audit.core.trees import chunks, rows_of

if TYPE_CHECKING:
    from bnstats.audit.core.judging.context import AuditContext

PARTS = 4
"""Parts of what statistics are made from, which leave three contrasts."""

QUADRATIC = 0.1
"""Displacement by noise up to which its cost grows with its square, in standard deviations of normalized values."""


def displacement(context: AuditContext) -> float:
    """Return the displacement that chance leaves in the statistics of a fold; nan if a single batch is usable."""
    noise = Precision({layer.name: layer.eps for layer in context.layers})
    for k in context.usable:
        noise.add(context.still[k])
    fewest = min(len(context.fit_of(fold)) for fold in context.trial.folds)
    return math.sqrt(noise.noise() / fewest) if len(context.usable) > 1 and fewest else math.nan


def limit_gains(context: AuditContext) -> dict[str, Estimate] | None:
    """Return the gain of each kind of statistics over the running ones if it were made from unlimited rows.

    Statistics of parts of the rows show the noise of all of them: contrasts of the parts, scaled to have its variance.
    Statistics that are moved by a contrast, forth and back, lose on average what noise costs, which is added to the
    gain of each kind, row by row. The difference of both scores shows the error that noise leaves in a gain. Batch
    statistics have no limit, as they are what they are.

    Returns
    -------
    dict of str to Estimate or None
        Gains; None if a single batch is all that statistics are made from, and cannot be cut in two.
    """
    noises = [_noises(context, fold) for fold in context.trial.folds]
    if not all(noises):
        return None
    whole, running = context.scores("population")[context.metric], context.scores("running")[context.metric]
    number = min(map(len, noises))
    pairs = [[_moved(context, [noise[j] for noise in noises], sign) for sign in (1, -1)] for j in range(number)]
    sides = [rows for pair in pairs for rows in pair]
    cost = [
        _sum([(1.0, rows[0]), *((-1 / len(sides), side) for side in rows[1:])])
        for rows in zip(whole, *sides, strict=True)
    ]
    se = float(np.sqrt(np.maximum(np.mean([_variance(context, *pair) for pair in pairs]), 0)))
    found = {}
    for kind in context.steps[1:]:
        rows = context.scores(kind)[context.metric]
        if kind == "batch":
            found[kind] = gain(rows, running)
        else:
            limit = gain([_sum([(1.0, a), (1.0, c)]) for a, c in zip(rows, cost, strict=True)], running)
            found[kind] = with_error(limit, se, number * len(noises))
    return found


def _noises(context: AuditContext, fold: Fold) -> list[LayerStatistics]:
    """Return contrasts of the statistics of parts of a fold's rows, each with the variance of those of all rows.

    Parts with proportions w have statistics with a variance of 1 / w times that of all. Contrasts are orthogonal to
    each other and to the mean of the parts.
    """
    parts = _parts(context, fold)
    if not parts:
        return []
    rows = np.array([sum(map(rows_of, part)) for part in parts], dtype=float)
    root = np.sqrt(rows / rows.sum())
    basis = np.linalg.qr(np.column_stack([root, np.eye(len(parts))[:, 1:]]))[0]
    made = [kinds.population(context.model, part) for part in parts]
    return [
        {
            name: ChannelStatistics(
                *(sum(a * kind[name][k] for a, kind in zip(root * q, made, strict=True)) for k in (0, 1))
            )
            for name in made[0]
            if all(name in kind for kind in made)
        }
        for q in basis.T[1:]
    ]


def _parts(context: AuditContext, fold: Fold) -> list[list[Any]]:
    """Return parts of what a fold makes statistics from, every k-th batch; none if a single batch cannot be cut."""
    batches = [context.batches[k] for k in context.fit_of(fold)]
    if len(batches) > 1:
        count = min(PARTS, len(batches))
        return [batches[k::count] for k in range(count)]
    return [[part] for part in chunks(batches[0], 2) or ()]


def _moved(context: AuditContext, noise: list[LayerStatistics], sign: int) -> list[RowScores]:
    """Return scores of population statistics that noise has moved; variances keep at least a tenth."""
    moved: list[LayerStatistics] = [
        {
            name: ChannelStatistics(mean + sign * by[name].mean, np.maximum(var + sign * by[name].var, var / 10))
            for name, (mean, var) in kind.items()
            if name in by
        }
        for kind, by in zip(context.made("population"), noise, strict=True)
    ]
    return context.trial.score(moved)[context.metric]


def _variance(context: AuditContext, forth: list[RowScores], back: list[RowScores]) -> float:
    """Return the variance of a gain by the noise of the statistics, which the rows that are scored do not show.

    Scores differ by twice what the noise does. What the scored rows add to that is in their own error already, and is
    taken away; so the value can be below 0.
    """
    total, variance = sum(rows.weights.sum() for rows in forth), 0.0
    places = sorted((k, number) for number, fold in enumerate(context.trial.folds) for k in fold.scored)
    for fold in range(len(context.trial.folds)):
        here = [place for place, (_, of) in enumerate(places) if of == fold]
        d = gain([forth[k] for k in here], [back[k] for k in here])
        part = sum(forth[k].weights.sum() for k in here) / total
        variance += part**2 * (d.value**2 - d.se**2) / 4
    return float(variance)


def _sum(weighted: list[tuple[float, RowScores]]) -> RowScores:
    """Return a weighted sum of scores of the same rows; none where rows differ."""
    if len({len(rows.sums) for _, rows in weighted}) > 1:
        return NONE
    return RowScores(sum((factor * rows.sums for factor, rows in weighted), np.zeros(1)), weighted[0][1].weights)

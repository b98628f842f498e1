"""Which correction is the best under each condition, and by how much more than Monte Carlo error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from bnstats._arrays import FloatArray
from bnstats.simulation.evidence import Sample

CONDITIONS = ("effect", "effect_size", "smoothness", "batch_size", "labels", "design")
# Probability of a wrong claim that a correction is the best, over all conditions.
FALSE_CLAIM = 0.05
# Two names for one correction differ by at most this, where values have a standard deviation of 1.
ROUNDING = 1e-9


def winners(table: pd.DataFrame, samples: Sequence[Sample], measure: str) -> pd.DataFrame:
    """One row per condition: the best correction, the second, and the paired margin. See `Corrected.regions`."""
    rows = table[table["measure"] == measure]
    conditions = rows.groupby(list(CONDITIONS), sort=False)
    corrections = rows["correction"].nunique()
    if corrections == 1:
        raise ValueError("the best of one correction is that one: measure two or more.")
    # Any of them may look the best: where two are equal, there are two wrong claims.
    level = FALSE_CLAIM / (corrections * conditions.ngroups)
    found = []
    for condition, part in conditions:
        loss = -part["value"] if measure in ("accuracy", "training_accuracy", "correlation") else part["value"].abs()
        best, *rest = loss.sort_values(kind="stable").index
        margins = [_margin(samples[best], samples[other], measure) for other in rest]
        value = {"winner": part.loc[best, "correction"], "value": part.loc[best, "value"]}
        value |= {"runner_up": part.loc[rest[0], "correction"], "margin": loss[rest[0]] - loss[best]}
        clear = all(
            loss[i] - loss[best] > max(stats.t.isf(level, max(free, 1)) * error, ROUNDING)
            for i, (error, free) in zip(rest, margins, strict=True)
        )
        found.append(dict(zip(CONDITIONS, condition, strict=True)) | value | {"mcse": margins[0][0], "clear": clear})
    return pd.DataFrame(found)


def _margin(a: Sample, b: Sample, measure: str) -> tuple[float, int]:
    """Standard error of a paired difference over independent groups of blocks, and its degrees of freedom.

    One of them may have been settled with fewer replicates: its groups are then fewer, and the other's are joined.
    """
    groups = min(a.groups, b.groups)
    if groups < 2:
        return np.inf, 0
    difference = _values(a, groups, measure) - _values(b, groups, measure)
    return float(difference.std(ddof=1) / np.sqrt(groups)), groups - 1


def _values(sample: Sample, groups: int, measure: str) -> FloatArray:
    """The measure in each of so many groups."""
    n, total = (np.zeros(groups) for _ in range(2))
    at = np.arange(len(sample.moments)) % groups
    np.add.at(n, at, sample.moments[:, 0])
    np.add.at(total, at, sample.moments[:, 0] * sample.moments[:, 1])
    mean = total / n
    if measure == "rmse":
        return np.asarray(np.sqrt(mean))
    return np.asarray(mean * np.sign(total.sum()) if measure == "bias" else mean)

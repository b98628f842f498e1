"""The best correction of each condition, and its margin beside the margin's Monte Carlo error."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bnstats._checks.array_types import FloatArray
from bnstats.simulation.precision.paired_errors import Error, error_of_difference
from bnstats.simulation.result import Simulation

CONDITIONS = ("effect", "effect_size", "smoothness", "batch_size", "labels", "design")
# Family-wise error rate, over all conditions, of calling a correction the best that is not.
FALSE_CLAIM = 0.05
# Equal corrections with different names differ by at most this, for values of standard deviation 1.
ROUNDING = 1e-9


def best_corrections(simulation: Simulation, measure: str) -> pd.DataFrame:
    """Return the best and second best correction of each condition, see `Corrected.regions`."""
    rows = simulation.table[simulation.table["measure"] == measure]
    conditions = rows.groupby(list(CONDITIONS), sort=False)
    corrections = rows["correction"].nunique()
    if corrections == 1:
        raise ValueError("one correction has none to be compared with: measure two or more.")
    # Any correction may look the best; if two are equal, there are two wrong claims.
    level = FALSE_CLAIM / (corrections * conditions.ngroups)
    found = []
    for condition, part in conditions:
        loss = pd.Series(_loss(part["value"].to_numpy(float), measure), part.index)
        best, *rest = loss.sort_values(kind="stable").index
        margins = [_margin(simulation, best, other, measure) for other in rest]
        value = {"winner": part.loc[best, "correction"], "value": part.loc[best, "value"]}
        value |= {"runner_up": part.loc[rest[0], "correction"], "margin": loss[rest[0]] - loss[best]}
        clear = all(
            loss[i] - loss[best] > max(error.margin(level), ROUNDING) for i, error in zip(rest, margins, strict=True)
        )
        value |= {"mcse": margins[0].mcse, "mcse_df": margins[0].df, "clear": clear}
        found.append(dict(zip(CONDITIONS, condition, strict=True)) | value)
    return pd.DataFrame(found)


def _loss(values: FloatArray, measure: str) -> FloatArray:
    """Return the loss that the best correction minimizes."""
    return -values if measure in ("accuracy", "training_accuracy", "correlation") else np.abs(values)


def _margin(simulation: Simulation, best: int, other: int, measure: str) -> Error:
    """Return the error of the paired difference in loss between another correction and the best one."""
    return error_of_difference(simulation, best, other, lambda v: _loss(v[1], measure) - _loss(v[0], measure))

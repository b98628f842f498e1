"""How many independent values a batch holds where the positions of one row resemble each other."""

from __future__ import annotations

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.audit.case import Case
from bnstats.statistics.moments import Moments


def predicted_numbers(case: Case) -> dict[str, FloatArray]:
    """Independent values in a batch along the inference path, predicted from single rows, by layer and channel."""
    seen: dict[str, list[Moments]] = {}
    for batch in case.runner.by_row(case.kept, {layer.name for layer in case.layers}):
        for name, of_rows in batch.items():
            new = [Moments.of(values, axis=0) for values in of_rows]
            seen[name] = [old.merge(more) for old, more in zip(seen[name], new, strict=True)] if name in seen else new
    return {
        name: independent_values(means.var(ddof=1), variances.mean, case.batch_size)
        for name, (means, variances) in seen.items()
    }


def independent_values(between: FloatArray, within: FloatArray, rows: int) -> FloatArray:
    """The size of a batch of independent values whose mean varies as that of a batch of independent rows does.

    All values have variance between + within, and the mean of a batch has between / rows, as rows are independent and
    positions of one row are not.

    Parameters
    ----------
    between : array
        Variance of row means.
    within : array
        Mean variance over the positions of a row; 0 where a row has a single one.
    rows : int
        Of a batch.

    Examples
    --------
    >>> independent_values(np.array([1.0, 1.0]), np.array([0.0, 3.0]), 32)
    array([ 32., 128.])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(rows * (1 + within / between))

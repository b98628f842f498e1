"""The check of confounding between batches and labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bnstats._checks.arguments import aligned_by_label
from bnstats._checks.arrays import labels_of_rows
from bnstats._warnings import notify
from bnstats.corrections.groups import listed


@aligned_by_label("batch", "label")
def check_confounding(batch: ArrayLike, label: ArrayLike) -> None:
    """Raise ValueError if correcting for the batch would remove differences between labels.

    A difference between two labels can be estimated beside batch effects if a chain of batches links the labels.
    Neighboring batches in the chain have a label in common.

    Parameters
    ----------
    batch : array or Series, shape (rows,)
        The batch of each row.
    label : array or Series, shape (rows,)
        The label of each row, such as a class or a treatment. Two Series are aligned by their index.

    Raises
    ------
    ValueError
        If no chain links some labels to the rest: these labels occur in batches of their own. Differences between
        these labels and the rest are then differences between batches, which a correction removes.

    Warns
    -----
    UserWarning
        If a batch holds one label only: correcting for the batch moves its rows toward rows of other labels.

    Examples
    --------
    >>> check_confounding(["b1", "b1", "b2", "b2"], ["pass", "fail", "pass", "fail"])
    >>> check_confounding(["b1", "b1", "b2", "b2"], ["pass", "pass", "fail", "fail"])
    Traceback (most recent call last):
    ValueError: batch 'b1' holds only label 'pass', which no other batch holds: ...
    """
    batch, label = labels_of_rows("batch", batch), labels_of_rows("label", label)
    if batch.shape != label.shape or batch.ndim != 1:
        raise ValueError(
            f"batch and label are one value per row, shape (rows,); got shapes {batch.shape} and {label.shape}."
        )
    rows, batches = pd.factorize(batch, sort=True)
    columns, labels = pd.factorize(label, sort=True)
    if min(rows.min(initial=0), columns.min(initial=0)) < 0:
        raise ValueError("a batch or a label is missing: drop these rows.")
    nodes = len(batches) + len(labels)
    links = coo_array((np.ones(len(rows)), (rows, len(batches) + columns)), shape=(nodes, nodes))
    count, part = connected_components(links, directed=False)
    if count > 1:
        ours, theirs = np.split(part == part[0], [len(batches)])
        raise ValueError(
            f"batch {listed(batches[ours])} holds only label {listed(labels[theirs])}, which no other batch holds: "
            "correcting for the batch would remove the difference between these labels and the rest; spread the labels "
            "over the batches, or do not correct for the batch."
        )
    alone = pd.Series(columns).groupby(rows).nunique().to_numpy() == 1
    if len(labels) > 1 and alone.any():
        notify(
            f"batch {listed(batches[alone])} holds one label only: correcting for the batch moves its rows toward "
            "rows of other labels."
        )

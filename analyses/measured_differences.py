"""Differences of accuracy, in points with their standard error, from the numbers of figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from analyses.breaking import MANY_CLASSES, best, kinds
from analyses.mismatch import DEEP
from analyses.shift import CHANGE, IID, STREAM

# Figures whose numbers are used, which are therefore made before.
SOURCES = ("breaking", "mismatch", "remedies", "shift")
Difference = tuple[float, float]


def measured(found: Mapping[str, pd.DataFrame], key: tuple[str, ...]) -> Difference | None:
    """A difference in points of accuracy and its standard error, None where a quick version has not measured it.

    Parameters
    ----------
    found : tables by the figure's name
    key : figure, and what is compared in it
    """
    return MEASURED[key[0]](found[key[0].split()[0]], *key[1:])


def _between(one: pd.Series, other: pd.Series) -> Difference:
    """Of independent networks."""
    return 100 * (one["value"] - other["value"]), 100 * float(np.hypot(one["mcse"], other["mcse"]))


def _normalizers(table: pd.DataFrame, one: str, other: str, size: str) -> Difference | None:
    rows = table[(table["stage"] == "report") & (table["question"] == "equal rows") & (table["size"] == int(size))]
    rows = rows.set_index("normalizer")
    return _between(rows.loc[one], rows.loc[other]) if {one, other} <= set(rows.index) else None


def _sizes(table: pd.DataFrame, normalizer: str, one: str, other: str) -> Difference | None:
    rows = table[(table["stage"] == "report") & (table["question"] == "equal rows")]
    rows = rows[rows["normalizer"] == normalizer].set_index("size")
    return _between(rows.loc[int(one)], rows.loc[int(other)]) if {int(one), int(other)} <= set(rows.index) else None


def _pairs_of_classes(table: pd.DataFrame, normalizer: str, statistics: str) -> Difference:
    """Against batch norm with running statistics, each at its best learning rate; of the same network, not paired."""
    rows = table[table["panel"] == MANY_CLASSES]
    rows = rows.assign(normalizer=kinds(rows))
    return _between(best(rows, normalizer, statistics), best(rows, "batch"))


def _kinds_of_statistics(table: pd.DataFrame, part: str, size: str) -> Difference | None:
    """Paired, in the deepest networks."""
    rows = table[(table["panel"] == "batch size") & (table["depth"] == DEEP) & (table["statistics"] == part)]
    row = rows[rows["batch_size"] == int(size)]
    return (100 * row["value"].item(), 100 * row["mcse"].item()) if len(row) else None


def _shifts(table: pd.DataFrame, statistics: str, batching: str, size: str, *shifts: str) -> Difference:
    """Means over kinds and severities of shift, against running statistics.

    The errors of what the same networks scored are added up, so they are rather too large.
    """
    alike = (table["panel"] != "size") & (table["test_batch_size"] == int(size)) & table["kind"].isin(shifts)
    alike &= table["test_batching"] == repr({"shuffled": IID, "correlated": STREAM}[batching])
    mean = 100 * table[alike].groupby("statistics")[["value", "mcse"]].mean()
    if statistics == "batch":
        return mean.loc[CHANGE, "value"], mean.loc[CHANGE, "mcse"]
    one, running = mean.loc[statistics], mean.loc["running"]
    return one["value"] - running["value"], one["mcse"] + running["mcse"]


MEASURED: dict[str, Callable[..., Difference | None]] = {
    "remedies": _normalizers,
    "remedies sizes": _sizes,
    "breaking": _pairs_of_classes,
    "mismatch": _kinds_of_statistics,
    "shift": _shifts,
}

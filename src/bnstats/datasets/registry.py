"""Registries of batching rules of labeled rows, and of shifts: each class in the files of this folder."""

from __future__ import annotations

from bnstats._families.variants import classes, entries
from bnstats.datasets.row_batching import RowBatching
from bnstats.datasets.shifts import Shift

ROW_BATCHING_CLASSES: dict[str, type[RowBatching]] = classes(__name__, RowBatching)
ROW_BATCHING_RULES: dict[str, RowBatching] = entries(__name__, RowBatching)
"""Batching rules of labeled rows with the arguments of their `example`, by name."""
SHIFTS: dict[str, type[Shift]] = classes(__name__, Shift)
"""Shifts, by the names of their classes."""

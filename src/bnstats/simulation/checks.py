"""The study that is to be run, refused with one sentence before anything is simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from bnstats._validation import shown
from bnstats.simulation.streams import digest
from bnstats.simulation.study import Cell, Study
from bnstats.simulation.summaries import summary_of

# Columns of every table: no parameter of a cell may have one of these names.
NUMBER_COLUMNS = ("measure", "summary", "value", "mcse", "mcse_df", "exact", "replicates", "reached", "variance_ratio")


def check(study: Any) -> Sequence[Cell]:
    """The cells of the study; ValueError if it is none."""
    if not isinstance(study, Study):
        raise ValueError(f"study is an object of a class derived from bn.Study; got {shown(study)}.")
    if callable(getattr(study, "origin", None)):
        raise ValueError(
            f"{type(study).__name__} has a method origin, which is now called target: rename it, and let it return the "
            "true value of what the replicates estimate."
        )
    for summary in study.summaries:
        summary_of(summary)
    cells = study.cells()
    if not isinstance(cells, Sequence) or not all(isinstance(cell, Mapping) for cell in cells):
        raise ValueError(
            f"{type(study).__name__}.cells returns a list of mappings, one per condition; got {shown(cells)}."
        )
    if not cells:
        raise ValueError("the study has no cells: give at least one condition.")
    for cell in cells:
        taken = sorted({*NUMBER_COLUMNS, *study.key_columns}.intersection(study.columns(cell)))
        if taken:
            raise ValueError(
                f"a cell has a column {taken[0]!r}, as the table has for its numbers; give that parameter another name."
            )
    for size in map(study.size, cells):
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(f"{type(study).__name__}.size returns a whole number of at least 1; got {shown(size)}.")
    return cells


def target_of(study: Study, condition: Cell, key: Any) -> float:
    """Return `study.target` of a measure; ValueError if it is no number."""
    target = study.target(condition, key)
    if isinstance(target, bool) or not isinstance(target, Real):
        raise ValueError(
            f"{type(study).__name__}.target returns a number, the true value of what {key!r} estimates, or nan; got "
            f"{shown(target)}."
        )
    return float(target)


def distinct(cells: Sequence[Cell]) -> list[Cell]:
    """Each cell once, in their order."""
    return list({digest(cell): cell for cell in cells}.values())

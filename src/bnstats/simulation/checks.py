"""Checks of a study before anything is simulated; each error is one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from bnstats._checks.values import shown
from bnstats.simulation.hook_names import check_names
from bnstats.simulation.identity import digest
from bnstats.simulation.study import Condition, Study
from bnstats.simulation.summaries.registry import summary_of

# Columns of every table; a parameter of a condition must have another name.
NUMBER_COLUMNS = (
    "measure",
    "summary",
    "value",
    "mcse",
    "mcse_df",
    "exact",
    "replicates",
    "n_failed",
    "precision_reached",
    "variance_ratio",
)


def check(study: Any) -> Sequence[Condition]:
    """Return the conditions of the study; raise ValueError if the study is invalid."""
    if not isinstance(study, Study):
        raise ValueError(f"study is an object of a class derived from bn.Study; got {shown(study)}.")
    check_names(type(study))
    if type(study).simulate is Study.simulate and type(study).simulate_one is Study.simulate_one:
        raise ValueError(f"{type(study).__name__} has neither simulate nor simulate_one; define one of them.")
    for summary in study.summaries:
        summary_of(summary)
    conditions = study.conditions()
    if not isinstance(conditions, Sequence) or not all(isinstance(condition, Mapping) for condition in conditions):
        raise ValueError(
            f"{type(study).__name__}.conditions returns a list of mappings, one per condition; got {shown(conditions)}."
        )
    if not conditions:
        raise ValueError("the study has no conditions: give at least one condition.")
    for condition in conditions:
        taken = sorted({*NUMBER_COLUMNS, *study.key_columns}.intersection(study.columns(condition)))
        if taken:
            raise ValueError(
                f"a condition has a parameter {taken[0]!r}, which is a column of numbers in every table; give the "
                "parameter another name."
            )
    for size in map(study.size, conditions):
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(f"{type(study).__name__}.size returns a whole number of at least 1; got {shown(size)}.")
    return conditions


def target_of(study: Study, condition: Condition, key: Any) -> float:
    """Return `study.target` of a measure as a float; raise ValueError if it is no number."""
    target = study.target(condition, key)
    if isinstance(target, bool) or not isinstance(target, Real):
        raise ValueError(
            f"{type(study).__name__}.target returns a number, the true value that {key!r} estimates, or nan; got "
            f"{shown(target)}."
        )
    return float(target)


def distinct(conditions: Sequence[Condition]) -> list[Condition]:
    """Return the conditions in their order, without duplicates."""
    return list({digest(condition): condition for condition in conditions}.values())

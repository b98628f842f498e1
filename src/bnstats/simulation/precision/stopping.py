"""Stopping rule: it decides how precise a number is, and if replicates are added for it.

A condition's blocks double from look to look. A measure is finished at the first look at which each of its numbers is
precise enough. The first row of this table that applies says what the results have for a number:

============  ================================================  ========  ========  ===================================
a number is   where                                             value     mcse      replicates are added for it
============  ================================================  ========  ========  ===================================
infinite      its exact value is infinite                       inf       nan       no: it is known
undefined     replicates are NaN, or so many are infinite that  nan       inf       no: more would not help
              the number is infinite or NaN
heavy-tailed  the replicates are too few to show the moment     estimate  inf       only if the study has
              that its error needs (`Study.tail_index`,                             `sample_heavy_tails`, and
              `Summary.order`)                                                      `max_replicates` would show it
at a gap      chance decides between values far apart           estimate  estimate  no: they do not make it more
              (`Summary.at_gap`)                                                    certain
estimated     in all other cases                                estimate  estimate  until mcse / scale <= precision
============  ================================================  ========  ========  ===================================

No replicates are added for a number that need not be precise (`Study.precision_required`); its `precision_reached` is
True. The measures of a `paired` study finish together, with the least precise of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

from bnstats.simulation.replicates.sample import Replicates
from bnstats.simulation.study import Condition, Study
from bnstats.simulation.summaries.summary import Summary, df_beside


class NumberKind(Enum):
    """Kinds of numbers, see the table of this module."""

    INFINITE = "infinite"
    UNDEFINED = "undefined"
    HEAVY_TAILED = "heavy-tailed"
    AT_A_GAP = "at a gap"
    ESTIMATED = "estimated"


@dataclass(frozen=True)
class Number:
    """Number of the table of results, and its need for more replicates.

    Attributes
    ----------
    value, mcse, exact : float
        Estimate, its Monte Carlo standard error, and the exact value.
    df : float
        Degrees of freedom of the MCSE: inf if it is 0, NaN if it is inf or NaN.
    relative : float
        MCSE divided by the summary's scale; 0 for an infinite value, since nothing is estimated.
    kind : NumberKind
        Row of this module's table that applies.
    precision_required : bool
        True if the number has to reach the precision of the run.
    improves : bool
        True if more replicates make it more precise.
    variance_ratio : float
        Factor by which more replicates would be needed without control variates; 1 if none were used.
    """

    value: float
    mcse: float
    df: float
    exact: float
    relative: float
    kind: NumberKind
    precision_required: bool
    improves: bool
    variance_ratio: float = 1.0

    @property
    def asked(self) -> bool:
        """True if replicates are added for the number."""
        return self.precision_required and self.improves

    def precision_reached(self, precision: float | None) -> bool:
        """Return True if the number is as precise as requested, or if no precision is required of it."""
        return precision is None or not self.precision_required or self.relative <= precision


def judge(
    study: Study, condition: Condition, key: Any, summary: Summary, replicates: Replicates, most: float
) -> Number:
    """Return the number that a summary computes from these replicates, given the most replicates allowed."""
    exact = study.exact(condition, key, summary.name)
    value, mcse, relative = summary.of(replicates) if replicates.n else (math.nan, math.inf, math.inf)

    def known_at(replicates: float) -> bool:
        return study.tail_index(condition, key, int(replicates)) > summary.order

    if math.isinf(exact):
        kind = NumberKind.INFINITE
        value, mcse, relative = exact, math.nan, 0.0
    elif replicates.nans or not math.isfinite(value):
        kind, value, mcse, relative = NumberKind.UNDEFINED, math.nan, math.inf, math.inf
    elif not known_at(replicates.n):
        kind, mcse, relative = NumberKind.HEAVY_TAILED, math.inf, math.inf
    elif summary.chance_decides(replicates):
        kind = NumberKind.AT_A_GAP
    else:
        kind = NumberKind.ESTIMATED
    ratio = 1.0
    controlled = summary.of_controlled(replicates) if kind is NumberKind.ESTIMATED and math.isnan(exact) else None
    if controlled is not None:
        ratio = (mcse / controlled[1]) ** 2
        value, mcse, relative = controlled
    sample_heavy_tails = kind is NumberKind.HEAVY_TAILED and study.sample_heavy_tails and known_at(most)
    improves = kind is NumberKind.ESTIMATED or sample_heavy_tails
    df, required = df_beside(mcse, summary, replicates), study.precision_required(condition, key, summary.name)
    return Number(value, mcse, df, exact, relative, kind, required, improves, ratio)


def finished_measures(worst: dict[Any, float], paired: bool, precision: float | None, last: bool) -> list[Any]:
    """Return the measures that are finished, given the largest relative error of each measure's numbers."""
    least_precise = max(worst.values(), default=0.0)
    return [
        key
        for key, relative in worst.items()
        if last or (precision is not None and (least_precise if paired else relative) <= precision)
    ]

"""Errors of functions of several numbers of one simulation, such as their difference.

Numbers of the same draws are dependent, so their errors do not add up like errors of independent numbers. The jackknife
leaves out each independent group of blocks in turn, of all numbers at once. Whatever the dependence, the error of a
difference is at most the sum of both errors. A difference that did not vary between groups is not therefore known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy import stats

from bnstats._checks.array_types import FloatArray
from bnstats.simulation.precision.first_block import FirstBlock
from bnstats.simulation.replicates.sample import Sample
from bnstats.simulation.summaries.summary import ROUNDING, Summary


@dataclass(frozen=True)
class Error:
    """Monte Carlo standard error with its degrees of freedom.

    Attributes
    ----------
    mcse : float
        The error: 0 if a number is known exactly, inf if its error is unknown, NaN if the number is infinite.
    df : float
        Degrees of freedom: inf if `mcse` is 0, NaN if `mcse` is inf or NaN.
    """

    mcse: float
    df: float

    def margin(self, error: float) -> float:
        """Return the distance to the true number that is exceeded with probability `error` on either side."""
        return self.mcse * float(stats.t.isf(error, self.df)) if self.mcse != 0 else 0.0


class Numbers(Protocol):
    """Table of numbers of one simulation, with sample, summary, condition and measure of each row."""

    @property
    def table(self) -> pd.DataFrame: ...
    @property
    def samples(self) -> Sequence[Sample]: ...
    @property
    def summaries(self) -> Sequence[Summary]: ...
    @property
    def places(self) -> Sequence[tuple[FirstBlock, tuple[Any, ...]]]: ...


KNOWN, UNKNOWN, NONE = Error(0.0, math.inf), Error(math.inf, math.nan), Error(math.nan, math.nan)


def _minus(values: FloatArray) -> FloatArray:
    return np.asarray(values[0] - values[1])


def error_of_difference(
    simulation: Numbers, row: int, other: int, function: Callable[[FloatArray], FloatArray] = _minus
) -> Error:
    """Return the error of the difference, or of another function, of two rows with the same draws."""
    if _always_equal(simulation, row, other):
        return KNOWN
    columns = simulation.table[["mcse", "mcse_df"]].to_numpy(float)
    return difference(error_of(simulation, [row, other], function), Error(*columns[row]), Error(*columns[other]))


def error_of(simulation: Numbers, rows: Sequence[int], function: Callable[[FloatArray], FloatArray]) -> Error:
    """Return the error of a function of several rows of the same draws, by the jackknife.

    A row that was precise sooner has fewer groups of blocks. The later groups of the other rows then join their first
    groups in turn. A run with one block simulates that block again, and the groups are parts of it.

    Parameters
    ----------
    simulation : Numbers
        Simulation with the rows.
    rows : list of int
        Rows of its table.
    function : callable (array of shape (rows, V)) -> array of shape (V,)
        Function of V versions of the numbers in these rows.
    """
    samples = [_in_groups(simulation, row) for row in rows]
    groups = min(sample.groups for sample in samples)
    if groups < 2:
        return UNKNOWN
    counts = np.array([sample.counts_of(groups) for sample in samples])
    left_out = [simulation.summaries[row].leaving_out(x, groups) for row, x in zip(rows, samples, strict=True)]
    with np.errstate(all="ignore"):
        values = function(np.array(left_out))
    return jackknife(values, (counts / counts.sum(axis=1, keepdims=True)).mean(axis=0))


def _in_groups(simulation: Numbers, row: int) -> Sample:
    """Return the replicates behind a row, in two groups or more if that is possible."""
    sample = simulation.samples[row]
    if sample.groups >= 2 or not simulation.places:
        return sample
    block, key = simulation.places[row]
    parts = block.samples[key]
    return parts if sample.controlled else parts.without_controls()


def _always_equal(simulation: Numbers, row: int, other: int) -> bool:
    """Return True if two rows are the same summary of measures known to be equal in every replicate."""
    if not simulation.places or simulation.summaries[row] is not simulation.summaries[other]:
        return False
    (block, key), (of, name) = simulation.places[row], simulation.places[other]
    study = block.study
    return block is of and study.always_equal(block.condition, study.key_of(key), study.key_of(name))


def jackknife(left_out: FloatArray, parts: FloatArray) -> Error:
    """Return the error of a number from its values without each group and from each group's part.

    `parts` are the groups' parts w of all replicates. The deviation of a number is the sum of the groups'
    contributions, (1 - w) (mean - value without the group). The expected square of a contribution is 1 - w times the
    group's part of the variance. For groups of the same size this is (G - 1) / G times the sum of squared deviations.

    Examples
    --------
    The error of a mean is its standard error, for groups of any sizes:

    >>> x = np.array([1.0, 2.0, 4.0, 9.0])
    >>> left_out = (x.sum() - x) / 3
    >>> round(jackknife(left_out, np.full(4, 0.25)).mcse, 12), round(float(x.std(ddof=1) / 2), 12)
    (1.779513042005, 1.779513042005)
    """
    mcse = float(jackknife_error(left_out, parts))
    return Error(mcse, len(parts) - 1.0) if math.isfinite(mcse) else UNKNOWN


def jackknife_error(left_out: FloatArray, parts: FloatArray) -> FloatArray:
    """Return the standard errors of numbers, see `jackknife`; `left_out` has shape (groups, ...)."""
    rest = (1 - parts).reshape(-1, *[1] * (left_out.ndim - 1))
    contributed = rest * (np.sum(rest * left_out, axis=0) / rest.sum() - left_out)
    return np.asarray(np.sqrt(np.sum(contributed**2 / rest, axis=0)))


def independent_difference(a: Error, b: Error) -> Error:
    """Return the error of a difference of two independent numbers (Welch 1947, Satterthwaite 1946).

    >>> round(independent_difference(Error(3.0, 12.96), Error(4.0, math.inf)).df, 9)
    100.0
    """
    mcse = math.hypot(a.mcse, b.mcse)
    if not math.isfinite(mcse) or mcse == 0:
        return Error(mcse, math.inf if mcse == 0 else math.nan)
    varies = sum((error.mcse / mcse) ** 4 / error.df for error in (a, b) if error.mcse > 0)
    return Error(mcse, 1 / varies if varies > 0 else math.inf)


def difference(paired: Error, a: Error, b: Error) -> Error:
    """Return the error of a difference of numbers with errors `a` and `b` and the paired error `paired`.

    Examples
    --------
    >>> difference(Error(0.1, 15.0), Error(2.0, 99.0), Error(2.5, 98.0))
    Error(mcse=0.1, df=15.0)

    The error is at most the sum of both. It is that sum if no pairs differed, since unseen pairs may differ:

    >>> difference(Error(0.0, 15.0), Error(2.0, 99.0), Error(2.5, 98.0))
    Error(mcse=4.5, df=98.0)

    If one number is known exactly, only the other number is uncertain:

    >>> difference(Error(1.9, 15.0), Error(2.0, 99.0), KNOWN)
    Error(mcse=2.0, df=99.0)
    """
    if a.mcse == 0 or b.mcse == 0:
        return a if b.mcse == 0 else b
    both = a.mcse + b.mcse  # a paired error within rounding of 0 shows that no difference was seen
    if not math.isfinite(both) or ROUNDING * both < paired.mcse <= both:
        return paired if math.isfinite(both) else Error(both, math.nan)
    return Error(both, min(a.df, b.df))

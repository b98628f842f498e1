"""The error of a number that is made of several numbers of one simulation, such as their difference.

Numbers of the same draws go together, so their errors do not add up as those of independent numbers. Each independent
group of blocks is left out in turn, of all numbers at once (the jackknife). Whatever the dependence, a difference has
at most the sum of both errors; and what did not vary between groups is not known to be the same for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from bnstats._checks.array_types import FloatArray
from bnstats.simulation.replicates.sample import Sample

if TYPE_CHECKING:
    from bnstats.simulation.run import Simulation

# Of the sum of two errors: a paired error below this is rounding, and shows that no difference was seen.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Error:
    """A Monte Carlo standard error.

    Attributes
    ----------
    mcse : float
        0 where a number is known exactly, inf where nothing is known of its error, nan where the number is infinite.
    df : float
        Degrees of freedom: inf where `mcse` is 0, nan where there are none.
    """

    mcse: float
    df: float

    def margin(self, error: float) -> float:
        """How far a number may be from the true one, exceeded with a probability of `error` on either side."""
        return self.mcse * float(stats.t.isf(error, self.df)) if self.mcse != 0 else 0.0


KNOWN, UNKNOWN, NONE = Error(0.0, math.inf), Error(math.inf, math.nan), Error(math.nan, math.nan)


def _minus(values: FloatArray) -> FloatArray:
    return np.asarray(values[0] - values[1])


def error_of_difference(
    simulation: Simulation, row: int, other: int, function: Callable[[FloatArray], FloatArray] = _minus
) -> Error:
    """The error of a difference of two rows that have the same draws; of another function of them if that is given."""
    if _always_equal(simulation, row, other):
        return KNOWN
    columns = simulation.table[["mcse", "mcse_df"]].to_numpy(float)
    return difference(error_of(simulation, [row, other], function), Error(*columns[row]), Error(*columns[other]))


def error_of(simulation: Simulation, rows: Sequence[int], function: Callable[[FloatArray], FloatArray]) -> Error:
    """The error of a function of several rows of the same draws, by the jackknife.

    Where one of them has fewer groups of blocks than others, as it was precise sooner, theirs join these in turn. Of a
    run of one block, that block is simulated again, and the groups are parts of it.

    Parameters
    ----------
    simulation : Simulation
    rows : list of int
        Of its table.
    function : callable (array of shape (rows, V)) -> array of shape (V,)
        Of V versions of the numbers in these rows.
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


def _in_groups(simulation: Simulation, row: int) -> Sample:
    """The replicates behind a row, in two groups or more where that can be."""
    sample = simulation.samples[row]
    if sample.groups >= 2 or not simulation.places:
        return sample
    block, key = simulation.places[row]
    parts = block.samples[key]
    return parts if sample.controlled else parts.without_controls()


def _always_equal(simulation: Simulation, row: int, other: int) -> bool:
    """Whether two rows are the same summary of measures that are known to be the same in every replicate."""
    if not simulation.places or simulation.summaries[row] is not simulation.summaries[other]:
        return False
    (block, key), (of, name) = simulation.places[row], simulation.places[other]
    study = block.study
    return block is of and study.always_equal(block.condition, study.key_of(key), study.key_of(name))


def jackknife(left_out: FloatArray, parts: FloatArray) -> Error:
    """The error of a number, from what it is without each group and which part of all replicates that is.

    A number is off by the sum of what each group contributes, (1 - w) (mean - value without it), whose expected square
    is 1 - w of that group's part of the variance. For groups of the same size this is (G - 1) / G times the sum of
    squared deviations.

    Examples
    --------
    Of a mean it is the standard error, whatever the groups' sizes:

    >>> x = np.array([1.0, 2.0, 4.0, 9.0])
    >>> left_out = (x.sum() - x) / 3
    >>> round(jackknife(left_out, np.full(4, 0.25)).mcse, 12), round(float(x.std(ddof=1) / 2), 12)
    (1.779513042005, 1.779513042005)
    """
    rest = 1 - parts
    contributed = rest * (np.sum(rest * left_out) / rest.sum() - left_out)
    mcse = float(np.sqrt(np.sum(contributed**2 / rest)))
    return Error(mcse, len(parts) - 1.0) if math.isfinite(mcse) else UNKNOWN


def independent_difference(a: Error, b: Error) -> Error:
    """The error of a difference of two independent numbers (Welch 1947, Satterthwaite 1946).

    >>> round(independent_difference(Error(3.0, 12.96), Error(4.0, math.inf)).df, 9)
    100.0
    """
    mcse = math.hypot(a.mcse, b.mcse)
    if not math.isfinite(mcse) or mcse == 0:
        return Error(mcse, math.inf if mcse == 0 else math.nan)
    varies = sum((error.mcse / mcse) ** 4 / error.df for error in (a, b) if error.mcse > 0)
    return Error(mcse, 1 / varies if varies > 0 else math.inf)


def difference(paired: Error, a: Error, b: Error) -> Error:
    """The error of a difference of two numbers with these errors, of which `paired` is the one by pairs.

    Examples
    --------
    >>> difference(Error(0.1, 15.0), Error(2.0, 99.0), Error(2.5, 98.0))
    Error(mcse=0.1, df=15.0)

    At most the sum of both, and that where no pairs differed: they may elsewhere.

    >>> difference(Error(0.0, 15.0), Error(2.0, 99.0), Error(2.5, 98.0))
    Error(mcse=4.5, df=98.0)

    Beside a number that is known exactly, only the other one is uncertain:

    >>> difference(Error(1.9, 15.0), Error(2.0, 99.0), KNOWN)
    Error(mcse=2.0, df=99.0)
    """
    if a.mcse == 0 or b.mcse == 0:
        return a if b.mcse == 0 else b
    both = a.mcse + b.mcse
    if not math.isfinite(both) or ROUNDING * both < paired.mcse <= both:
        return paired if math.isfinite(both) else Error(both, math.nan)
    return Error(both, min(a.df, b.df))

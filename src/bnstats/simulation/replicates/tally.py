"""Tally of a block's replicates: count, central moments to order four, and a histogram for quantiles.

A tally has a fixed size, whatever the number of replicates, and tallies of disjoint replicates merge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._compiled import compiled, inlined
from bnstats.simulation.replicates.control_variates import joint_moments
from bnstats.simulation.replicates.failure_reasons import FailureReasons
from bnstats.simulation.replicates.histogram import TABLE, any_repeated, atoms_of
from bnstats.simulation.replicates.nested_bins import BINS, NAMES, UNDIVIDED, Bins, are_names, code_of, divided, named

# A constant, because looking it up in compiled code takes half a second to compile.
EPSILON = float(np.finfo(np.float64).eps)
MINUS_ZERO = -(2**63)


@dataclass(frozen=True)
class Tally:
    """Tally of the replicates of one block, for each of K measures.

    Attributes
    ----------
    keys : K tuples of plain values
        Names of the measures.
    moments : array, shape (5, K)
        Count; mean of value - origin; sums of squared, cubed and fourth powers of the deviations from that mean.
    missing : int array, shape (2, K)
        Numbers of replicates that are NaN, and infinite.
    events : int array, shape (K,)
        1 if replicates are True or False, else 0.
    bins : int array, shape (B,)
        The bins that are not empty, by name, see `bnstats.simulation.replicates.nested_bins`; those of measure k are
        NAMES k higher. None of them if only moments are kept.
    counts : int array, shape (B,)
    low, high : array, shape (B,)
        Smallest and largest value - origin of a bin, so that the median of a discrete quantity is exact.
    atoms : array, shape (3, A)
        Repeated values of value - origin: measure, value, count.
    joint : array, shape (K, D + 1, D)
        Means of e = value - origin, of e² and of the control variates, and below the sums of products of their
        deviations, filled up with zeros where a measure has fewer control variates than others. D = 0 if none has any.
    failures : mapping, optional
        Number of replicates that failed, by their reason; None for a study whose replicates do not fail.
    """

    blocks: ClassVar[int] = 1
    kinds: ClassVar[str] = "if"
    """Kinds of the arrays."""

    keys: tuple[tuple[Any, ...], ...]
    moments: FloatArray
    missing: NDArray[np.int64]
    events: NDArray[np.int8]
    bins: NDArray[np.int64]
    counts: NDArray[np.int32]
    low: FloatArray
    high: FloatArray
    atoms: FloatArray
    joint: FloatArray
    failures: FailureReasons | None = None

    @staticmethod
    @np.errstate(invalid="ignore", over="ignore")  # of infinite values, and of differences beyond all floats
    def of(
        replicates: Mapping[Any, NDArray[Any]],
        origins: Sequence[float],
        histogram: bool = True,
        controls: Mapping[Any, tuple[FloatArray, ...]] = MappingProxyType({}),
    ) -> Tally:
        """Return the tally of arrays of replicates, each about its own origin (see `origin_of`).

        The histogram is optional. A control variate of a measure is an array with a number for each replicate.

        >>> Tally.of({"x": np.array([1.0, 3.0])}, [1.0]).moments[:, 0]
        array([2., 1., 2., 0., 2.])
        """
        keys = tuple(tuple(key) if isinstance(key, tuple) else (key,) for key in replicates)
        moments, missing = np.zeros((5, len(keys))), np.zeros((2, len(keys)), np.int64)
        events = np.array([np.asarray(values).dtype == np.bool_ for values in replicates.values()], np.int8)
        # One measure at a time, so that the arrays stay in cache.
        bins = BINS if histogram else 0
        every = np.zeros(bins, np.int32), np.full(bins, np.inf), np.full(bins, -np.inf)
        table = np.empty(TABLE, np.int64)
        filled: list[tuple[NDArray[Any], ...]] = [(np.empty(0, int), np.empty(0, np.int32), np.empty(0), np.empty(0))]
        atoms = [np.empty((3, 0))]
        most = max((2 + len(arrays) for arrays in controls.values()), default=0)
        joint = np.zeros((len(keys), most + 1, most))
        for k, (key, values, origin) in enumerate(zip(replicates, replicates.values(), origins, strict=True)):
            error = np.subtract(np.ravel(values), origin, dtype=np.float64)
            if not error.size:  # all replicates failed
                continue
            repeated, own = _counted(error, error.view(np.int64), moments[:, k], *every, table)
            if key in controls:
                d = 2 + len(controls[key])
                joint[k, : d + 1, :d] = joint_moments(error, controls[key])
            if not np.isfinite(moments[1, k]):
                given = np.asarray(values, np.float64)
                missing[:, k] = np.isnan(given).sum(), np.isinf(given).sum()
            if histogram:
                names, *rest = divided(error, (named(own[0]), *own[1:]))
                filled.append((names + k * NAMES, *rest))
            if repeated:
                value, count = atoms_of(error)
                atoms.append(np.stack([np.full(value.size, float(k)), value, count]))
        filled_bins, held, lowest, highest = (np.concatenate(part) for part in zip(*filled, strict=True))
        every_atom = np.concatenate(atoms, axis=1)
        return Tally(keys, moments, missing, events, filled_bins, held, lowest, highest, every_atom, joint)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays to store, by name."""
        return {name: array for name, array in vars(self).items() if name not in ("keys", "failures")}

    @staticmethod
    def of_arrays(keys: list[Any], arrays: Mapping[str, NDArray[Any]], failures: FailureReasons | None = None) -> Tally:
        """Return the tally whose keys, arrays and failures were stored; raise ValueError if they do not fit."""
        tally = Tally(tuple(map(tuple, keys)), **arrays, failures=failures)
        tally.check()
        return tally

    def check(self) -> None:
        """Raise ValueError if the arrays do not fit each other, which no simulation produces."""
        k, b, a, d = len(self.keys), (self.bins.size,), self.atoms.shape[-1], self.joint.shape[-1]
        found = {name: (array.dtype.kind, *array.shape) for name, array in self.arrays().items()}
        shapes = [(5, k), (2, k), (k,), b, b, b, b, (3, a), (k, d + 1, d)]
        if k == 0 or list(found.values()) != [(kind, *shape) for kind, shape in zip("fiiiiffff", shapes, strict=True)]:
            raise ValueError(f"arrays of kinds and shapes {found} for {k} measures")
        known = np.isin(self.events, (0, 1)).all() and np.isin(self.atoms[0], np.arange(k)).all()
        whole = all(type(count) is int and count > 0 for count in (self.failures or {}).values())
        right = whole and (self.moments[0] >= (1 if self.failures is None else 0)).all()
        if not (known and are_names(self.bins, k) and (self.counts > 0).all() and right):
            raise ValueError("bins or counts that cannot be")


@compiled
def _counted(
    error: FloatArray,
    bits: NDArray[np.int64],
    moments: FloatArray,
    counts: NDArray[np.int32],
    low: FloatArray,
    high: FloatArray,
    table: NDArray[np.int64],
) -> tuple[bool, Bins]:
    """Write moments as in `Tally`; return True if values are repeated, and the contents of the bins.

    `bits` is a view of the same numbers, of which NaN becomes infinite, and -0 becomes 0. There is one call for
    everything: if threads take turns at the interpreter, each of several short calls would wait for it.
    """
    mean = 0.0
    for i in range(error.size):
        mean += error[i]
    mean /= error.size
    first = second = third = fourth = 0.0
    for i in range(error.size):
        d = error[i] - mean
        q = d * d
        first += d
        second += q
        third += q * d
        fourth += q * q
    slip = first / error.size  # the mean is rounded
    mean += slip
    second -= error.size * slip**2
    if second <= error.size * (4 * EPSILON * mean) ** 2:
        second = third = fourth = 0.0  # equal values, but for the rounding of their mean
    moments[0] = error.size
    moments[1] = mean
    moments[2] = second
    moments[3] = third
    moments[4] = fourth
    for i in range(error.size if counts.size else 0):
        if bits[i] == MINUS_ZERO:
            bits[i] = 0
        e = error[i]
        if np.isnan(e):
            error[i] = e = np.inf
        b = code_of(bits[i]) >> UNDIVIDED
        counts[b] += 1
        low[b] = min(low[b], e)
        high[b] = max(high[b], e)
    return counts.size > 0 and any_repeated(bits, table), _emptied(counts, low, high)


@inlined
def _emptied(counts: NDArray[np.int32], low: FloatArray, high: FloatArray) -> Bins:
    """Return the nonempty bins with their counts, smallest and largest values; then empty all bins."""
    filled = 0
    for b in range(counts.size):
        filled += counts[b] > 0
    bins, held = np.empty(filled, np.int64), np.empty(filled, np.int32)
    lowest, highest = np.empty(filled), np.empty(filled)
    i = 0
    for b in range(counts.size):
        if counts[b] > 0:
            bins[i], held[i], lowest[i], highest[i] = b, counts[b], low[b], high[b]
            counts[b], low[b], high[b] = 0, np.inf, -np.inf
            i += 1
    return bins, held, lowest, highest

"""The smallest sufficient size: from where on the loss against a reference is within a margin, with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


@dataclass(frozen=True)
class SufficientSize:
    """A size, and the interval of sizes that chance does not separate from it.

    Attributes
    ----------
    size, low, high : float
        nan if no size up to the reference comes that near to the margin, or none stays outside of it.
    """

    size: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.size:.1f} ({self.low:.1f} to {self.high:.1f})"


def sufficient_size(
    sizes: ArrayLike, value: ArrayLike, mcse: ArrayLike, *, reference: Any, margin: float, confidence: float = 0.95
) -> SufficientSize:
    """The smallest size from which on, up to a reference, the value is within `margin` of its value there.

    Between the sizes the value is interpolated in log size. The interval holds the sizes at which the loss does not
    differ from the margin by more than its Monte Carlo error allows (a test inverted, as Fieller did it).

    Parameters
    ----------
    sizes : (k,) numbers, increasing
    value, mcse : (k,) floats
        Independent, unbiased and normal estimates, and their standard errors.
    reference : one of sizes
        Chosen without looking at `value`: the largest of several values is too good, and would make the size too large.
    margin : float
    confidence : float

    Examples
    --------
    >>> found = sufficient_size([2, 8, 32, 128], [0.90, 0.96, 0.98, 0.98], [0.001] * 4, reference=128, margin=0.01)
    >>> round(found.size, 6), found.low < 16 < found.high
    (16.0, True)
    """
    everything = np.asarray(sizes, dtype=float)
    if not (everything == reference).any():
        raise ValueError(f"reference is one of the sizes {everything.tolist()}; got {reference}.")
    up_to = everything <= reference
    k, mean, error = (np.asarray(a, dtype=float)[up_to] for a in (np.log2(everything), value, mcse))
    fine = np.linspace(k[0], k[-1], 2001)
    weights = np.eye(k.size)[-1] - np.transpose([np.interp(fine, k, one) for one in np.eye(k.size)])
    loss, noise = weights @ mean, np.sqrt(np.square(weights) @ np.square(error))
    outside = fine[loss > margin]
    alike = fine[abs(loss - margin) <= stats.norm.isf((1 - confidence) / 2) * noise]
    if not (outside.size and alike.size):
        return SufficientSize(np.nan, np.nan, np.nan)
    return SufficientSize(*(float(2**at) for at in (outside[-1], alike[0], alike[-1])))

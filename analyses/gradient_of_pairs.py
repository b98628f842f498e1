"""Proportion of its gradient that a unit passes in batches of 2, exactly."""

from __future__ import annotations

import math

from scipy import special, stats


def proportion_passed_in_pairs(eps: float, variance: float = 1.0) -> tuple[float, float]:
    """Return mean and median of the proportion, eps / (d² + eps); d is half the difference of the unit's two values.

    The gradient is relative to a division by s that ignores the gradients of mean and variance. Without eps nothing
    passes: every value is -1 or +1 whatever the weights are.

    Parameters
    ----------
    eps : float
        eps of batch normalization, at least 0.
    variance : float
        Variance of the normal d, above 0.

    Examples
    --------
    >>> mean, median = proportion_passed_in_pairs(1e-5)
    >>> round(mean, 5), round(median, 7)
    (0.00395, 2.2e-05)
    """
    ratio = eps / variance
    mean = math.sqrt(math.pi * ratio / 2) * special.erfcx(math.sqrt(ratio / 2))
    return float(mean), float(ratio / (stats.chi2.ppf(0.5, 1) + ratio))

"""The law of 1 / sqrt(variance + eps) of a normal batch, as a SciPy distribution."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import integrate, stats


class _InverseStd(stats.rv_continuous):
    """Law of 1 / sqrt(V + eps), where V is sigma² chi²(n - 1) / n, the variance of a normal batch."""

    def _argcheck(self, n: Any, sigma: Any, eps: Any) -> Any:
        return (n > 1) & (sigma > 0) & (eps >= 0)

    def _get_support(self, n: Any, sigma: Any, eps: Any) -> Any:
        return 0.0, 1 / np.sqrt(eps) if np.all(eps > 0) else np.inf

    def _cdf(self, y: Any, n: Any, sigma: Any, eps: Any) -> Any:
        return stats.chi2.sf((1 / y**2 - eps) * n / sigma**2, n - 1)

    def _ppf(self, q: Any, n: Any, sigma: Any, eps: Any) -> Any:
        return 1 / np.sqrt(sigma**2 * stats.chi2.isf(q, n - 1) / n + eps)

    def _stats(self, n: Any, sigma: Any, eps: Any, moments: str = "mv") -> Any:
        size, scale, e = (float(np.ravel(v)[0]) for v in (n, sigma, eps))
        at_sigma = 1 / math.sqrt(scale**2 + e)
        first, second = _inverse_std_errors(size, e / scale**2)
        return at_sigma * (1 + first), at_sigma**2 * (second - first**2), None, None


@lru_cache(maxsize=256)  # mean and standard deviation both need it
def _inverse_std_errors(n: float, eps: float) -> tuple[float, float]:
    """Return mean and mean square of the relative error of 1 / sqrt(V + eps), where V is chi²(n - 1) / n.

    In this form no digits cancel, for large n and for large eps.
    """
    df = n - 1
    mode = math.sqrt(df - 1)

    def density(w: float) -> float:  # of chi(df), divided by the density at its mode
        away = w - mode
        power = 0.0
        if df > 1:
            power = (df - 1) * (math.log1p(away / mode) if w > mode / 2 else math.log(w / mode))
        return math.exp(power - away * (mode + w) / 2)

    def moment(k: int) -> float:
        if eps == 0 and k >= df:
            return math.inf

        def integrand(w: float) -> float:
            off = (w * w - n) / (n * (1 + eps))
            log = math.log1p(off) if off > -0.5 else math.log((w * w / n + eps) / (1 + eps))
            return float(math.expm1(-0.5 * log) ** k * density(w))

        return float(
            sum(integrate.quad(integrand, *piece, epsabs=0, epsrel=1e-9, full_output=1)[0] for piece in pieces)
        )

    low, high = (float(q) for q in stats.chi(df).ppf([1e-18, 1 - 1e-16]))
    high += 10.0
    small = np.geomspace(math.sqrt(n * eps), 1.0, 40).tolist() if 0 < eps < 1 / n else []
    inner = sorted(w for w in {*small, math.sqrt(df), math.sqrt(n)} if low < w < high)
    pieces = list(pairwise([low if n > 64 else 0.0, *inner, high]))
    norm = moment(0)
    return moment(1) / norm, moment(2) / norm


inverse_std = _InverseStd(name="inverse_std", shapes="n, sigma, eps")

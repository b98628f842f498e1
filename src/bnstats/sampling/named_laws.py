"""Laws: named frozen SciPy distributions, and two families that SciPy lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import integrate, stats


class _NormalMixture(stats.rv_continuous):
    """Mixture of N(0, 1), with probability `weight`, and N(shift, spread²)."""

    def _argcheck(self, weight: Any, shift: Any, spread: Any) -> Any:
        return (weight >= 0) & (weight <= 1) & (spread > 0) & np.isfinite(shift)

    def _pdf(self, x: Any, weight: Any, shift: Any, spread: Any) -> Any:
        return weight * stats.norm.pdf(x) + (1 - weight) * stats.norm.pdf(x, shift, spread)

    def _cdf(self, x: Any, weight: Any, shift: Any, spread: Any) -> Any:
        return weight * stats.norm.cdf(x) + (1 - weight) * stats.norm.cdf(x, shift, spread)

    def _sf(self, x: Any, weight: Any, shift: Any, spread: Any) -> Any:
        return weight * stats.norm.sf(x) + (1 - weight) * stats.norm.sf(x, shift, spread)

    def _ppf(self, q: Any, weight: Any, shift: Any, spread: Any) -> Any:
        quantiles = stats.norm.ppf(q), stats.norm.ppf(q, shift, spread)
        low, high = np.minimum(*quantiles), np.maximum(*quantiles)  # the quantile of the mixture is between them
        for _ in range(60):
            middle = (low + high) / 2
            below = self._cdf(middle, weight, shift, spread) < q
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return high

    def _munp(self, n: int, weight: Any, shift: Any, spread: Any) -> Any:
        second = [float(stats.norm.moment(n, a, b)) for a, b in np.broadcast(shift, spread)]
        return weight * stats.norm.moment(n) + (1 - weight) * np.reshape(second, np.shape(shift))

    def _stats(self, *_: Any) -> Any:
        return None, None, None, None


class _RectifiedNormal(stats.rv_continuous):
    """Law of max(0, N(shift, 1)), the output of a rectified linear unit; for shift 0, P(0) is 1/2."""

    def _argcheck(self, shift: Any) -> Any:
        return np.isfinite(shift)

    def _cdf(self, x: Any, shift: Any) -> Any:
        return np.where(x < 0, 0.0, stats.norm.cdf(x, shift))

    def _sf(self, x: Any, shift: Any) -> Any:
        return np.where(x < 0, 1.0, stats.norm.sf(x, shift))

    def _ppf(self, q: Any, shift: Any) -> Any:
        return np.maximum(0.0, stats.norm.ppf(q, shift))

    def _isf(self, q: Any, shift: Any) -> Any:
        return np.maximum(0.0, stats.norm.isf(q, shift))

    def _munp(self, n: int, shift: Any) -> Any:
        def raw(m: float) -> float:
            return float(integrate.quad(lambda x: x**n * stats.norm.pdf(x, m), 0, max(m, 0) + 40)[0])

        return np.vectorize(raw)(shift)

    def _stats(self, *_: Any) -> Any:
        return None, None, None, None


normal_mixture = _NormalMixture(name="normal_mixture", shapes="weight, shift, spread")
rectified_normal = _RectifiedNormal(name="rectified_normal", shapes="shift", a=0.0)

NAMED: dict[str, Any] = {
    "normal": stats.norm(),
    "uniform": stats.uniform(),
    "exponential": stats.expon(),
    "lognormal": stats.lognorm(1.0),
    "laplace": stats.laplace(),
    "bernoulli": stats.bernoulli(0.1),
    "t5": stats.t(5.0),
    "t3": stats.t(3.0),
    "t2.5": stats.t(2.5),
    "pareto": stats.pareto(3.0),
    "mixture": normal_mixture(0.5, 4.0, 1.0),
    "rectified": rectified_normal(0.0),
    "contaminated": normal_mixture(0.99, 0.0, 10.0),
}


def family(law: Any) -> str | None:
    """Return the name of the law's family; None for tabulated laws and for families of the user.

    >>> family(stats.gamma(2.0)), family(stats.rv_discrete(name="poisson", values=([0, 5], [0.5, 0.5]))())
    ('gamma', None)
    """
    name, kind = law.dist.name, type(law.dist)
    own = {f.name: f for f in (normal_mixture, rectified_normal)}
    return str(name) if kind is type(own.get(name, getattr(stats, name, None))) else None


def parameters(law: Any) -> tuple[tuple[float, ...], float, float]:
    """Return shape parameters, location and scale of a frozen SciPy distribution.

    >>> parameters(stats.gamma(2.0, scale=3.0))
    ((2.0,), 0.0, 3.0)
    """
    shapes, loc, *scale = law.dist._parse_args(*law.args, **law.kwds)
    return tuple(float(s) for s in shapes), float(loc), float(scale[0]) if scale else 1.0

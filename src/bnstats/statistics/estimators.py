"""Estimators: what a batch says about its population, with the population value that it should say."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats.sampling.populations import Population
from bnstats.statistics.moments import Moments

Array = NDArray[np.float64]
Fresh = Callable[[], Array]


@dataclass(frozen=True)
class Estimator:
    """A function of a batch, and the population value that it estimates.

    Attributes
    ----------
    name : str
    function : callable (x, axis) -> array
        As NumPy's reductions: reduces `axis` of x. None if it can be computed from moments alone.
    target : float, or callable (Population) -> float
    order : float
        It grows like this power of an outlier, 1 for a mean or a standard deviation, 2 for a variance, 0 if bounded:
        says which of its moments exist.
    averages : float
        It is a smooth function of the batch's average of this power of the values: says how fast it converges.
    eps : float, optional
        It divides by the square root of variance + eps, so a batch of nearly equal values makes it large.
    of_moments : callable (Moments, Fresh) -> array, optional
        A faster way from the moments of the batch; calling the second argument draws a fresh value for each batch.

    Examples
    --------
    >>> midrange = Estimator("midrange", lambda x, axis: (x.max(axis) + x.min(axis)) / 2, lambda pop: pop.mean)
    >>> midrange(np.array([[0.0, 1.0, 5.0]]))
    array([2.5])
    >>> inv_std(eps=0.0)(np.array([1.0, 3.0]))
    array(1.)
    """

    name: str
    function: Callable[..., Any] | None
    target: float | Callable[[Population], float]
    order: float = 1.0
    averages: float = 1.0
    of_moments: Callable[[Moments, Fresh], Array] | None = None
    eps: float | None = None

    def __call__(self, x: NDArray[Any], axis: int = -1) -> Array:
        """The estimates of the batches that lie along `axis`."""
        if self.function is not None:
            return np.asarray(self.function(x, axis=axis), dtype=np.float64)
        return self.from_moments(Moments.of(x, axis), _no_fresh)

    def from_moments(self, moments: Moments, fresh: Fresh) -> Array:
        """The estimates of batches with these moments; ValueError if the estimator needs the values themselves."""
        if self.of_moments is None:
            raise ValueError(f"estimator {self.name!r} is a function of the values, not of their moments.")
        return np.asarray(self.of_moments(moments, fresh))

    def population_value(self, population: Population) -> float:
        """What the estimator should say of the population."""
        return float(self.target(population) if callable(self.target) else self.target)


def _no_fresh() -> Array:
    raise ValueError("this estimator needs a fresh value for each batch: use it in a study.")


def inv_std(eps: float = 1e-5) -> Estimator:
    """1 / sqrt(var + eps), the factor by which batch normalisation scales (biased variance; eps in squared units)."""
    return Estimator(
        "inv_std" if eps == 1e-5 else f"inv_std(eps={eps:g})",
        None,
        target=lambda population: 1 / np.sqrt(population.var + eps),
        order=0,
        averages=2,
        of_moments=lambda m, _: 1 / np.sqrt(m.var() + eps),
        eps=eps,
    )


def fresh_normalized(eps: float = 0.0) -> Estimator:
    """A value that is not in the batch, normalised by the batch's mean and biased variance; the population's is 0."""
    return Estimator(
        "fresh_normalized" if eps == 0 else f"fresh_normalized(eps={eps:g})",
        None,
        target=0.0,
        order=1,
        averages=0,
        of_moments=lambda m, fresh: (fresh() - m.mean) / np.sqrt(m.var() + eps),
        eps=eps,
    )


def _of_moments(
    name: str, target: Any, order: float, averages: float, function: Callable[[Moments], Array]
) -> Estimator:
    return Estimator(name, None, target, order, averages, lambda moments, _: function(moments))


ESTIMATORS: dict[str, Estimator] = {
    e.name: e
    for e in (
        _of_moments("mean", lambda p: p.mean, 1, 1, lambda m: m.mean),
        _of_moments("var", lambda p: p.var, 2, 2, lambda m: m.var()),
        _of_moments("var_unbiased", lambda p: p.var, 2, 2, lambda m: m.var(ddof=1)),
        _of_moments("std", lambda p: p.std, 1, 2, lambda m: np.sqrt(m.var())),
        inv_std(),
        fresh_normalized(),
    )
}


def estimator_of(source: str | Estimator) -> Estimator:
    """The estimator of that name, or the one given.

    >>> estimator_of("var").order
    2
    """
    if isinstance(source, Estimator):
        return source
    if source in ESTIMATORS:
        return ESTIMATORS[source]
    if not isinstance(source, str):
        raise ValueError(f"an estimator is a name or a bn.Estimator(name, function, target); got {source!r}.")
    near = difflib.get_close_matches(source, ESTIMATORS, n=1, cutoff=0.0)
    raise ValueError(f"estimator {source!r} is not known; did you mean {near[0]!r}? Known: {', '.join(ESTIMATORS)}.")

"""Estimators: functions of a batch, each with the population value that it estimates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.arguments import CheckedMethods, checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import real_array
from bnstats._checks.numbers import batch_size, interval, number
from bnstats._checks.safe_text import raised
from bnstats._checks.user_code import ReadOnlyError, answer, called, is_own, lent, overridden_below
from bnstats._checks.values import function, instance, optional, scalar, shown, word
from bnstats.sampling.populations import Population, population_of
from bnstats.statistics.estimator_theory import Theory
from bnstats.statistics.moments import Moments, moments_of

Fresh = Callable[[], FloatArray]

# Relative differences up to 64 units in the last place are rounding errors.
ROUNDING = 64 * float(np.finfo(float).eps)


def _function(name: str, given: Any) -> Any:
    return function(name, given, "f(x, axis=-1), as np.mean can")


def _target(name: str, given: Any) -> Any:
    return given if callable(given) or isinstance(given, float) else number(name, given)


@checked(
    name=word,
    function=optional(_function),
    target=_target,
    order=optional(interval("[0, inf)")),
    averages=optional(interval("[0, inf)")),
    of_moments=optional(_function),
    eps=optional(interval("[0, inf)")),
    theory=optional(partial(instance, required=Theory, example="bn.theory.Theory(...)")),
)
@dataclass(frozen=True)
class Estimator(CheckedMethods):
    """A function of a batch, with the population value that it estimates.

    Attributes
    ----------
    name : str
        Name of the estimator in tables and figures.
    function : callable (x, axis) -> array
        Reduction of `axis` of x, as NumPy's reductions. None if the moments are enough to compute the estimate.
    target : float, or callable (Population) -> float
        Population value, in the unit of the estimates.
    order : float, optional
        Power of an outlier with which the estimate grows: 1 for a mean or a standard deviation, 2 for a variance, 0 if
        the estimate is bounded. It determines which moments of the estimator exist. By default, it is measured on test
        batches, see `bnstats.statistics.outlier_sensitivity`.
    averages : float, optional
        Power of the values of which the batch has an average, if the estimator is a smooth function of this average. It
        determines the rate of convergence. By default, it is not known.
    eps : float, optional
        Number added to the variance, if the estimator divides by sqrt(variance + eps). Such an estimate is large for a
        batch of nearly equal values.
    of_moments : callable (Moments, Fresh) -> array, optional
        Faster function of the moments of the batch; calling the second argument draws a new value for each batch.
    theory : bnstats.theory.Theory, optional
        Exact theory. By default, there is none, even if another estimator of the same name has a theory.

    Examples
    --------
    >>> midrange = Estimator("midrange", lambda x, axis: (x.max(axis) + x.min(axis)) / 2, lambda pop: pop.mean)
    >>> midrange(np.array([[0.0, 1.0, 5.0]]))
    array([2.5])
    >>> import bnstats as bn
    >>> bn.estimators.inv_std(eps=0.0)(np.array([1.0, 3.0]))
    array(1.)
    """

    checks: ClassVar = {
        "population": population_of,
        "batch_size": batch_size,
        "moments": moments_of,
        "fresh": _function,
        "estimates": real_array,
    }

    name: str
    function: Callable[..., Any] | None
    target: float | Callable[[Population], float]
    order: float | None = None
    averages: float | None = None
    of_moments: Callable[[Moments, Fresh], FloatArray] | None = None
    eps: float | None = None
    theory: Theory | None = None

    def __hash__(self) -> int:
        return hash(self.name)  # hashing all fields takes longer than computing what is cached

    def __call__(self, x: NDArray[Any], axis: int = -1) -> FloatArray:
        """Return the estimates of batches that are along an axis.

        Parameters
        ----------
        x : array
            Values.
        axis : int
            Axis along which the values of a batch are.

        Returns
        -------
        array
            Estimate of each batch, in the shape of `x` without `axis`.
        """
        if self.function is not None:
            found = called(self._said, self.function, x, axis=axis)
            return real_array(f"what {self.name} returns", self._own_copy(found, self.function), finite=False)
        return self.from_moments(Moments.of(x, axis), _no_fresh)

    def from_moments(self, moments: Moments, fresh: Fresh) -> FloatArray:
        """Return the estimates of batches with these moments.

        Parameters
        ----------
        moments : Moments
            Moments of the batches.
        fresh : callable () -> array
            Draws a new value for each batch.

        Returns
        -------
        array
            Estimate of each batch.

        Raises
        ------
        ValueError
            If the estimator needs the values, or if a user's function raises an error.
        """
        if self.of_moments is None:
            raise ValueError(f"estimator {self.name!r} is a function of the values, not of their moments.")
        if not is_own(self.of_moments):
            return np.asarray(self.of_moments(moments, fresh))
        found = answer(f"of_moments of {self._said}", _as_is, self.of_moments, moments, lambda: lent(fresh()))
        found = real_array(f"what {self.name} makes of moments", found, minimum=0, finite=False)
        return np.asarray(self._own_copy(found, self.of_moments))

    @property
    def takes_values(self) -> bool:
        """True if the estimator needs values: moments are not enough, or a subclass overrides the call.

        >>> import bnstats as bn
        >>> bn.ESTIMATORS["median"].takes_values, bn.ESTIMATORS["var"].takes_values
        (True, False)
        """
        return self.of_moments is None or overridden_below(type(self), "__call__", "from_moments")

    @property
    def _said(self) -> str:
        return f"estimator {self.name!r}"

    @staticmethod
    def _own_copy(found: Any, function: Callable[..., Any]) -> Any:
        """Return a copy of a user's array, which the user's function may fill again at the next call."""
        return found.copy() if is_own(function) and isinstance(found, np.ndarray) else found

    def check(self, population: Population, batch_size: int) -> None:
        """Raise ValueError if the function does not reduce the given axis, in a call along either axis.

        Parameters
        ----------
        population : Population
            Law of the values to call the function with.
        batch_size : int
            Number of values in a batch.

        Raises
        ------
        ValueError
            If the function raises an error, or returns an array of another shape.
        """
        if self.function is None:
            return
        count = 3 if batch_size == 2 else 2
        batches = np.empty((count, batch_size))
        population.fill(np.random.default_rng(0), batches)
        try:
            shapes = self(batches, axis=-1).shape, self(batches.T, axis=0).shape
        except ReadOnlyError:
            raise
        except Exception as error:  # a user's function may raise any exception
            raise ValueError(
                f"{self.name} cannot be called as f(x, axis=-1), as np.mean can: it raises {raised(error)}."
            ) from error
        if shapes != ((count,), (count,)):
            raise ValueError(
                f"{self.name} does not reduce the axis that it is given, as np.mean does: of batches of shape "
                f"{batches.shape} it makes shape {shapes[0]} with axis=-1, and of their transpose {shapes[1]} with "
                "axis=0."
            )

    def of_whole(self, population: Population, estimates: FloatArray) -> FloatArray:
        """Remove rounding errors from estimates of batches that are the whole population, in any order.

        Parameters
        ----------
        population : Population
            A finite population.
        estimates : array
            Estimates of batches that have all values of the population.

        Returns
        -------
        array
            The estimates; an estimate within rounding of the common value is replaced by this value.

        Examples
        --------
        >>> whole = Population.of([1.0, 2.0, 6.0])
        >>> import bnstats as bn
        >>> bn.ESTIMATORS["mean"].of_whole(whole, np.array([3.0 - 1e-15, 3.0])).tolist()
        [3.0, 3.0]
        """
        if self.averages == 0 or population.values is None:  # a new value is not a value of the batch
            return estimates
        target, one = self.population_value(population), float(self(population.values))
        rounding = ROUNDING * max(abs(target), abs(one), population.std)
        one = target if abs(one - target) <= rounding else one
        return np.where(np.abs(estimates - one) <= rounding, one, estimates)

    def population_value(self, population: Population) -> float:
        """Return the population value that the estimator estimates; nan where it does not exist.

        Parameters
        ----------
        population : Population
            Law of the values.

        Returns
        -------
        float
            Value in the unit of the estimator; NaN or infinite if the population has none.
        """
        if not callable(self.target):
            return float(self.target)
        said = f"the target of estimator {self.name!r}"
        found = answer(said, _as_is, self.target, population)
        value = scalar(found)
        if value is None:
            raise ValueError(f"{said} returns a number for a population; got {shown(found)}.")
        return float(value)


def _as_is(found: Any) -> Any:
    return found


def _no_fresh() -> FloatArray:
    raise ValueError("this estimator needs a fresh value for each batch: use it in a study.")

"""Base class of normalizers: two functions, forward and backward, and their properties."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray, IntArray, RealArray
from bnstats._checks.numbers import interval, whole
from bnstats._checks.user_code import is_own
from bnstats._checks.values import named, several
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.layer_statistics import statistics_of_layer, values_of_layer, variance_of_layer


def _hidden(name: str, given: Any) -> tuple[int, ...]:
    """Return the units of each hidden layer."""
    return tuple(whole(f"each of {name}", units, minimum=1) for units in several(name, given))


_checked_batches = checked(batch_size=partial(whole, minimum=1), hidden=_hidden)


def _check_fit(z: RealArray, *statistics: Any) -> None:
    """Raise ValueError if statistics are missing, or do not broadcast against the values of a layer."""
    if any(type(part) is not float for part in statistics):
        shapes = [np.shape(part) for part in statistics]
        try:
            fits = all(part is not None for part in statistics) and np.broadcast_shapes(z.shape, *shapes) == z.shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"mean and var have values for z, of shape {z.shape}; got shapes {shapes}.")


def moments(z: RealArray) -> tuple[RealArray, RealArray]:
    """Return mean and biased variance over rows, summed in float64."""
    mean = z.mean(axis=0, dtype=np.float64).astype(z.dtype)
    return mean, np.square(z - mean).mean(axis=0, dtype=np.float64).astype(z.dtype)


@dataclass(frozen=True)
class Normalizer(ABC):
    """Base class of normalizations of a hidden layer, before its learned scale and shift.

    A subclass has a name and two functions, compiled by Numba or plain Python, which change their first argument in
    place. `forward(z, state)` normalizes the values z, shape (rows, units). `backward(gradient, value, state)` replaces
    the gradient at the normalized values `value` by the gradient at z. `state` is a `LayerState` with memory, settings,
    statistics and eps. All other methods have defaults.

    Attributes
    ----------
    name : str
        Name in tables.
    uses_batch : bool
        True if the normalizer uses statistics over the rows of a batch. `forward` then writes them to `state.mean` and
        `state.var`, and running statistics follow them. Evaluation mode is (z - mean) / sqrt(var + eps) with the
        running statistics. If False, the values of a row depend on this row alone, and evaluation mode is `forward`.
    moments : bool
        True if these statistics are the mean and biased variance of the rows. If False, `state.mean` is another center
        and `state.var` the square of another scale. A subclass then has a method `statistics` for those of rows, and a
        method `follow(state, weight)`, which moves `state.running_mean` and `state.running_var` in place toward them.
    learns_scale : bool
        True if the layer has a learned scale besides its learned shift.
    scale_free : bool
        True if z in another unit gives the same normalized values, apart from eps.
    exact_gradient : bool
        True if `backward` is the gradient of `forward`, False if it counts functions of z as constants. The gradient of
        a user's normalizer is checked before a run only if True.
    checks_gradient : bool
        True if `backward` of a user's normalizer is compared with finite differences of `forward` before a run. False
        if `backward` leaves out a part of the gradient on purpose.

    Examples
    --------
    A normalizer of a user subtracts the mean of each row:

    >>> class Centered(Normalizer):
    ...     name = "centered"
    ...
    ...     @staticmethod
    ...     def forward(z, state):
    ...         z -= z.mean(axis=1, keepdims=True)
    ...
    ...     @staticmethod
    ...     def backward(gradient, value, state):
    ...         gradient -= gradient.mean(axis=1, keepdims=True)
    >>> Centered().evaluate(np.array([[1.0, 3.0]]), mean=None, var=None, eps=1e-5)
    array([[-1.,  1.]])
    """

    name: ClassVar[str]
    uses_batch: ClassVar[bool] = False
    moments: ClassVar[bool] = True
    learns_scale: ClassVar[bool] = True
    scale_free: ClassVar[bool] = True
    exact_gradient: ClassVar[bool] = True
    checks_gradient: ClassVar[bool] = True
    forward: ClassVar[Callable[..., None]]
    backward: ClassVar[Callable[..., None]]
    follow: ClassVar[Callable[..., None]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "check" in vars(cls) and not is_own(cls):
            cls.check = _checked_batches(cls.check)  # type: ignore[method-assign]
        for name in ("forward", "backward"):
            function = vars(cls).get(name)
            if function is not None and not isinstance(function, staticmethod):
                setattr(cls, name, staticmethod(function))

    @staticmethod
    def of(source: str | Normalizer) -> Normalizer:
        """Return the normalizer with a given name and default parameters, or the given normalizer.

        Parameters
        ----------
        source : str or Normalizer
            Name of a normalizer, or a normalizer.

        Returns
        -------
        Normalizer
            The normalizer.

        Raises
        ------
        ValueError
            If the name is unknown, or if a subclass overrides nothing.

        Examples
        --------
        >>> Normalizer.of("renorm")
        Renorm(r_max=3.0, d_max=5.0, schedule=(100, 500, 800))
        """
        if not isinstance(source, Normalizer):
            return named("normalizer", source, NORMALIZERS, "a bn.normalizers.Normalizer")
        source._refuse_incomplete()
        return source

    def set_rows(self, batch_size: int) -> int:
        """Return the number of rows that have a common mean and variance.

        Parameters
        ----------
        batch_size : int
            Number of rows in a batch.

        Returns
        -------
        int
            Number of rows; by default the batch size.
        """
        return batch_size

    def rows_in_loss(self, batch_size: int) -> int:
        """Return the number of rows, the first ones of a batch, whose loss is minimized.

        Parameters
        ----------
        batch_size : int
            Number of rows in a batch.

        Returns
        -------
        int
            Number of rows; by default all. The other rows only enter the statistics.
        """
        return batch_size

    @checked(z=values_of_layer)
    @np.errstate(all="ignore")  # of values beyond the floats of z
    def statistics(self, z: RealArray) -> tuple[RealArray, RealArray]:
        """Return the statistics of rows, as `forward` writes those of a batch.

        Parameters
        ----------
        z : array, shape (rows, units)
            Values of a layer, such as those of the whole training set.

        Returns
        -------
        mean : array, shape (units,)
            Center; by default the mean, summed in float64.
        var : array, shape (units,)
            Squared scale; by default the biased variance. Both are nan where a value of z is nan or infinite.

        Examples
        --------
        >>> mean, var = Normalizer.of("batch").statistics(np.array([[1.0], [3.0]]))
        >>> mean.tolist(), var.tolist()
        ([2.0], [1.0])
        """
        return moments(z)

    def settings(self, step: IntArray) -> FloatArray:
        """Return the numbers for `state.settings` at each training step.

        Parameters
        ----------
        step : int array, shape (steps,)
            Numbers of training steps, from 1.

        Returns
        -------
        array, shape (steps, numbers)
            Settings at each step; by default none.
        """
        return np.empty((*step.shape, 0))

    def frozen(self, step: IntArray) -> NDArray[np.bool_]:
        """Return True for each training step that normalizes by constant running statistics.

        Parameters
        ----------
        step : int array, shape (steps,)
            Numbers of training steps, from 1.

        Returns
        -------
        bool array, shape (steps,)
            True if the running statistics are constants at the step; by default False.
        """
        return np.zeros(step.shape, dtype=bool)

    def memory_rows(self, rows: int) -> int:
        """Return the number of rows of `state.memory`, in which `forward` stores numbers for `backward`.

        Parameters
        ----------
        rows : int
            Number of rows in a batch.

        Returns
        -------
        int
            Number of rows of memory, each with one number for every unit; by default four more than the batch has.
        """
        return rows + 4

    @_checked_batches
    def check(self, batch_size: int, hidden: tuple[int, ...]) -> None:
        """Raise ValueError if the normalizer cannot take batches of this size or layers of these widths.

        Parameters
        ----------
        batch_size : int
            Number of rows in a batch.
        hidden : tuple of int
            Units of each hidden layer.
        """
        if self.uses_batch and batch_size < 2:
            raise ValueError(
                f"a variance needs at least 2 rows; got batch size {batch_size} with normalizer {self.name!r}."
            )

    @checked(z=values_of_layer, mean=statistics_of_layer, var=variance_of_layer, eps=interval("[0, 1e30]"))
    def evaluate(self, z: RealArray, mean: Any, var: Any, eps: float) -> RealArray:
        """Return normalized values in evaluation mode.

        Parameters
        ----------
        z : array, shape (..., units)
            Values of a layer.
        mean, var : array or None
            Statistics that broadcast against z; unused if the normalizer uses no batch statistics.
        eps : float
            Number that is added to each variance.

        Returns
        -------
        array, shape (..., units)
            Normalized values; nan or infinite where z or the statistics are, and for equal values with an eps of 0.
        """
        if self.uses_batch:
            _check_fit(z, mean, var)
            with np.errstate(all="ignore"):  # of statistics beyond the floats of z
                return np.asarray((z - mean) / np.sqrt(var + z.dtype.type(eps)))
        if not hasattr(self, "forward"):
            Normalizer.of(self)  # which says what is missing
        self.check(2, (z.shape[-1],))  # compiled code would write beyond its memory
        rows = z.reshape(-1, z.shape[-1]).copy()
        self.forward(rows, self.state(*rows.shape, eps, rows.dtype))
        return rows.reshape(z.shape)

    def state(self, rows: int, units: int, eps: float, dtype: DTypeLike = np.float32, step: int = 1) -> LayerState:
        """Return the state of a layer at one training step, with running mean 0 and running variance 1.

        Parameters
        ----------
        rows, units : int
            Shape of the layer's values.
        eps : float
            Number that is added to each variance.
        dtype : dtype
            Float type of the state.
        step : int
            Number of the training step, from 1.

        Returns
        -------
        LayerState
            Memory, settings, statistics and eps of the layer.
        """
        kind: Any = np.dtype(dtype).type
        sets = rows // self.set_rows(rows) if self.uses_batch else 0
        mean, var = np.zeros((2, sets, units), kind)
        memory = np.zeros((self.memory_rows(rows), units), kind)
        settings = self.settings(np.array([step]))[0].astype(kind)
        return LayerState(mean, var, np.zeros(units, kind), np.ones(units, kind), memory, settings, kind(eps))

    def _refuse_incomplete(self) -> None:
        """Raise ValueError for a user's subclass that lacks functions, or overrides nothing of its base."""
        kind = type(self)
        missing = [name for name in ("name", "forward", "backward") if not hasattr(kind, name)]
        if missing:
            raise ValueError(
                f"normalizer {kind.__name__} has no {' and no '.join(missing)}; a normalizer is a name and two "
                "functions, forward(z, state) and backward(gradient, value, state)."
            )
        needed = () if self.moments or not self.uses_batch else ("statistics", "follow")
        missing = [name for name in needed if getattr(kind, name, None) is getattr(Normalizer, name, None)]
        if missing:
            raise ValueError(
                f"normalizer {kind.__name__} has other statistics than mean and variance (moments = False), but no "
                f"{' and no '.join(missing)}; give it statistics(z), of rows, and follow(state, weight), of the "
                "running ones."
            )
        known = (*CLASSES.values(), *Normalizer.__mro__)
        own = {name for base in kind.__mro__ if base not in known for name in vars(base)}
        changeable = {name for name in ("forward", "backward", *vars(Normalizer)) if not name.startswith("_")}
        if kind not in known and not own & (changeable - {"of"}):
            raise ValueError(
                f"normalizer {kind.__name__} overrides nothing of {kind.__mro__[1].__name__}; give it a forward and a "
                f"backward of its own, or use {kind.__mro__[1].__name__} itself."
            )


CLASSES: dict[str, type[Normalizer]] = {}
"""Classes of the normalizers in this folder, by name; `registry` finds them."""
NORMALIZERS: dict[str, Normalizer] = {}
"""Normalizers with default parameters, by their names in tables."""

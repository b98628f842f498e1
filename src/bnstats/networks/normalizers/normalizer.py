"""What a normalizer is: two functions, forward and backward, and what the frame has to know of them."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bnstats._checks.array_types import FloatArray, IntArray, RealArray
from bnstats._checks.values import named
from bnstats.networks.kernels.layers import LayerState


@dataclass(frozen=True)
class Normalizer(ABC):
    """How a hidden layer normalizes its values z, shape (rows, units), before the learned scale and shift.

    A subclass has a name and two functions, compiled by Numba or plain Python, which change their first argument in
    place: `forward(z, state)` normalizes z, and `backward(gradient, value, state)` turns the gradient at the normalized
    values, which it is given, too, into that at z. `state` is a `LayerState`: memory, settings, statistics, eps. The
    other methods have defaults.

    Attributes
    ----------
    name : str
    uses_batch : bool
        Whether statistics over the rows of a batch enter. `forward` then writes them to `state.mean` and `state.var`,
        running statistics are kept, and evaluation mode is (z - mean) / sqrt(var + eps) with them. Otherwise a row's
        values depend on that row alone, and evaluation mode is `forward`.
    learns_scale : bool
        Whether a learned scale follows, beside the shift.

    Examples
    --------
    Each row minus its mean, written by a user:

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
    learns_scale: ClassVar[bool] = True
    forward: ClassVar[Callable[..., None]]
    backward: ClassVar[Callable[..., None]]

    def __init_subclass__(cls) -> None:
        for name in ("forward", "backward"):
            function = vars(cls).get(name)
            if function is not None and not isinstance(function, staticmethod):
                setattr(cls, name, staticmethod(function))

    @staticmethod
    def of(source: str | Normalizer) -> Normalizer:
        """The normalizer of that name, with its defaults, or the one given.

        Raises
        ------
        ValueError
            For an unknown name, or a subclass that has nothing of its own.

        Examples
        --------
        >>> Normalizer.of("renorm")
        Renorm(r_max=3.0, d_max=5.0, schedule=(100, 500, 800))
        """
        from bnstats.networks.normalizers.registry import NORMALIZERS, refuse_empty

        if not isinstance(source, Normalizer):
            return named("normalizer", source, NORMALIZERS, "a bn.normalizers.Normalizer")
        refuse_empty(source)
        return source

    def set_rows(self, batch_size: int) -> int:
        """How many rows share a mean and variance, where statistics over rows enter."""
        return batch_size

    def settings(self, step: IntArray) -> FloatArray:
        """The numbers that both functions get at steps 1, 2, ... of training, shape (steps, numbers)."""
        return np.empty((*step.shape, 0))

    def frozen(self, step: IntArray) -> NDArray[np.bool_]:
        """Whether the running statistics normalize in training too, as constants, and are kept as they are."""
        return np.zeros(step.shape, dtype=bool)

    def memory_rows(self, rows: int) -> int:
        """How many rows, each with a number for every unit, `forward` can keep for `backward`."""
        return rows + 4

    def check(self, batch_size: int, hidden: tuple[int, ...]) -> None:
        """Raise ValueError if batches of this size, or layers of these widths, cannot be normalized so."""
        if self.uses_batch and batch_size < 2:
            raise ValueError(
                f"a variance needs at least 2 rows; got batch size {batch_size} with normalizer {self.name!r}."
            )

    def evaluate(self, z: RealArray, mean: Any, var: Any, eps: float) -> RealArray:
        """Evaluation mode: z, shape (..., units), normalized by statistics that broadcast against it."""
        if self.uses_batch:
            return np.asarray((z - mean) / np.sqrt(var + z.dtype.type(eps)))
        rows = z.reshape(-1, z.shape[-1]).copy()
        self.forward(rows, self.state(*rows.shape, eps, rows.dtype))
        return rows.reshape(z.shape)

    def state(self, rows: int, units: int, eps: float, dtype: DTypeLike = np.float32, step: int = 1) -> LayerState:
        """The state of a layer at one step of training, with running statistics 0 and 1."""
        kind: Any = np.dtype(dtype).type
        sets = rows // self.set_rows(rows) if self.uses_batch else 0
        mean, var = np.zeros((2, sets, units), kind)
        memory = np.zeros((self.memory_rows(rows), units), kind)
        settings = self.settings(np.array([step]))[0].astype(kind)
        return LayerState(mean, var, np.zeros(units, kind), np.ones(units, kind), memory, settings, kind(eps))

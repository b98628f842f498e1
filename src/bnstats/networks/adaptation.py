"""Base class of adaptations at test time: statistics of layers that depend on the test rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, ClassVar

import numpy as np

from bnstats._checks.arguments import CheckedMethods
from bnstats._checks.array_types import IntArray, RealArray
from bnstats._checks.arrays import rows_of_inputs
from bnstats._checks.user_code import CHECKING, checked_before, is_own
from bnstats._checks.values import instance
from bnstats.networks.layer_statistics import (
    Statistics,
    check_given,
    check_rows,
    floats,
    rows_of_batches,
)
from bnstats.networks.network import Network
from bnstats.networks.normalizers.normalizer import Normalizer

MeanAndVariance = tuple[RealArray, RealArray]


def _values(name: str, given: Any) -> RealArray:
    """Return values of a layer, shape (batches, rows, units)."""
    z = floats(name, given)
    if z.ndim != 3 or not z.size:
        raise ValueError(f"{name} has three axes, batches, rows and units; got shape {z.shape}.")
    return z


def _fitting(adapt: Callable[..., MeanAndVariance]) -> Callable[..., MeanAndVariance]:
    """Check the statistics and values that `adapt` gets, one by one and against each other."""

    @wraps(adapt)
    def checked_call(self: Adaptation, mean: Any, var: Any, z: Any) -> MeanAndVariance:
        if CHECKING.done:
            return adapt(self, mean, var, z)
        mean, var, z = floats("mean", mean), floats("var", var), _values("z", z)
        if any(part.ndim > 1 or part.size not in (1, z.shape[-1]) for part in (mean, var)):
            raise ValueError(
                f"mean and var have a value for each of the {z.shape[-1]} units of z; got shapes {mean.shape} and "
                f"{var.shape}."
            )
        with np.errstate(all="ignore"):  # the values of a network that has diverged
            return adapt(self, mean, var, z)

    return checked_call


@dataclass(frozen=True)
class Adaptation(CheckedMethods, ABC):
    """Base class of adaptations of a layer's statistics to its values at test time.

    A subclass has a name and a method `adapt`. An entry in `ADAPTATIONS` lets tests and studies find the subclass.
    """

    checks: ClassVar = {
        "network": partial(instance, required=Network, example="bn.networks.Network.initial(...)"),
        "source": partial(instance, required=Statistics, example="network.running"),
        "x": rows_of_inputs,
        "batches": rows_of_batches,
    }

    remembers: ClassVar[bool] = False
    """True if the statistics of a batch depend on earlier batches."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "adapt" in vars(cls) and not is_own(cls):
            cls.adapt = _fitting(cls.adapt)  # type: ignore[method-assign]

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in tables."""

    @abstractmethod
    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> MeanAndVariance:
        """Return the mean and variance that normalize the values z at test time.

        Parameters
        ----------
        mean, var : array, shape (units,)
            Statistics of training.
        z : array, shape (batches, rows, units)
            Values of the layer.

        Returns
        -------
        mean : array
            Adapted mean, which broadcasts against z.
        var : array
            Adapted variance, which broadcasts against z. Both are nan or infinite where z is, or where a square exceeds
            all floats.
        """

    def logits(self, network: Network, source: Statistics, x: RealArray, batches: IntArray) -> RealArray:
        """Return logits in evaluation mode with adapted statistics.

        Each layer adapts its `source` statistics to its actual values, after the layers below have adapted theirs.

        Parameters
        ----------
        network : Network
            Trained network.
        source : Statistics
            Statistics of training.
        x : array, shape (rows, inputs)
            Test rows.
        batches : int array, shape (batches, batch size)
            Row numbers of each test batch.

        Returns
        -------
        array, shape (batches, batch size, classes)
            Logits.
        """
        check_rows(x, batches, network.sizes[0])
        check_given(source, network.recipe.hidden)
        check_moments(self, network.recipe.normalizer)
        if not network.recipe.normalizer.uses_batch:
            return network.logits(x)[batches]
        with checked_before(self if is_own(self) else network.recipe.normalizer):
            return network.evaluate(x[batches], lambda k, z: self.adapt(source.mean[k], source.var[k], z))


def check_moments(adaptation: Adaptation, normalizer: Normalizer) -> None:
    """Raise ValueError if the statistics of a normalizer, which would be adapted, are not mean and variance."""
    if normalizer.uses_batch and not normalizer.moments:
        raise ValueError(
            f"adaptation {adaptation.name!r} is of means and variances, and normalizer {normalizer.name!r} has other "
            "statistics (moments = False); leave the adaptation out."
        )

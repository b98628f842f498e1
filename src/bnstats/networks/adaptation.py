"""Adaptation at test time: statistics of the test rows, alone or mixed with those of training."""

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
from bnstats._checks.numbers import number, whole
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
from bnstats.statistics.conventions import smooth

Pair = tuple[RealArray, RealArray]


def _values(name: str, given: Any) -> RealArray:
    """Values of a layer, shape (batches, rows, units)."""
    z = floats(name, given)
    if z.ndim != 3 or not z.size:
        raise ValueError(f"{name} has three axes, batches, rows and units; got shape {z.shape}.")
    return z


def _fitting(adapt: Callable[..., Pair]) -> Callable[..., Pair]:
    """Check the statistics and values that `adapt` gets, one by one and against each other."""

    @wraps(adapt)
    def door(self: Adaptation, mean: Any, var: Any, z: Any) -> Pair:
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

    return door


@dataclass(frozen=True)
class Adaptation(CheckedMethods, ABC):
    """Base class of adaptations of a layer's statistics to its values at test time.

    A subclass has a name and a method `adapt`. An entry in `ADAPTATIONS` lets tests and studies find the subclass.
    """

    checks: ClassVar = {
        "network": partial(instance, wanted=Network, example="bn.networks.Network.initial(...)"),
        "source": partial(instance, wanted=Statistics, example="network.running"),
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
    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
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


def own(z: RealArray) -> Pair:
    """Return the mean and biased variance of each batch, shape (batches, 1, units)."""
    mean = z.mean(axis=1, keepdims=True)
    return mean, np.square(z - mean).mean(axis=1, keepdims=True)


@dataclass(frozen=True)
class PredictionTime(Adaptation):
    """Statistics of the test batch alone (Nado et al. 2020, arXiv 2006.10963).

    Examples
    --------
    >>> mean, var = PredictionTime().adapt(np.float32(0.0), np.float32(4.0), np.array([[[1.0], [3.0]]]))
    >>> mean.item(), var.item()
    (2.0, 1.0)
    """

    name = "prediction-time"

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
        return own(z)


@dataclass(frozen=True)
class Mixed(Adaptation):
    """Mixture of statistics of training and of the test batch (Schneider et al. 2020, arXiv 2006.16971).

    For N = `pseudo` and batches of n rows, mean and variance are N / (N + n) times those of training, plus n / (N + n)
    times those of the test batch. N = 0 is the test batch alone.

    Parameters
    ----------
    pseudo : float
        Number of test rows that the statistics of training stand for.

    Examples
    --------
    >>> mean, var = Mixed(pseudo=2).adapt(np.float32(0.0), np.float32(4.0), np.array([[[1.0], [3.0]]]))
    >>> mean.item(), var.item()
    (1.0, 2.5)
    """

    pseudo: float = 16

    def __post_init__(self) -> None:
        object.__setattr__(self, "pseudo", number("pseudo", self.pseudo, "[0, inf)", "a number of rows"))

    @property
    def name(self) -> str:
        return f"mixed {self.pseudo:.15g}"

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
        weight = z.dtype.type(z.shape[1] / (self.pseudo + z.shape[1]))
        batch_mean, batch_var = own(z)
        return smooth(mean, batch_mean, weight), smooth(var, batch_var, weight)


@dataclass(frozen=True)
class Weighed(Adaptation):
    """Mixture of the statistics of training and of each row (Summers & Dinneen 2020, arXiv 1906.03548).

    The paper calls it example weighing. It mixes the moments E[z] and E[z²] and not the variances, so the variance is
    (1 - w) var + w (1 - w) (z - mean)².

    Parameters
    ----------
    weight : float
        Weight w of a row's own values, from 0 to 1.

    Examples
    --------
    >>> mean, var = Weighed(weight=0.5).adapt(np.float32(0.0), np.float32(1.0), np.array([[[2.0]]]))
    >>> mean.item(), var.item()     # E[z²] is (1 + 4) / 2
    (1.0, 1.5)
    """

    weight: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "weight", number("weight", self.weight, "[0, 1]", "a proportion of a row's own values")
        )

    @property
    def name(self) -> str:
        return f"weighed {self.weight:.15g}"

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
        weight = z.dtype.type(self.weight)
        return smooth(mean, z, weight), (1 - weight) * (var + weight * np.square(z - mean))


@dataclass(frozen=True)
class MeanOnly(Adaptation):
    """Mean of the test batch, with the variance of training.

    Examples
    --------
    >>> mean, var = MeanOnly().adapt(np.float32(0.0), np.float32(4.0), np.array([[[1.0], [3.0]]]))
    >>> mean.item(), var.item()
    (2.0, 4.0)
    """

    name = "mean only"

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
        return own(z)[0], var


@dataclass(frozen=True)
class VarianceOnly(Adaptation):
    """Variance of the test batch about its own mean, with the mean of training.

    Examples
    --------
    >>> mean, var = VarianceOnly().adapt(np.float32(0.0), np.float32(4.0), np.array([[[1.0], [3.0]]]))
    >>> mean.item(), var.item()
    (0.0, 1.0)
    """

    name = "variance only"

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
        return mean, own(z)[1]


@dataclass(frozen=True)
class Continued(Adaptation):
    """Running average that is continued over the test batches; each batch is normalized after its update.

    Parameters
    ----------
    momentum : float
        Weight of each test batch, above 0 and at most 1.
    ddof : {0, 1}
        Degrees of freedom that the batch variance subtracts; 1 is unbiased, as in PyTorch's running variance.

    Examples
    --------
    >>> mean, var = Continued(0.5).adapt(np.float32(0.0), np.float32(4.0), np.array([[[1.0], [3.0]], [[5.0], [7.0]]]))
    >>> mean.ravel().tolist(), var.ravel().tolist()
    ([1.0, 3.5], [3.0, 2.5])
    """

    momentum: float = 0.1
    ddof: int = 1
    remembers = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "momentum", number("momentum", self.momentum, "(0, 1]", "the weight of a test batch"))
        object.__setattr__(self, "ddof", whole("ddof", self.ddof, minimum=0, maximum=1))

    @property
    def name(self) -> str:
        return f"continued {self.momentum:.15g}" + ("" if self.ddof else ", biased")

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
        momentum, adapted = z.dtype.type(self.momentum), own(z)
        adapted[1][:] *= z.dtype.type(z.shape[1] / max(z.shape[1] - self.ddof, 1))
        for of_batches, old in zip(adapted, (mean, var), strict=True):
            for b, new in enumerate(of_batches):
                old = of_batches[b] = smooth(old, new, momentum)
        return adapted


ADAPTATIONS: dict[str, Adaptation] = {
    "prediction-time": PredictionTime(),
    "mixed": Mixed(),
    "weighed": Weighed(),
    "mean only": MeanOnly(),
    "variance only": VarianceOnly(),
    "continued": Continued(),
}

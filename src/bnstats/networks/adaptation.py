"""Statistics of the test rows themselves, mixed with those of training: adaptation at test time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bnstats._checks.array_types import IntArray, RealArray
from bnstats._checks.numbers import number, whole
from bnstats._checks.user_code import LendsArrays
from bnstats.networks.layer_statistics import Statistics
from bnstats.networks.network import Network
from bnstats.statistics.conventions import smooth

Pair = tuple[RealArray, RealArray]


@dataclass(frozen=True)
class Adaptation(LendsArrays, ABC):
    """How a layer's statistics are adapted to the values that it gets at test time.

    A subclass has a name and `adapt`; an entry in `ADAPTATIONS` lets tests and studies find it.
    """

    remembers: ClassVar[bool] = False
    """Whether the statistics of a batch depend on the batches before it."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in tables."""

    @abstractmethod
    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
        """Mean and variance for z, shape (batches, rows, units), from those of training, shape (units,).

        What is returned broadcasts against z.
        """

    def logits(self, network: Network, source: Statistics, x: RealArray, batches: IntArray) -> RealArray:
        """Logits in evaluation mode of the rows in `batches`, shape (batches, batch size, classes).

        Each layer adapts the `source` statistics to what it really gets, after the layers below have adapted theirs.
        """
        if not network.recipe.normalizer.uses_batch:
            return network.logits(x)[batches]
        return network.evaluate(x[batches], lambda k, z: self.adapt(source.mean[k], source.var[k], z))


def own(z: RealArray) -> Pair:
    """Mean and biased variance of each batch, shape (batches, 1, units)."""
    mean = z.mean(axis=1, keepdims=True)
    return mean, np.square(z - mean).mean(axis=1, keepdims=True)


@dataclass(frozen=True)
class PredictionTime(Adaptation):
    """The test batch's own statistics, nothing of training (Nado et al. 2020, arXiv 2006.10963).

    >>> mean, var = PredictionTime().adapt(np.float32(0.0), np.float32(4.0), np.array([[[1.0], [3.0]]]))
    >>> mean.item(), var.item()
    (2.0, 1.0)
    """

    name = "prediction-time"

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
        return own(z)


@dataclass(frozen=True)
class Mixed(Adaptation):
    """Source statistics as `pseudo` further rows of the test batch (Schneider et al. 2020, arXiv 2006.16971).

    Both moments are N / (N + n) source + n / (N + n) test batch; N = 0 is the test batch alone.

    >>> mean, var = Mixed(pseudo=2).adapt(np.float32(0.0), np.float32(4.0), np.array([[[1.0], [3.0]]]))
    >>> mean.item(), var.item()
    (1.0, 2.5)
    """

    pseudo: float = 16

    def __post_init__(self) -> None:
        number("pseudo", self.pseudo, "[0, inf)", "a number of rows")

    @property
    def name(self) -> str:
        return f"mixed {self.pseudo:.15g}"

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
        share = z.dtype.type(z.shape[1] / (self.pseudo + z.shape[1]))
        here = own(z)
        return smooth(mean, here[0], share), smooth(var, here[1], share)


@dataclass(frozen=True)
class Weighed(Adaptation):
    """Each row's own values enter with this weight (example weighing, Summers & Dinneen 2020, arXiv 1906.03548).

    Mixed are the moments E[z] and E[z²], not the variances: the variance is (1 - w) var + w (1 - w) (z - mean)².

    >>> mean, var = Weighed(weight=0.5).adapt(np.float32(0.0), np.float32(1.0), np.array([[[2.0]]]))
    >>> mean.item(), var.item()     # E[z²] is (1 + 4) / 2
    (1.0, 1.5)
    """

    weight: float = 0.1

    def __post_init__(self) -> None:
        number("weight", self.weight, "[0, 1]", "a share of a row's own values")

    @property
    def name(self) -> str:
        return f"weighed {self.weight:.15g}"

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
        share = z.dtype.type(self.weight)
        return smooth(mean, z, share), (1 - share) * (var + share * np.square(z - mean))


@dataclass(frozen=True)
class MeanOnly(Adaptation):
    """The test batch's mean with the variance of training.

    >>> mean, var = MeanOnly().adapt(np.float32(0.0), np.float32(4.0), np.array([[[1.0], [3.0]]]))
    >>> mean.item(), var.item()
    (2.0, 4.0)
    """

    name = "mean only"

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
        return own(z)[0], var


@dataclass(frozen=True)
class VarianceOnly(Adaptation):
    """The test batch's variance, about its own mean, with the mean of training.

    >>> mean, var = VarianceOnly().adapt(np.float32(0.0), np.float32(4.0), np.array([[[1.0], [3.0]]]))
    >>> mean.item(), var.item()
    (0.0, 1.0)
    """

    name = "variance only"

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
        return mean, own(z)[1]


@dataclass(frozen=True)
class Continued(Adaptation):
    """The running average goes on over the stream of test batches; a batch is normalized after its own update.

    Parameters
    ----------
    momentum : float in (0, 1]
        Weight of each test batch.
    ddof : 0 or 1
        Of the variance that enters: 1 is unbiased, as in PyTorch's running variance.

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
        number("momentum", self.momentum, "(0, 1]", "the weight of a test batch")
        whole("ddof", self.ddof, minimum=0, maximum=1)

    @property
    def name(self) -> str:
        return f"continued {self.momentum:.15g}" + ("" if self.ddof else ", biased")

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> Pair:
        share, found = z.dtype.type(self.momentum), own(z)
        found[1][:] *= z.dtype.type(z.shape[1] / max(z.shape[1] - self.ddof, 1))
        for of_batches, old in zip(found, (mean, var), strict=True):
            for b, new in enumerate(of_batches):
                old = of_batches[b] = smooth(old, new, share)
        return found


ADAPTATIONS: dict[str, Adaptation] = {
    "prediction-time": PredictionTime(),
    "mixed": Mixed(),
    "weighed": Weighed(),
    "mean only": MeanOnly(),
    "variance only": VarianceOnly(),
    "continued": Continued(),
}

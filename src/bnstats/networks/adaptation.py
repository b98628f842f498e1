"""Statistics of the test rows themselves, mixed with those of training: adaptation at test time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from bnstats._arrays import IntArray, RealArray
from bnstats._validation import number
from bnstats.networks.network import Network, Statistics
from bnstats.statistics.conventions import smooth


@dataclass(frozen=True)
class Mixing(ABC):
    """What mixes given statistics with values that are tested, in each layer: ten lines for one of these."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in tables."""

    @abstractmethod
    def mix(self, mean: RealArray, var: RealArray, z: RealArray) -> tuple[RealArray, RealArray]:
        """Mean and variance for z, shape (batches, rows, units), that broadcast against it."""

    def logits(self, network: Network, source: Statistics, x: RealArray, batches: IntArray) -> RealArray:
        """Logits in evaluation mode of the rows in `batches`, shape (batches, batch size, classes).

        Each layer mixes the `source` statistics with what it really gets, after the layers below have mixed theirs.
        """
        if not network.recipe.normalizer.uses_batch:
            return network.logits(x)[batches]
        return network.evaluate(x[batches], lambda k, z: self.mix(source.mean[k], source.var[k], z))


@dataclass(frozen=True)
class Mixed(Mixing):
    """Source statistics as `pseudo` further rows of the test batch (Schneider et al. 2020, arXiv 2006.16971).

    Both moments are N / (N + n) source + n / (N + n) test batch; N = 0 is the test batch alone (Nado et al. 2020).

    >>> mean, var = Mixed(pseudo=2).mix(np.float32(0.0), np.float32(4.0), np.array([[[1.0], [3.0]]]))
    >>> mean.item(), var.item()
    (1.0, 2.5)
    """

    pseudo: float = 16

    def __post_init__(self) -> None:
        number("pseudo", self.pseudo, "[0, inf)", "a number of rows")

    @property
    def name(self) -> str:
        return f"mixed {self.pseudo:.15g}"

    def mix(self, mean: RealArray, var: RealArray, z: RealArray) -> tuple[RealArray, RealArray]:
        share = z.dtype.type(z.shape[1] / (self.pseudo + z.shape[1]))
        here = z.mean(axis=1, keepdims=True)
        return smooth(mean, here, share), smooth(var, np.square(z - here).mean(axis=1, keepdims=True), share)


@dataclass(frozen=True)
class Weighed(Mixing):
    """Each row's own values enter with this weight (example weighing, Summers & Dinneen 2020, arXiv 1906.03548).

    Mixed are the moments E[z] and E[z²], not the variances: the variance is (1 - w) var + w (1 - w) (z - mean)².

    >>> mean, var = Weighed(weight=0.5).mix(np.float32(0.0), np.float32(1.0), np.array([[[2.0]]]))
    >>> mean.item(), var.item()     # E[z²] is (1 + 4) / 2
    (1.0, 1.5)
    """

    weight: float = 0.1

    def __post_init__(self) -> None:
        number("weight", self.weight, "[0, 1]", "a share of a row's own values")

    @property
    def name(self) -> str:
        return f"weighed {self.weight:.15g}"

    def mix(self, mean: RealArray, var: RealArray, z: RealArray) -> tuple[RealArray, RealArray]:
        own = z.dtype.type(self.weight)
        return smooth(mean, z, own), (1 - own) * (var + own * np.square(z - mean))


MIXINGS: dict[str, Mixing] = {"mixed": Mixed(), "weighed": Weighed()}

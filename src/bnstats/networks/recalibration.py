"""Statistics for evaluation mode that need no retraining: estimated anew, or mixed with those of what is tested.

A network hands on layer by layer, so what a layer's statistics should be depends on those of the layers below. Where
no statistics of batches enter (layer normalisation, say), there is nothing to estimate and nothing to mix.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats.arguments import number
from bnstats.networks.ensemble import Network, Statistics
from bnstats.statistics.running import smooth

Floats = NDArray[Any]
Indices = NDArray[np.int64]


def precise(network: Network, x: Floats, batches: Indices) -> Statistics:
    """Statistics of batches pooled at frozen weights (Wu & Johnson 2021, arXiv 2105.07576).

    Each batch passes in training mode, normalised by itself. By the law of total variance, the pooled variance
    E[mu_B² + var_B] - mu² is the mean of the batches' variances plus the variance of their means.

    Parameters
    ----------
    x : (rows, inputs) floats
    batches : (batches, batch size) ints
        Row numbers.
    """
    if not network.recipe.normalizer.uses_batch:
        return network.running
    each = network.batch_statistics(x, batches)
    pooled = [(_moments(means), _moments(variances)) for means, variances in zip(each.mean, each.var, strict=True)]
    return Statistics(tuple(m[0] for m, _ in pooled), tuple(m[1] + v[0] for m, v in pooled))


def population(network: Network, x: Floats) -> Statistics:
    """Statistics of all rows, layer by layer: each layer is normalised by them before the next one's are taken.

    So they are those of what each layer really gets in evaluation mode, whereas batches that pass in training mode
    normalise the layers below by statistics that vary from batch to batch.
    """
    if not network.recipe.normalizer.uses_batch:
        return network.running
    found: list[tuple[Floats, Floats]] = []

    def measured(_: int, z: Floats) -> tuple[Floats, Floats]:
        found.append(_moments(z))
        return found[-1]

    _forward(network, x, measured)
    return Statistics(tuple(mean for mean, _ in found), tuple(var for _, var in found))


@dataclass(frozen=True)
class Mixing(ABC):
    """What mixes given statistics with values that are tested, in each layer: ten lines for one of these."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in tables."""

    @abstractmethod
    def mix(self, mean: Floats, var: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Mean and variance for z, shape (batches, rows, units), that broadcast against it."""

    def logits(self, network: Network, source: Statistics, x: Floats, batches: Indices) -> Floats:
        """Logits in evaluation mode of the rows in `batches`, shape (batches, batch size, classes).

        Each layer mixes the `source` statistics with what it really gets, after the layers below have mixed theirs.
        """
        if not network.recipe.normalizer.uses_batch:
            return network.logits(x)[batches]
        return _forward(network, x[batches], lambda layer, z: self.mix(source.mean[layer], source.var[layer], z))


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
        if not 0 <= number("pseudo", self.pseudo) < np.inf:
            raise ValueError(f"pseudo is a number of rows, at least 0 and finite; got {self.pseudo}.")

    @property
    def name(self) -> str:
        return f"mixed {self.pseudo:.15g}"

    def mix(self, mean: Floats, var: Floats, z: Floats) -> tuple[Floats, Floats]:
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
        if not 0 <= number("weight", self.weight) <= 1:
            raise ValueError(f"weight of a row's own values is from 0 to 1; got {self.weight}.")

    @property
    def name(self) -> str:
        return f"weighed {self.weight:.15g}"

    def mix(self, mean: Floats, var: Floats, z: Floats) -> tuple[Floats, Floats]:
        own = z.dtype.type(self.weight)
        return smooth(mean, z, own), (1 - own) * (var + own * np.square(z - mean))


MIXINGS: dict[str, Mixing] = {"mixed": Mixed(), "weighed": Weighed()}


def _moments(z: Floats) -> tuple[Floats, Floats]:
    """Mean and variance over rows, added up in float64."""
    mean = z.mean(axis=0, dtype=np.float64).astype(z.dtype)
    return mean, np.square(z - mean).mean(axis=0, dtype=np.float64).astype(z.dtype)


def _forward(network: Network, x: Floats, statistics: Callable[[int, Floats], tuple[Floats, Floats]]) -> Floats:
    """Logits of x, shape (..., inputs), where `statistics(layer, z)` says what that layer's z is normalised with."""
    recipe, values = network.recipe, x
    for layer in range(len(recipe.hidden)):
        z = values @ network.weights[layer]
        mean, var = statistics(layer, z)
        z -= mean
        z *= network.scale[layer] / np.sqrt(var + z.dtype.type(recipe.convention.eps))
        z += network.shift[layer]
        values = np.maximum(z, 0, out=z)
    return np.asarray(values @ network.weights[-1] + network.bias)

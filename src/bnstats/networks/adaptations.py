"""Adaptations at test time: statistics of the test rows, alone or mixed with those of training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstats._checks.array_types import RealArray
from bnstats._checks.numbers import number, whole
from bnstats.networks.adaptation import Adaptation, MeanAndVariance
from bnstats.statistics.running_conventions import smooth


def own(z: RealArray) -> MeanAndVariance:
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

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> MeanAndVariance:
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

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> MeanAndVariance:
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

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> MeanAndVariance:
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

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> MeanAndVariance:
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

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> MeanAndVariance:
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

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> MeanAndVariance:
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

"""Parameters of a network, with running statistics and the state of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import ClassVar, Self

import numpy as np
from numpy.random import Generator

from bnstats._checks.arguments import CheckedMethods
from bnstats._checks.array_types import Float32Array, RealArray
from bnstats._checks.numbers import LARGEST_BATCH, count, whole
from bnstats._checks.user_code import CHECKING
from bnstats._checks.values import generator, instance
from bnstats.networks.kernels.layers import LayerState, parts_of
from bnstats.networks.layer_statistics import Statistics, check_shapes, statistics_of_layers
from bnstats.networks.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Parameters(CheckedMethods):
    """Parameters of a network, running statistics and velocities; see `Network`."""

    checks: ClassVar = {
        "recipe": partial(instance, required=Recipe, example="bn.networks.Recipe(hidden=(64,))"),
        "inputs": count,
        "classes": partial(whole, minimum=2, maximum=LARGEST_BATCH),
        "rng": generator,
    }

    recipe: Recipe
    sizes: tuple[int, ...]
    parameters: Float32Array
    running: Statistics
    velocity: Float32Array
    steps: int = 0

    def __post_init__(self) -> None:
        """Check types and shapes, also after a user's `dataclasses.replace`, because compiled code checks none."""
        if CHECKING.done:
            return
        instance("recipe", self.recipe, Recipe, "bn.networks.Recipe(hidden=(64,))")
        object.__setattr__(self, "steps", whole("steps", self.steps, minimum=0))
        object.__setattr__(self, "sizes", self.recipe.sizes(self.sizes))
        numbers = sum((fan_in + 2) * units for fan_in, units in pairwise(self.sizes)) - self.sizes[-1]
        for name in ("parameters", "velocity"):
            values = getattr(self, name)
            if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.shape != (numbers,):
                raise ValueError(
                    f"{name} is a float32 array of shape ({numbers},) in a network of sizes {self.sizes}; got "
                    f"{getattr(values, 'dtype', type(values).__name__)} of shape {getattr(values, 'shape', '()')}."
                )
            object.__setattr__(self, name, np.ascontiguousarray(values))
        check_shapes(self.running, self.recipe.hidden)

    @classmethod
    def initial(cls, recipe: Recipe, inputs: int, classes: int, rng: Generator) -> Self:
        """Return an untrained network.

        Weights are drawn from N(0, gain / inputs of the layer) (He et al. 2015), with a gain of 1 in the output layer.
        Scales are 1, shifts and biases 0.

        Parameters
        ----------
        recipe : Recipe
            Architecture and training of the network.
        inputs : int
            Number of inputs.
        classes : int
            Number of classes.
        rng : numpy.random.Generator
            Source of the weights.

        Returns
        -------
        Network
            Network with 0 training steps.

        Examples
        --------
        >>> from bnstats.networks.network import Network
        >>> Network.initial(Recipe(hidden=(8,)), inputs=3, classes=2, rng=np.random.default_rng(0)).sizes
        (3, 8, 2)
        """
        sizes = recipe.sizes((inputs, *recipe.hidden, classes))
        last = len(recipe.hidden)
        parts = []
        for layer, (fan_in, units) in enumerate(pairwise(sizes)):
            spread = np.sqrt((1 if layer == last else recipe.gain) / fan_in)
            parts.append(np.float32(spread) * rng.standard_normal(fan_in * units, dtype=np.float32))
            parts += [np.zeros(units, np.float32)] + [np.ones(units, np.float32)] * (layer < last)
        parameters = np.concatenate(parts)
        mean, var = recipe.convention.start if recipe.normalizer.uses_batch else (0.0, 1.0)
        running = statistics_of_layers(
            (np.full(units, mean, np.float32), np.full(units, var, np.float32)) for units in recipe.hidden
        )
        return cls(recipe, sizes, parameters, running, np.zeros_like(parameters))

    @property
    def weights(self) -> tuple[Float32Array, ...]:
        """Weights of each layer, shape (inputs, units), the output layer last."""
        return tuple(weights for weights, _, _ in self._parts)

    @property
    def shift(self) -> tuple[Float32Array, ...]:
        """Learned shift of each hidden layer, shape (units,); also called beta."""
        return tuple(shift for _, shift, _ in self._parts[:-1])

    @property
    def scale(self) -> tuple[Float32Array, ...]:
        """Learned scale of each hidden layer, shape (units,), also called gamma; always 1 with `NoNorm`."""
        return tuple(scale for _, _, scale in self._parts[:-1])

    @property
    def bias(self) -> Float32Array:
        """Bias of the output layer, shape (classes,)."""
        return self._parts[-1][1]

    @cached_property
    def _parts(self) -> list[tuple[Float32Array, Float32Array, Float32Array]]:
        return parts_of(self.sizes, self.parameters)

    @property
    def diverged(self) -> bool:
        """True if a parameter or running statistic is not finite."""
        arrays = (self.parameters, *self.running.mean, *self.running.var)
        return not all(np.isfinite(values).all() for values in arrays)


def states_of(network: Parameters, rows: int) -> list[LayerState]:
    """Return the states of the hidden layers for batches of `rows` rows, with copies of the running statistics."""
    normalizer, eps = network.recipe.normalizer, network.recipe.convention.eps
    settings = normalizer.state(rows, 1, eps, step=network.steps + 1).settings
    return [
        normalizer.state(rows, mean.size, eps)._replace(
            running_mean=mean.copy(), running_var=var.copy(), settings=settings
        )
        for mean, var in zip(network.running.mean, network.running.var, strict=True)
    ]


def pass_through(
    network: Parameters, values: RealArray, normalize: Callable[[int, RealArray], RealArray], layer: int | None = None
) -> RealArray:
    """Return logits of rows, or the values that a hidden layer normalizes.

    `normalize` is a function (k, z) that returns the values z of layer k, normalized in an array of its own.
    """
    slope = network.recipe.slope
    for k in range(len(network.recipe.hidden)):
        z = values @ network.weights[k]
        if k == layer:
            return np.asarray(z)
        z = normalize(k, z)
        z *= network.scale[k]
        z += network.shift[k]
        values = np.where(z > 0, z, slope * z) if slope else np.maximum(z, 0, out=z)
    return np.asarray(values @ network.weights[-1] + network.bias)

"""Multilayer perceptrons for classification, with running statistics and the state of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from bnstats._checks.arguments import CheckedMethods
from bnstats._checks.array_types import Float32Array, FloatArray, IntArray, RealArray
from bnstats._checks.arrays import classes_of_rows, rows_of_inputs
from bnstats._checks.numbers import LARGEST_BATCH, count, whole
from bnstats._checks.user_code import called, name_of_function
from bnstats._checks.values import generator, instance
from bnstats.networks.kernels import training
from bnstats.networks.kernels.choice import addresses
from bnstats.networks.kernels.layers import LayerViews, layers_of, parts_of, table_of
from bnstats.networks.kernels.passes import Plan, plan_of
from bnstats.networks.layer_statistics import (
    Statistics,
    check_rows,
    check_shapes,
    rows_of_batches,
    statistics_of,
)
from bnstats.networks.recipe import Recipe

LayerStatistics = Callable[[int, RealArray], tuple[RealArray, RealArray]]


@dataclass(frozen=True, eq=False)
class Network(CheckedMethods):
    """Classifier with the state that further training needs.

    Attributes
    ----------
    recipe : Recipe
        Architecture and training of the network.
    sizes : tuple of int
        Numbers of inputs, of units in each hidden layer, and of classes.
    parameters : float32 array
        For each layer in turn: weights, shape (inputs, units), then shift, and in hidden layers scale.
    running : Statistics
        Running statistics of each hidden layer; mean 0 and variance 1 if the normalizer uses no batch statistics.
    velocity : float32 array
        Velocity of each parameter: minus the learning rate times PyTorch's momentum buffer.
    steps : int
        Number of training steps so far.

    Raises
    ------
    ValueError
        If an array does not fit the sizes, or the sizes do not fit the recipe.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(100, 3)).astype(np.float32), rng.integers(2, size=100)
    >>> x[:, 0] += 4 * y
    >>> start = Network.initial(Recipe(hidden=(8,)), inputs=3, classes=2, rng=rng)
    >>> network, losses = start.train(x, y, rng.integers(100, size=(200, 16)))
    >>> start.steps, network.steps, losses.shape
    (0, 200, (200,))
    >>> print(f"accuracy {(network.logits(x).argmax(axis=1) == y).mean():.2f}")
    accuracy 0.9...
    """

    checks: ClassVar = {
        "recipe": partial(instance, wanted=Recipe, example="bn.networks.Recipe(hidden=(64,))"),
        "inputs": count,
        "classes": partial(whole, minimum=2, maximum=LARGEST_BATCH),
        "rng": generator,
        "x": rows_of_inputs,
        "y": classes_of_rows,
        "batches": rows_of_batches,
        "statistics": statistics_of,
    }
    per_row: ClassVar = ("x", "y")

    recipe: Recipe
    sizes: tuple[int, ...]
    parameters: Float32Array
    running: Statistics
    velocity: Float32Array
    steps: int = 0

    def __post_init__(self) -> None:
        """Check types and shapes, also after `dataclasses.replace`, because compiled code checks none."""
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

    @staticmethod
    def initial(recipe: Recipe, inputs: int, classes: int, rng: Generator) -> Network:
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
        running = Statistics(
            *(tuple(np.full(units, value, np.float32) for units in recipe.hidden) for value in (mean, var))
        )
        return Network(recipe, sizes, parameters, running, np.zeros_like(parameters))

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

    def train(self, x: Float32Array, y: IntArray, batches: IntArray) -> tuple[Network, Float32Array]:
        """Return the network after one training step with each batch, and the losses.

        Parameters
        ----------
        x : array, shape (rows, inputs)
            Training rows.
        y : int array, shape (rows,)
            Classes 0, 1, ... of the rows.
        batches : int array, shape (steps, batch size)
            Row numbers of the batch in each step.

        Returns
        -------
        network : Network
            Trained network; the original one does not change.
        losses : float32 array, shape (steps,)
            Mean cross-entropy of each batch before its update, in nats.

        Raises
        ------
        ValueError
            If an array does not fit the network, or if the normalizer cannot take batches of this size.
        """
        recipe, normalizer = self.recipe, self.recipe.normalizer
        x, batches = self._checked(x, batches)
        y = self._classes(x, y)
        set_rows = normalizer.set_rows(batches.shape[1])
        step = np.arange(self.steps + 1, self.steps + len(batches) + 1)
        follows = ~normalizer.frozen(step) & normalizer.uses_batch
        trained = replace(
            self, parameters=self.parameters.copy(), velocity=self.velocity.copy(), steps=self.steps + len(batches)
        )
        layers = trained._layers(batches.shape[1])
        with self._plan(layers) as plan:
            losses = training.train(
                plan,
                recipe.descent,
                x,
                y,
                batches,
                (recipe.convention.weight(step) * follows).astype(np.float32),
                np.float32(set_rows / max(set_rows - recipe.convention.ddof, 1)),
                normalizer.settings(step).astype(np.float32),
            )
        states = [layer.state for layer in layers[:-1]]
        running = Statistics(tuple(s.running_mean for s in states), tuple(s.running_var for s in states))
        return replace(trained, running=running), losses

    def logits(self, x: RealArray, statistics: Statistics | None = None) -> RealArray:
        """Return logits in evaluation mode.

        Parameters
        ----------
        x : array, shape (rows, inputs)
            Rows to classify.
        statistics : Statistics, optional
            Statistics of the hidden layers; by default the running ones.

        Returns
        -------
        array, shape (rows, classes)
            Logits.
        """
        return self.hidden(x, statistics, len(self.recipe.hidden))

    def hidden(self, x: RealArray, statistics: Statistics | None, layer: int) -> RealArray:
        """Return the values that a hidden layer normalizes in evaluation mode.

        Parameters
        ----------
        x : array, shape (rows, inputs)
            Rows to classify.
        statistics : Statistics or None
            Statistics of the hidden layers; None for the running ones.
        layer : int
            Number of the layer from 0; the layer after the last hidden one gives the logits.

        Returns
        -------
        array, shape (rows, units)
            Products of the layer's inputs and weights.
        """
        layer = whole("layer", layer, minimum=0, maximum=len(self.recipe.hidden))
        x, _ = self._checked(x, np.arange(len(x))[np.newaxis], evaluating=True)
        used = self.running if statistics is None else statistics
        check_shapes(used, self.recipe.hidden)
        return self.evaluate(x, lambda k, _: (used.mean[k], used.var[k]), layer)

    @np.errstate(all="ignore")  # the logits of a network that has diverged are not finite
    def evaluate(self, values: RealArray, normalized_by: LayerStatistics, layer: int | None = None) -> RealArray:
        """Return logits, or the values that a hidden layer normalizes, with statistics from a function.

        Parameters
        ----------
        values : array, shape (..., inputs)
            Rows to classify.
        normalized_by : callable
            Function (k, z) that returns the mean and variance by which layer k normalizes z. It is called only if the
            normalizer uses batch statistics.
        layer : int, optional
            Number of a hidden layer whose values are returned; by default the logits are returned.

        Returns
        -------
        array, shape (..., classes) or (..., units)
            Logits, or values of the layer.
        """
        recipe, said = self.recipe, f"normalized_by {name_of_function(normalized_by)}"
        for k in range(len(recipe.hidden)):
            z = values @ self.weights[k]
            if k == layer:
                return np.asarray(z)
            mean, var = called(said, normalized_by, k, z) if recipe.normalizer.uses_batch else (0.0, 1.0)
            z = recipe.normalizer.evaluate(z, mean, var, recipe.convention.eps)
            z *= self.scale[k]
            z += self.shift[k]
            values = np.where(z > 0, z, recipe.slope * z) if recipe.slope else np.maximum(z, 0, out=z)
        return np.asarray(values @ self.weights[-1] + self.bias)

    def logits_in_batches(self, x: RealArray, batches: IntArray) -> RealArray:
        """Return logits in training mode, with the statistics of each batch and without learning.

        If a row does not depend on the rest of its batch, the logits are exactly those of evaluation mode. All rows are
        then computed at once, because the rounding of a row in a matrix product depends on the other rows.

        Parameters
        ----------
        x : array, shape (rows, inputs)
            Rows to classify.
        batches : int array, shape (batches, batch size)
            Row numbers of each batch.

        Returns
        -------
        array, shape (batches, batch size, classes)
            Logits.
        """
        x, batches = self._checked(x, batches)
        if not self._uses_batch:
            return self.logits(x)[batches]
        layers = self._layers(batches.shape[1])
        with self._plan(layers) as plan:
            return training.logits(plan, x, batches)

    def batch_statistics(self, x: RealArray, batches: IntArray) -> Statistics:
        """Return the mean and biased variance of each hidden layer in each batch, in training mode.

        Parameters
        ----------
        x : array, shape (rows, inputs)
            Rows.
        batches : int array, shape (batches, batch size)
            Row numbers of each batch.

        Returns
        -------
        Statistics
            Arrays of shape (batches, units), one for each hidden layer. Ghost batches count as batches.

        Raises
        ------
        ValueError
            If the normalizer uses no batch statistics.
        """
        x, batches = self._checked(x, batches)
        if not self.recipe.normalizer.uses_batch:
            raise ValueError(f"normalizer {self.recipe.normalizer.name!r} uses no batch statistics.")
        layers = self._layers(batches.shape[1])
        with self._plan(layers) as plan:
            mean, var = training.batch_moments(plan, x, batches)
        cuts = np.cumsum(self.recipe.hidden)[:-1]
        return Statistics(*(tuple(np.split(part.reshape(-1, part.shape[-1]), cuts, axis=-1)) for part in (mean, var)))

    def gradients(self, x: RealArray, y: IntArray, batches: IntArray) -> tuple[FloatArray, Float32Array]:
        """Return the loss of each batch and its gradient at the parameters, in training mode and without learning.

        Parameters
        ----------
        x : array, shape (rows, inputs)
            Rows.
        y : int array, shape (rows,)
            Classes 0, 1, ... of the rows.
        batches : int array, shape (batches, batch size)
            Row numbers of each batch.

        Returns
        -------
        losses : array, shape (batches,)
            Mean cross-entropy of each batch, in nats.
        gradients : float32 array, shape (batches, parameters)
            Gradients in the order of `parameters`.
        """
        x, batches = self._checked(x, batches)
        y = self._classes(x, y)
        copy = replace(self, parameters=self.parameters.copy(), velocity=np.zeros_like(self.velocity))
        layers = copy._layers(batches.shape[1])
        with self._plan(layers) as plan:
            losses, gradients = training.gradients(plan, x, y, batches, copy.parameters, copy.velocity)
        return losses, gradients

    @property
    def _uses_batch(self) -> bool:
        """True if the next training step would normalize by statistics of its batch."""
        normalizer = self.recipe.normalizer
        return normalizer.uses_batch and not normalizer.frozen(np.array([self.steps + 1]))[0]

    def _layers(self, rows: int) -> tuple[LayerViews, ...]:
        """Return views of the parameters, which training changes, with copies of the running statistics."""
        recipe = self.recipe
        settings = recipe.normalizer.state(rows, 1, recipe.convention.eps, step=self.steps + 1).settings
        states = [
            recipe.normalizer.state(rows, mean.size, recipe.convention.eps)._replace(
                running_mean=mean.copy(), running_var=var.copy(), settings=settings
            )
            for mean, var in zip(self.running.mean, self.running.var, strict=True)
        ]
        return layers_of(self.sizes, rows, self.parameters, self.velocity, states)

    @contextmanager
    def _plan(self, layers: tuple[LayerViews, ...]) -> Iterator[Plan]:
        """Yield the network for compiled code, and raise the error of a plain function afterwards."""
        recipe, normalizer = self.recipe, self.recipe.normalizer
        counted = normalizer.rows_in_loss(len(layers[0].inputs))
        with addresses(normalizer.forward, normalizer.backward, layers) as found:
            yield plan_of(
                table_of(layers), found, normalizer.learns_scale, recipe.convention.eps, recipe.slope, counted
            )

    def _classes(self, x: Float32Array, given: Any) -> IntArray:
        y: IntArray = np.ascontiguousarray(given)
        if y.shape != x.shape[:1] or not (0 <= y.min() <= y.max() < self.sizes[-1]):
            raise ValueError(f"y contains a class from 0 to {self.sizes[-1] - 1} for each of the {len(x)} rows of x.")
        return y

    def _checked(self, x: Any, batches: Any, evaluating: bool = False) -> tuple[Float32Array, IntArray]:
        """Return contiguous arrays with checked bounds, because compiled code checks none."""
        x, batches = np.ascontiguousarray(x), np.ascontiguousarray(batches)
        check_rows(x, batches, self.sizes[0])
        if not evaluating:
            self.recipe.check(batches.shape[1])
        return x, batches

"""Multilayer perceptrons for classification, with running statistics and the state of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from bnstats._checks.array_types import Float32Array, FloatArray, IntArray, RealArray
from bnstats._checks.arrays import classes_of_rows, rows_of_inputs
from bnstats._checks.numbers import whole
from bnstats._checks.user_code import called, checked_before, name_of_function
from bnstats.networks.kernels import training
from bnstats.networks.kernels.choice import kernels
from bnstats.networks.kernels.layers import LayerState, layers_of, table_of
from bnstats.networks.kernels.passes import CompiledNetwork, passes
from bnstats.networks.layer_statistics import (
    Statistics,
    check_given,
    check_rows,
    rows_of_batches,
    statistics_of,
    statistics_of_layers,
)
from bnstats.networks.parameters import Parameters, pass_through, states_of

LayerStatistics = Callable[[int, RealArray], tuple[RealArray, RealArray]]


@dataclass(frozen=True, eq=False)
class Network(Parameters):
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
    >>> from bnstats.networks.recipe import Recipe
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
        "x": rows_of_inputs,
        "y": classes_of_rows,
        "batches": rows_of_batches,
        "statistics": statistics_of,
    }
    per_row: ClassVar = ("x", "y")

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
        weights = (recipe.convention.weight(step) * follows).astype(np.float32)
        unbiased = np.float32(set_rows / max(set_rows - recipe.convention.ddof, 1))
        settings = normalizer.settings(step).astype(np.float32)
        with self._compiled(batches.shape[1]) as (compiled, parameters, velocity, states):
            if normalizer.moments:
                losses = training.train(compiled, recipe.descent, x, y, batches, weights, unbiased, settings)
            else:
                losses = np.empty(len(batches), np.float32)
                for t in range(len(batches)):
                    at, none = slice(t, t + 1), np.zeros(1, np.float32)
                    losses[at] = training.train(
                        compiled, recipe.descent, x, y, batches[at], none, unbiased, settings[at]
                    )
                    for state in states if weights[t] > 0 else ():
                        normalizer.follow(state, float(weights[t]))
        running = statistics_of_layers((state.running_mean, state.running_var) for state in states)
        steps = self.steps + len(batches)
        with checked_before(Network):
            return replace(self, parameters=parameters, velocity=velocity, running=running, steps=steps), losses

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
        return self._evaluated(x, statistics, len(self.recipe.hidden))

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
        return self._evaluated(x, statistics, whole("layer", layer, minimum=0, maximum=len(self.recipe.hidden)))

    def _evaluated(self, x: RealArray, statistics: Statistics | None, layer: int) -> RealArray:
        """Return what `hidden` returns, from arguments that were checked one by one."""
        x, _ = self._checked(x, np.arange(len(x))[np.newaxis], evaluating=True)
        used = self.running if statistics is None else statistics
        if statistics is not None:
            check_given(statistics, self.recipe.hidden)
        with checked_before(self.recipe.normalizer):
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

        def normalized(k: int, z: RealArray) -> RealArray:
            mean, var = called(said, normalized_by, k, z) if recipe.normalizer.uses_batch else (0.0, 1.0)
            return recipe.normalizer.evaluate(z, mean, var, recipe.convention.eps)

        return pass_through(self, values, normalized, layer)

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
        with self._compiled(batches.shape[1]) as (compiled, *_):
            return training.logits(compiled, x, batches)

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
        with self._compiled(batches.shape[1]) as (compiled, *_):
            mean, var = training.batch_moments(compiled, x, batches)
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
        with self._compiled(batches.shape[1]) as (compiled, parameters, velocity, _):
            return training.gradients(compiled, x, y, batches, parameters, velocity)

    @property
    def _uses_batch(self) -> bool:
        """True if the next training step would normalize by statistics of its batch."""
        normalizer = self.recipe.normalizer
        return normalizer.uses_batch and not normalizer.frozen(np.array([self.steps + 1]))[0]

    @contextmanager
    def _compiled(self, rows: int) -> Iterator[tuple[CompiledNetwork, Float32Array, Float32Array, list[LayerState]]]:
        """Yield the network for compiled code, with the copies of parameters, velocity and states that it changes."""
        recipe, normalizer = self.recipe, self.recipe.normalizer
        parameters, velocity, states = self.parameters.copy(), self.velocity.copy(), states_of(self, rows)
        layers = layers_of(self.sizes, rows, parameters, velocity, states)
        eps, slope = np.float32(recipe.convention.eps), np.float32(recipe.slope)
        with kernels.addresses(normalizer.forward, normalizer.backward, layers) as found:
            compiled = CompiledNetwork(
                table_of(layers), found, normalizer.learns_scale, eps, slope, normalizer.rows_in_loss(rows), passes()
            )
            yield compiled, parameters, velocity, states

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

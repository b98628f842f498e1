"""Small classifiers: multilayer perceptrons, each with its own initial weights, batches and running statistics."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import Generator

from bnstats._arrays import Float32Array, IntArray
from bnstats._validation import whole
from bnstats.networks.kernels import training
from bnstats.networks.kernels.passes import Descent, Mode
from bnstats.networks.kernels.views import Plan, Rule, plan_of, work_of
from bnstats.networks.normalizers import Batch, NoNorm, Normalizer
from bnstats.statistics.conventions import Convention


@dataclass(frozen=True)
class Recipe:
    """How networks are built and trained.

    A hidden layer is x W, normalised, times scale plus shift, ReLU (with `NoNorm` x W + shift, ReLU); the output layer
    has weights and a bias. Loss: cross-entropy, mean over the batch.

    Attributes
    ----------
    hidden : tuple of int
        Units of each hidden layer.
    normalizer : Normalizer
    convention : Convention
        Of the running statistics, and eps.
    learning_rate, sgd_momentum, weight_decay : float
        Stochastic gradient descent as in torch.optim.SGD over all parameters.

    Examples
    --------
    >>> Recipe(hidden=(64, 64)).normalizer
    Batch()
    """

    hidden: tuple[int, ...] = (64,)
    normalizer: Normalizer = field(default_factory=Batch)
    convention: Convention = field(default_factory=lambda: Convention.of("torch"))
    learning_rate: float = 0.1
    sgd_momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        Normalizer.of(self.normalizer)
        if not isinstance(self.hidden, tuple) or not self.hidden:
            raise ValueError(f"hidden has the units of each hidden layer, as in hidden=(64,); got {self.hidden!r}.")
        object.__setattr__(self, "hidden", tuple(whole("each of hidden", units, least=1) for units in self.hidden))
        if not 0 < self.learning_rate < np.inf:
            raise ValueError(f"learning_rate is above 0 and finite; got {self.learning_rate}.")
        if not 0 <= self.sgd_momentum < 1:
            raise ValueError(f"sgd_momentum is at least 0 and below 1; got {self.sgd_momentum}.")
        if not 0 <= self.weight_decay < np.inf:
            raise ValueError(f"weight_decay is at least 0 and finite; got {self.weight_decay}.")


@dataclass(frozen=True, eq=False)
class Statistics:
    """What each hidden layer is normalised with: mean and variance of its units, or of each batch (batches, units)."""

    mean: tuple[Float32Array, ...]
    var: tuple[Float32Array, ...]


@dataclass(frozen=True, eq=False)
class Network:
    """A classifier, with all that further training needs.

    Attributes
    ----------
    recipe : Recipe
    sizes : tuple of int
        Inputs, hidden units, classes.
    parameters : float32 array
        Of each layer in turn: weights (inputs, units), shift, and in hidden layers scale.
    running : Statistics
        Running statistics of each hidden layer; where no batch statistics enter, mean 0 and variance 1.
    velocity : float32 array
        Of momentum, for each parameter: minus the learning rate times PyTorch's momentum buffer.
    steps : int
        Of training so far.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(100, 3)).astype(np.float32), rng.integers(2, size=100)
    >>> x[:, 0] += 4 * y
    >>> start = Network.initial(Recipe(hidden=(8,)), inputs=3, classes=2, rng=rng)
    >>> network, losses = start.train(x, y, rng.integers(100, size=(200, 16)))
    >>> start.steps, network.steps, losses.shape
    (0, 200, (200,))
    >>> float((network.logits(x).argmax(axis=1) == y).mean()) > 0.9
    True
    """

    recipe: Recipe
    sizes: tuple[int, ...]
    parameters: Float32Array
    running: Statistics
    velocity: Float32Array
    steps: int = 0

    def __post_init__(self) -> None:
        """Compiled code trusts these shapes, whoever made the network, `dataclasses.replace` too."""
        object.__setattr__(self, "steps", whole("steps", self.steps, least=0))
        object.__setattr__(self, "sizes", _checked_sizes(self.recipe, self.sizes))
        numbers = sum((fan_in + 2) * units for fan_in, units in pairwise(self.sizes)) - self.sizes[-1]
        for name in ("parameters", "velocity"):
            held = getattr(self, name)
            if not isinstance(held, np.ndarray) or held.dtype != np.float32 or held.shape != (numbers,):
                raise ValueError(
                    f"{name} is a float32 array of shape ({numbers},) in a network of sizes {self.sizes}; got "
                    f"{getattr(held, 'dtype', type(held).__name__)} of shape {np.shape(held)}."
                )
            object.__setattr__(self, name, np.ascontiguousarray(held))
        self._flat(self.running)

    @staticmethod
    def initial(recipe: Recipe, inputs: int, classes: int, rng: Generator) -> Network:
        """Before training: weights from N(0, 2 / inputs of the layer) (He et al. 2015), of the last 1 / inputs."""
        sizes = _checked_sizes(recipe, (inputs, *recipe.hidden, classes))
        last = len(recipe.hidden)
        parts = []
        for layer, (fan_in, units) in enumerate(pairwise(sizes)):
            spread = np.sqrt((1 if layer == last else 2) / fan_in)
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
        """(inputs, units) of each layer, the output layer last."""
        return tuple(self._part(layer, 0).reshape(self.sizes[layer], -1) for layer in range(len(self.sizes) - 1))

    @property
    def shift(self) -> tuple[Float32Array, ...]:
        """Of each hidden layer, beta."""
        return tuple(self._part(layer, 1) for layer in range(len(self.recipe.hidden)))

    @property
    def scale(self) -> tuple[Float32Array, ...]:
        """Of each hidden layer, gamma; ones that stay so where nothing is normalised."""
        return tuple(self._part(layer, 2) for layer in range(len(self.recipe.hidden)))

    @property
    def bias(self) -> Float32Array:
        """Of the output layer."""
        return self._part(len(self.recipe.hidden), 1)

    @property
    def diverged(self) -> bool:
        """Whether training has left numbers that are not finite."""
        held = (self.parameters, *self.running.mean, *self.running.var)
        return not all(np.isfinite(values).all() for values in held)

    def train(self, x: Float32Array, y: IntArray, batches: IntArray) -> tuple[Network, Float32Array]:
        """The network after a step with each batch, and each step's loss before its update.

        Parameters
        ----------
        x : array, shape (rows, inputs)
        y : int array, shape (rows,)
            Classes 0, 1, ...
        batches : int array, shape (steps, batch size)
            Rows of x.
        """
        recipe, normalizer = self.recipe, self.recipe.normalizer
        x, batches = self._checked(x, batches)
        y = np.ascontiguousarray(y, dtype=np.int64)
        if y.shape != x.shape[:1] or not (0 <= y.min() <= y.max() < self.sizes[-1]):
            raise ValueError(f"y holds a class from 0 to {self.sizes[-1] - 1} for each of the {len(x)} rows of x.")
        set_rows = normalizer.set_rows(batches.shape[1])
        unbiased = set_rows / max(set_rows - recipe.convention.ddof, 1)
        step = np.arange(self.steps + 1, self.steps + len(batches) + 1)
        rate = recipe.learning_rate
        parameters, velocity = self.parameters.copy(), self.velocity.copy()
        mean, var = (np.concatenate(part) for part in (self.running.mean, self.running.var))
        plan = self._plan(set_rows)
        losses = training.train(
            work_of(plan, batches.shape[1]),
            plan,
            Descent(np.float32(rate), np.float32(recipe.sgd_momentum), np.float32(rate * recipe.weight_decay)),
            parameters,
            velocity,
            mean,
            var,
            x,
            y,
            batches,
            recipe.convention.weight(step).astype(np.float32),
            np.float32(unbiased),
            normalizer.frozen(step),
            np.asarray(normalizer.limits(step), np.float32),
        )
        running = Statistics(self._by_layer(mean), self._by_layer(var))
        trained = replace(
            self, parameters=parameters, running=running, velocity=velocity, steps=self.steps + len(batches)
        )
        return trained, losses

    def logits(self, x: Float32Array, statistics: Statistics | None = None) -> Float32Array:
        """Evaluation mode, shape (rows, classes), with the given statistics or the running ones."""
        return self.hidden(x, statistics, len(self.recipe.hidden))

    def hidden(self, x: Float32Array, statistics: Statistics | None, layer: int) -> Float32Array:
        """What hidden layer 0, 1, ... normalises in evaluation mode; the layer after the last makes the logits."""
        layer = whole("layer", layer, least=0, most=len(self.recipe.hidden))
        every = np.arange(len(x))[np.newaxis]
        x, every = self._checked(x, every, evaluating=True)
        used = statistics if statistics is not None and self.recipe.normalizer.uses_batch else self.running
        frozen = Mode(True, np.float32(1), np.float32(0))
        return np.asarray(self._evaluate(x, every, frozen, used, len(x), layer)[0])

    def logits_in_batches(self, x: Float32Array, batches: IntArray) -> Float32Array:
        """Training mode at these weights, with the statistics of each batch itself; (batches, batch size, classes).

        Where a row does not depend on the rest of its batch, the logits are exactly those of evaluation mode. They are
        computed of all rows at once, because a matrix product may round a row otherwise when other rows are beside it.
        """
        x, batches = self._checked(x, batches)
        if self._mode.frozen or not self.recipe.normalizer.uses_batch:
            return self.logits(x)[batches]
        rows = self.recipe.normalizer.set_rows(batches.shape[1])
        return self._evaluate(x, batches, self._mode, self.running, rows, len(self.recipe.hidden))

    def batch_statistics(self, x: Float32Array, batches: IntArray) -> Statistics:
        """Mean and biased variance of each layer in every (ghost) batch, in training mode; (batches, units) a layer."""
        x, batches = self._checked(x, batches)
        plan = self._plan(self.recipe.normalizer.set_rows(batches.shape[1]))
        mean, var = training.batch_moments(
            work_of(plan, batches.shape[1]), plan, self._mode, self.parameters, *self._flat(self.running), x, batches
        )
        return Statistics(*(self._by_layer(part.reshape(-1, part.shape[-1])) for part in (mean, var)))

    @property
    def _mode(self) -> Mode:
        """What the next step of training would normalise with."""
        step = np.array([self.steps + 1])
        normalizer = self.recipe.normalizer
        r_max, d_max = normalizer.limits(step)
        return Mode(bool(normalizer.frozen(step)[0]), np.float32(r_max[0]), np.float32(d_max[0]))

    def _evaluate(
        self, x: Float32Array, batches: IntArray, mode: Mode, statistics: Statistics, set_rows: int, layer: int
    ) -> Float32Array:
        plan = self._plan(set_rows)
        return training.evaluate(
            work_of(plan, batches.shape[1]), plan, mode, self.parameters, *self._flat(statistics), x, batches, layer
        )

    def _plan(self, set_rows: int) -> Plan:
        normalizer = self.recipe.normalizer
        eps = 0.0 if isinstance(normalizer, NoNorm) else self.recipe.convention.eps
        return plan_of(self.sizes, Rule(set_rows, normalizer.groups(), normalizer.learns_scale, eps))

    def _part(self, layer: int, which: int) -> Float32Array:
        inputs, units = self.sizes[layer : layer + 2]
        before = sum((fan_in + 2) * out for fan_in, out in pairwise(self.sizes[: layer + 1]))
        start = before + (0, inputs, inputs + 1)[which] * units
        return self.parameters[start : start + (inputs if which == 0 else 1) * units]

    def _by_layer(self, flat: Float32Array) -> tuple[Float32Array, ...]:
        return tuple(np.split(flat, np.cumsum(self.recipe.hidden)[:-1], axis=-1))

    def _flat(self, statistics: Statistics) -> tuple[Float32Array, Float32Array]:
        shapes = [np.shape(values) for values in (*statistics.mean, *statistics.var)]
        if shapes != 2 * [(units,) for units in self.recipe.hidden]:
            raise ValueError(f"statistics have a value for each of {self.recipe.hidden} units; got shapes {shapes}.")
        return np.concatenate(statistics.mean, dtype=np.float32), np.concatenate(statistics.var, dtype=np.float32)

    def _checked(self, x: Any, batches: Any, evaluating: bool = False) -> tuple[Float32Array, IntArray]:
        """Arrays as compiled code needs them, which checks no bounds."""
        x = np.ascontiguousarray(x, dtype=np.float32)
        batches = np.ascontiguousarray(batches, dtype=np.int64)
        if x.ndim != 2 or x.shape[1] != self.sizes[0]:
            raise ValueError(f"x has shape (rows, {self.sizes[0]}) for this network; got {x.shape}.")
        if batches.ndim != 2 or not batches.size or not (0 <= batches.min() <= batches.max() < len(x)):
            raise ValueError(f"batches has shape (steps, batch size) and holds rows 0 to {len(x) - 1} of x.")
        if not evaluating:
            self.recipe.normalizer.check(batches.shape[1], self.recipe.hidden)
        return x, batches


def _checked_sizes(recipe: Recipe, sizes: Any) -> tuple[int, ...]:
    """Inputs, hidden units and classes of a network by this recipe."""
    if not isinstance(sizes, tuple) or len(sizes) < 2 or sizes[1:-1] != recipe.hidden:
        raise ValueError(f"sizes are (inputs, *{recipe.hidden}, classes) for this recipe; got {sizes!r}.")
    normalizer = recipe.normalizer
    normalizer.check(normalizer.set_rows(2), recipe.hidden)  # of any batch size: can its layers be cut into groups
    return whole("inputs", sizes[0], least=1), *recipe.hidden, whole("classes", sizes[-1], least=1)

"""Recipes: architecture and training of networks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from bnstats._checks.arguments import CheckedMethods
from bnstats._checks.numbers import count, number, whole
from bnstats._checks.values import choice, shown
from bnstats.networks.kernels.passes import Descent
from bnstats.networks.normalizers.gradient_check import check_gradient
from bnstats.networks.normalizers.normalizer import Normalizer
from bnstats.networks.normalizers.registry import NORMALIZERS, is_builtin
from bnstats.statistics.running_conventions import CONVENTIONS, Convention

LARGEST_NETWORK = 2**28
"""Maximum number of parameters of a network; they take one gigabyte, and their velocities another one."""
MOST_ROWS_SEEN = 2**28
"""Maximum number of rows that a training sees, with repetition; the row numbers take two gigabytes."""

# Slope of each activation below 0; above 0, the slope is 1.
ACTIVATIONS = {"relu": 0.0, "linear": 1.0}


def hidden_units(name: str, given: Any) -> tuple[int, ...]:
    """Return the units of each hidden layer.

    >>> hidden_units("hidden", 64)
    Traceback (most recent call last):
        ...
    ValueError: hidden has the units of each layer, as in hidden=(64,); got 64.
    """
    if not isinstance(given, tuple) or not given:
        raise ValueError(f"{name} has the units of each layer, as in {name}=(64,); got {shown(given)}.")
    return tuple(whole(f"each of {name}", units, minimum=1) for units in given)


@dataclass(frozen=True)
class Recipe(CheckedMethods):
    """Architecture and training of a network.

    A hidden layer computes x W, normalizes it, applies scale and shift, and then the activation. With `NoNorm` it
    computes the activation of x W + shift. The output layer has weights and a bias. The loss is the mean cross-entropy
    of a batch.

    Attributes
    ----------
    hidden : tuple of int
        Units of each hidden layer.
    normalizer : Normalizer, or the name of one
        Normalizer of the hidden layers.
    convention : Convention, or the name of one
        Convention of the running statistics, and eps.
    learning_rate, sgd_momentum, weight_decay : float
        Settings of stochastic gradient descent over all parameters, as in torch.optim.SGD.
    activation : {"relu", "linear"}
        Activation of the hidden layers.

    Raises
    ------
    ValueError
        If an attribute is not valid.

    Examples
    --------
    >>> Recipe(hidden=(64, 64)).normalizer
    Batch()
    """

    checks: ClassVar = {
        "batch_size": partial(whole, minimum=1),
        "inputs": count,
        "classes": count,
        "rows_seen": partial(whole, minimum=0),
    }

    hidden: tuple[int, ...] = (64,)
    normalizer: Normalizer = NORMALIZERS["batch"]
    convention: Convention = CONVENTIONS["torch"]
    learning_rate: float = 0.1
    sgd_momentum: float = 0.0
    weight_decay: float = 0.0
    activation: str = "relu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "normalizer", Normalizer.of(self.normalizer))
        object.__setattr__(self, "convention", Convention.of(self.convention))
        object.__setattr__(self, "hidden", hidden_units("hidden", self.hidden))
        choice("activation", self.activation, tuple(ACTIVATIONS))
        for name, within in (("learning_rate", "(0, 1e15]"), ("sgd_momentum", "[0, 1)"), ("weight_decay", "[0, 1e15]")):
            object.__setattr__(self, name, number(name, getattr(self, name), within))

    def sizes(self, given: Any) -> tuple[int, ...]:
        """Return the sizes of a network after a check against the recipe.

        Parameters
        ----------
        given : tuple of int
            Numbers of inputs, of units in each hidden layer, and of classes.

        Returns
        -------
        tuple of int
            The same numbers.

        Raises
        ------
        ValueError
            If the hidden units are not those of the recipe, or if the normalizer cannot take them.
        """
        if not isinstance(given, tuple) or len(given) < 2 or given[1:-1] != self.hidden:
            raise ValueError(f"sizes are (inputs, *{self.hidden}, classes) for this recipe; got {shown(given)}.")
        # Groups of units must fit the layers at any batch size.
        self.normalizer.check(self.normalizer.set_rows(2), self.hidden)
        return whole("inputs", given[0], minimum=1), *self.hidden, whole("classes", given[-1], minimum=1)

    def check_training(self, inputs: int, classes: int, rows_seen: int) -> None:
        """Raise ValueError for a training that would not fit into memory.

        Parameters
        ----------
        inputs : int
            Number of inputs.
        classes : int
            Number of classes.
        rows_seen : int
            Number of rows in all steps together; repeated rows count each time.
        """
        numbers = sum((before + 2) * units for before, units in pairwise((inputs, *self.hidden, classes)))
        if numbers > LARGEST_NETWORK:
            raise ValueError(
                f"hidden layers of {shown(self.hidden)} units make a network of {shown(numbers)} parameters; at most "
                f"{LARGEST_NETWORK} are simulated."
            )
        if rows_seen > MOST_ROWS_SEEN:
            raise ValueError(
                f"batches and steps see {shown(rows_seen)} rows in a training; at most {MOST_ROWS_SEEN} are simulated."
            )

    @property
    def slope(self) -> float:
        """Slope of the activation below 0."""
        return ACTIVATIONS[self.activation]

    @property
    def gain(self) -> float:
        """Variance of an initial weight times inputs that preserves the size of values; 2 for ReLU.

        The formula is that of He et al. (2015).
        """
        return 2 / (1 + self.slope**2)

    @property
    def descent(self) -> Descent:
        """Settings of gradient descent, for compiled code."""
        rate = self.learning_rate
        return Descent(np.float32(rate), np.float32(self.sgd_momentum), np.float32(rate * self.weight_decay))

    def check(self, batch_size: int) -> None:
        """Raise ValueError if the normalizer cannot take this batch size, or if a user's gradient is wrong.

        Parameters
        ----------
        batch_size : int
            Number of rows in a batch.
        """
        self.normalizer.check(batch_size, self.hidden)
        if self.normalizer.checks_gradient and not is_builtin(self.normalizer):
            for units in self.hidden:
                check_gradient(self.normalizer, batch_size, units, self.convention.eps)

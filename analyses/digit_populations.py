"""Populations made of the handwritten digits of scikit-learn: gray levels of pixels, and inputs of a hidden layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnstats.datasets.loaders import digits

# Three of the 64 pixels, as (row, column): they are 0 in 17 %, 47 % and 88 % of the digits.
PIXELS = ((3, 4), (4, 6), (7, 1))


def pixel_columns() -> dict[str, NDArray[np.float64]]:
    """Three pixels, from the middle of the image to its mostly dark edge: discrete, skewed, with an atom at 0.

    Names are as in "pixel 3,4" for row 3 and column 4; gray levels are from 0 to 16.
    """
    images = digits()[0].reshape(-1, 8, 8)
    return {f"pixel {row},{column}": images[:, row, column].copy() for row, column in PIXELS}


def hidden_preactivations(units: int = 2, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Preactivations of the units of a random hidden layer, for each of the digits, by names as "hidden unit 1".

    Pixels are scaled to [0, 1]; weights are N(0, 2/64) (He et al. 2015), biases 0. A unit's weights do not depend on
    the number of units.
    """
    x = digits()[0] / 16
    weights = np.random.default_rng(seed).normal(scale=np.sqrt(2 / x.shape[1]), size=(units, x.shape[1]))
    return {f"hidden unit {i + 1}": x @ row for i, row in enumerate(weights)}

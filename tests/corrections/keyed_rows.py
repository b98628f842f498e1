"""Rows with batches of unequal size, or with tied and unequally spaced times."""

from __future__ import annotations

import numpy as np
import pandas as pd

TIMES = np.array([3.0, 0.0, 1.5, 7.0, 7.5, 2.0, 11.0, 4.0, 9.0, 12.0, 15.0, 15.5, 20.0])
SIZES = (7, 2, 4, 3, 11)
BATCH = np.repeat(["e", "a", "c", "d", "b"], SIZES)


def rows(along: str, features: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rows with effects, in an order that is not that of the key; times are tied, unsorted and unequally spaced."""
    rng = np.random.default_rng(0)
    key = BATCH if along == "batch" else np.repeat(TIMES, rng.integers(1, 4, TIMES.size))
    codes = pd.factorize(key, sort=True)[0]
    x = rng.normal(size=(key.size, features)) + codes[:, None] + 50.0
    order = rng.permutation(key.size)
    return x[order], key[order]

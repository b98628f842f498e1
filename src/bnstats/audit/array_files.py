"""Batches from arrays in a .npz file: `x`, and `y` where rows have labels; `test_x` and `test_y` for test rows."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bnstats._checks.numbers import whole

Batches = list[tuple[Any, ...]]


def loaders(
    file: Path, batch_size: int, seed: int, as_framework: Callable[[Any], Any]
) -> tuple[Batches, Batches | None]:
    """Return shuffled training batches without the short last one, and batches of test rows if the file has some.

    Parameters
    ----------
    file : path of a .npz file
        Floats become float32, whole numbers int64; nothing in it is evaluated.
    batch_size : int
        Rows of a batch, at least 2.
    seed : int
        Seed of the order of training rows.
    as_framework : callable (array) -> array
        Makes an array of the model's framework.

    Raises
    ------
    ValueError
        For another file, for arrays of unequal length, or if there are fewer rows than in a batch.
    OSError
        If the file cannot be read.
    """
    whole("batch size", batch_size, minimum=2)
    try:
        with file.open("rb") as opened:  # NumPy leaves it open where it is damaged
            held = np.load(opened, allow_pickle=False)
            arrays = dict(held) if isinstance(held, np.lib.npyio.NpzFile) else {}
    except (ValueError, EOFError, BadZipFile, NotImplementedError, zlib.error):
        raise ValueError(
            f"--data is a .npz file of numbers, with arrays x and y; {file} is none, or a damaged one."
        ) from None
    if "x" not in arrays:
        raise ValueError(
            f"--data has an array x, one row per example, and y, their labels; {file} has {sorted(arrays)}."
        )
    training, test = _rows(arrays, "", file), _rows(arrays, "test_", file) if "test_x" in arrays else None
    rows = len(training[0])
    if rows < batch_size:
        raise ValueError(f"{file} has {rows} rows, fewer than the {batch_size} of one batch; lower --batch-size.")
    order = np.random.default_rng(seed).permutation(rows)[: rows - rows % batch_size]

    def cut(arrays: list[Any], size: int) -> Batches:
        starts = range(0, len(arrays[0]), size)
        return [tuple(as_framework(array[start : start + size]) for array in arrays) for start in starts]

    return cut([array[order] for array in training], batch_size), None if test is None else cut(test, batch_size)


def _rows(arrays: Mapping[str, Any], prefix: str, file: Path) -> list[Any]:
    """Return values and labels, of as many rows."""
    given = {name: arrays[name] for name in (f"{prefix}x", f"{prefix}y") if name in arrays}
    lengths = {name: len(values) if values.ndim else 0 for name, values in given.items()}
    if len(set(lengths.values())) > 1 or min(lengths.values()) < 2:
        raise ValueError(
            f"arrays of {file} have one row per example, at least two, as many in x as in y; got {lengths}."
        )
    return [_numbers(name, values, file) for name, values in given.items()]


def _numbers(name: str, values: Any, file: Path) -> Any:
    if values.dtype.kind not in "fiub":
        raise ValueError(f"array {name} of {file} holds real numbers; got {values.dtype}.")
    return values.astype(np.float32 if values.dtype.kind == "f" else np.int64)

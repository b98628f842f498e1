"""Batches from arrays in a .npz file: `x`, and `y` where rows have labels; `test_x` and `test_y` for test rows."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

try:
    import torch
    from torch.utils.data import DataLoader, TensorDataset
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("--data needs PyTorch: pip install 'bnstats[torch]'.", name="torch") from error

from bnstats._checks.numbers import whole


def loaders(file: Path, batch_size: int) -> tuple[DataLoader[Any], DataLoader[Any] | None]:
    """Shuffled training batches without the short last one, and batches of test rows where the file has some.

    Parameters
    ----------
    file : path of a .npz file
        Floats become float32, whole numbers int64; nothing in it is evaluated.
    batch_size : int
        At least 2.

    Raises
    ------
    ValueError
        For another file, or arrays of unequal length.
    OSError
        Where it cannot be read.
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
    training = DataLoader(_rows(arrays, "", file), batch_size, shuffle=True, drop_last=True)
    test = DataLoader(_rows(arrays, "test_", file), batch_size) if "test_x" in arrays else None
    return training, test


def _rows(arrays: Mapping[str, Any], prefix: str, file: Path) -> TensorDataset:
    given = {name: arrays[name] for name in (f"{prefix}x", f"{prefix}y") if name in arrays}
    lengths = {name: len(values) if values.ndim else 0 for name, values in given.items()}
    if len(set(lengths.values())) > 1 or min(lengths.values()) < 2:
        raise ValueError(
            f"arrays of {file} have one row per example, at least two, as many in x as in y; got {lengths}."
        )
    return TensorDataset(*(_tensor(name, values, file) for name, values in given.items()))


def _tensor(name: str, values: Any, file: Path) -> torch.Tensor:
    if values.dtype.kind not in "fiub":
        raise ValueError(f"array {name} of {file} holds real numbers; got {values.dtype}.")
    return torch.from_numpy(values.astype(np.float32 if values.dtype.kind == "f" else np.int64))

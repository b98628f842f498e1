"""Reads .safetensors files: a length, a JSON header, and bytes; nothing in them can run."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bnstats.audit.files.stored_layers import FileContents, grouped

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "U8": "|u1"}
LONGEST_HEADER = 100_000_000
"""Bytes of the longest header that the format allows."""


def read(path: Path) -> FileContents:
    """Return the batch-norm layers of a .safetensors file.

    Raises
    ------
    ValueError
        If the header contradicts itself or the size of the file.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        length = int.from_bytes(file.read(8), "little")
        if length > min(LONGEST_HEADER, size - 8):
            raise ValueError(f"its header would have {length} bytes, and the file has {size}")
        try:
            header = json.loads(file.read(length).decode())
        except (ValueError, RecursionError):
            raise ValueError("its header is no JSON") from None
        if not isinstance(header, dict):
            raise ValueError("its header names no arrays")
        header.pop("__metadata__", None)
        return grouped(header, lambda name: _array(file, name, header[name], 8 + length, size))


def _array(file: BinaryIO, name: str, entry: Any, start: int, size: int) -> Any:
    """Return one array, after a check that it lies within the file."""
    try:
        kind, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        counts = [*shape, begin, end]
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"its header does not say where {name} lies") from None
    if any(type(count) is not int or count < 0 for count in counts):
        raise ValueError(f"its header does not say where {name} lies")
    if not isinstance(kind, str) or kind not in DTYPES:
        raise ValueError(f"{name} is stored as {kind}, which is not read; save running statistics in float32")
    dtype = np.dtype(DTYPES[kind])
    if end - begin != prod(shape) * dtype.itemsize or start + end > size:
        raise ValueError(f"{name} does not lie within the file")
    file.seek(start + begin)
    found = np.frombuffer(file.read(end - begin), dtype)
    if kind == "BF16":  # the upper half of a float32
        found = (found.astype(np.uint32) << 16).view(np.float32)
    return found.astype(np.float64).reshape(shape)

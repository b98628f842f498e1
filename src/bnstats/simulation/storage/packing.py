"""Conversion of a block's tally to bytes and back: numbers under a header in JSON, never a pickle."""

from __future__ import annotations

import dataclasses
import json
import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats.simulation.replicates.tally import Tally

# Maximum bytes of a block, packed or unpacked; a block with a larger size in its header is damaged.
LARGEST = 2**27

_ARRAYS = [field.name for field in dataclasses.fields(Tally) if field.name != "keys"]


def pack(tally: Tally) -> bytes:
    """Return the tally as compressed bytes: one line of JSON with keys, types and shapes, then the arrays.

    >>> tally = Tally.of({"x": np.array([1.0, 3.0])}, [0.0])
    >>> unpack(pack(tally)).keys
    (('x',),)
    """
    arrays = {name: np.ascontiguousarray(getattr(tally, name)) for name in _ARRAYS}
    shapes = {name: [array.dtype.newbyteorder("<").str, list(array.shape)] for name, array in arrays.items()}
    header = json.dumps({"keys": tally.keys, "arrays": shapes}).encode()
    parts = [array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes() for array in arrays.values()]
    return zlib.compress(b"".join([header, b"\n", *parts]), level=1)


def unpack(payload: bytes) -> Tally:
    """Return the tally in these bytes by `pack`, using a small multiple of `LARGEST` bytes of memory.

    Raises
    ------
    ValueError
        If the bytes are no packed tally.
    """
    try:
        expanded = zlib.decompressobj()
        content = expanded.decompress(payload, LARGEST)
        if not expanded.eof or expanded.unused_data:
            raise ValueError("cut short, or too large")
        header, _, body = content.partition(b"\n")
        return _tally(json.loads(header), body)
    except (zlib.error, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"no block: {error}") from error


def _tally(header: Any, body: bytes) -> Tally:
    arrays: dict[str, NDArray[Any]] = {}
    start = 0
    for name in _ARRAYS:
        kind, shape = header["arrays"][name]
        dtype = np.dtype(str(kind))
        if dtype.kind not in "if" or not all(type(length) is int and length >= 0 for length in shape):
            raise ValueError(f"{name} of type {kind} and shape {shape}")
        size = math.prod(shape)
        arrays[name] = np.frombuffer(body, dtype, size, start).reshape(shape).astype(dtype.newbyteorder("="))
        start += size * dtype.itemsize
    if start != len(body):
        raise ValueError("bytes left over")
    tally = Tally(tuple(map(tuple, header["keys"])), **arrays)
    tally.check()
    return tally

"""Conversion of what is kept of a block to bytes and back: numbers under a header in JSON, never a pickle."""

from __future__ import annotations

import json
import math
import zlib
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bnstats.simulation.replicates.kept import KeptReplicates
from bnstats.simulation.replicates.tally import Tally

# Maximum bytes of a block, packed or unpacked; a block with a larger size in its header is damaged.
LARGEST = 2**27

Part = TypeVar("Part", Tally, KeptReplicates)


def pack(part: Tally | KeptReplicates) -> bytes:
    """Return a block as compressed bytes: one line of JSON with keys, types and shapes, then the arrays.

    >>> tally = Tally.of({"x": np.array([1.0, 3.0])}, [0.0])
    >>> unpack(pack(tally), Tally).keys
    (('x',),)
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in part.arrays().items()}
    shapes = {name: [array.dtype.newbyteorder("<").str, list(array.shape)] for name, array in arrays.items()}
    reasons = getattr(part, "failures", None)
    failures = {} if reasons is None else {"failures": reasons}
    header = json.dumps({"keys": part.keys, "arrays": shapes, **failures}).encode()
    parts = [array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes() for array in arrays.values()]
    return zlib.compress(b"".join([header, b"\n", *parts]), level=1)


def unpack(payload: bytes, kind: type[Part]) -> Part:
    """Return the block in these bytes by `pack`, using a small multiple of `LARGEST` bytes of memory.

    Raises
    ------
    ValueError
        If the bytes are no packed block of this kind.
    """
    try:
        expanded = zlib.decompressobj()
        content = expanded.decompress(payload, LARGEST)
        if not expanded.eof or expanded.unused_data:
            raise ValueError("cut short, or too large")
        header, _, body = content.partition(b"\n")
        described = json.loads(header)
        arrays = _arrays(described["arrays"], body, kind.kinds)
        failures = {"failures": described["failures"]} if "failures" in described else {}
        return kind.of_arrays(described["keys"], arrays, **failures)
    except (zlib.error, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"no block: {error}") from error


def _arrays(described: dict[str, Any], body: bytes, kinds: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of these types and shapes, one after the other in the bytes."""
    arrays: dict[str, NDArray[Any]] = {}
    start = 0
    for name, (kind, shape) in described.items():
        dtype = np.dtype(str(kind))
        if dtype.kind not in kinds or not all(type(length) is int and length >= 0 for length in shape):
            raise ValueError(f"{name} of type {kind} and shape {shape}")
        size = math.prod(shape)
        arrays[name] = np.frombuffer(body, dtype, size, start).reshape(shape).astype(dtype.newbyteorder("="))
        start += size * dtype.itemsize
    if start != len(body):
        raise ValueError("bytes left over")
    return arrays

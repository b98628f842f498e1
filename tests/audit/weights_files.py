"""Writes weights files of every format, sound and damaged, without the libraries that users write them with."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, Any]


def sound(layers: int = 2, channels: int = 4) -> Arrays:
    """Arrays of a model whose running statistics have seen data."""
    rng = np.random.default_rng(0)
    found: Arrays = {"head.weight": rng.normal(size=(3, channels)).astype("f4")}
    for k in range(layers):
        found |= {
            f"bn{k}.weight": rng.uniform(0.5, 2, channels).astype("f4"),
            f"bn{k}.bias": rng.normal(size=channels).astype("f4"),
            f"bn{k}.running_mean": rng.normal(size=channels).astype("f4"),
            f"bn{k}.running_var": rng.uniform(0.5, 2, channels).astype("f4"),
            f"bn{k}.num_batches_tracked": np.array(100),
        }
    return found


KINDS = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64"}


def safetensors_bytes(arrays: Arrays, kinds: dict[str, str] | None = None) -> bytes:
    """A file as the format's description has it; `kinds` overrides the stated type of an array's bytes."""
    header, data = {}, b""
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array).tobytes()
        kind = (kinds or {}).get(name) or KINDS[array.dtype.name]
        header[name] = {"dtype": kind, "shape": [*array.shape], "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    return with_header(json.dumps(header).encode(), data)


def with_header(header: bytes, data: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def keras_archive(path: Path, groups: dict[str, list[Any]], config: Any = None) -> Path:
    """A .keras archive with these groups of variables."""
    import h5py

    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        for group, variables in groups.items():
            place = file.create_group(f"{group}/vars")
            place.attrs["name"] = group.rpartition("/")[2]
            for k, variable in enumerate(variables):
                place[str(k)] = variable
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", held.getvalue())
    return path

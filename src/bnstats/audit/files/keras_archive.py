"""Reads .keras archives, and .h5 files of Keras 3's weights: arrays alone, never a layer's code."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from bnstats.audit.files.stored_layers import FileContents, StoredLayer

MOST_CHANNELS = 10_000_000
DEFAULT_NAME = re.compile(r"(sync_)?batch_normalization(_\d+)?")


def read(path: Path) -> FileContents:
    """Return the batch-norm layers of a .keras or .h5 file.

    Raises
    ------
    ValueError
        If the file is damaged, or if it refers to other files.
    """
    import h5py

    if path.suffix != ".keras":
        with path.open("rb") as file:
            return _contents(h5py, file, {})
    with zipfile.ZipFile(path) as archive:
        if "model.weights.h5" not in archive.namelist():
            raise ValueError("it holds no model.weights.h5, so it is no archive of Keras 3")
        if archive.getinfo("model.weights.h5").file_size > 100 * path.stat().st_size:
            raise ValueError("it would unpack to far more than its own size")
        with archive.open("model.weights.h5") as weights:
            return _contents(h5py, weights, _configured(archive))


def _configured(archive: zipfile.ZipFile) -> dict[str, bool]:
    """Return the names of batch-norm layers that the configuration lists, and whether each one has a scale."""
    found: dict[str, bool] = {}
    try:
        waiting = [json.loads(archive.read("config.json"))]
    except (ValueError, RecursionError):
        raise ValueError("its configuration is no JSON") from None
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            config = node.get("config")
            if node.get("class_name") == "BatchNormalization" and isinstance(config, dict):
                found[str(config.get("name"))] = config.get("scale") is not False
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return found


def _contents(h5py: Any, file: IO[bytes], configured: dict[str, bool]) -> FileContents:
    """Return the batch-norm layers among the groups of variables in a file."""
    groups: dict[str, Any] = {}

    def visit(name: str, node: Any) -> None:  # h5py follows no link that leaves the file
        if isinstance(node, h5py.Group) and name.rpartition("/")[2] == "vars":
            groups[name] = node

    with h5py.File(file, "r") as opened:
        opened.visititems(visit)
        layers: list[StoredLayer] = []
        for path, group in groups.items():
            given = group.attrs.get("name")
            name = given if isinstance(given, str) else path.removesuffix("/vars")
            kinds = [group.get(key, getlink=True) for key in group]
            if any(not isinstance(kind, h5py.HardLink) for kind in kinds):
                raise ValueError(f"{path} refers to another file")
            variables = [group[key] for key in sorted(group, key=lambda key: (len(key), key))]
            default = DEFAULT_NAME.fullmatch(path.split("/")[-2]) if "/" in path else None
            if _is_norm(variables, known=name in configured or default is not None):
                layers.append(_stored(name, variables, configured.get(name)))
    named = {layer.name for layer in layers}
    return FileContents(layers, [name for name in configured if name not in named])


def _is_norm(variables: list[Any], known: bool) -> bool:
    """Return True for two to seven vectors of one length, or exactly four where the layer's class is not known."""
    shapes = {getattr(variable, "shape", None) for variable in variables}
    equal = len(shapes) == 1 and len(next(iter(shapes)) or ()) == 1
    return equal and (2 <= len(variables) <= 7 if known else len(variables) == 4)


def _stored(name: str, variables: list[Any], scaled: bool | None) -> StoredLayer:
    """Return a layer: learned scale and shift come first, then mean and variance, then what renormalization keeps."""
    learned = len(variables) - (2 if len(variables) <= 4 else 5)
    has_scale = learned == 2 or (learned == 1 and bool(scaled))
    mean, var = (_array(variable) for variable in variables[learned : learned + 2])
    return StoredLayer(name, mean, var, _array(variables[0]) if has_scale else None)


def _array(variable: Any) -> Any:
    if variable.external or variable.is_virtual:
        raise ValueError(f"{variable.name} refers to another file")
    if variable.size > MOST_CHANNELS or variable.dtype.kind not in "fiu":
        raise ValueError(f"{variable.name} holds no statistics: {variable.size} values of type {variable.dtype}")
    return np.asarray(variable[()], np.float64)

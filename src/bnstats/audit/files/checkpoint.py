"""Reads .pt, .pth, .bin and .ckpt files of PyTorch with `weights_only=True`, so nothing in them can run."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from bnstats.audit.files.stored_layers import FileContents, grouped


def read(path: Path) -> FileContents:
    """Return the batch-norm layers of all state dicts in a checkpoint.

    Raises
    ------
    ValueError
        If the file holds anything but weights, or if it is damaged.
    """
    import torch

    _check_size(path)
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:  # raised for other objects than weights, and for damaged files
        if "weights_only" in str(error) or "Weights only" in str(error):
            raise ValueError(
                "it holds more than weights, and to read them would run code, or it is damaged; save model.state_dict()"
            ) from None
        raise
    tensors = dict(_tensors(held))
    return grouped(tensors, lambda name: _array(name, tensors[name]))


def _check_size(path: Path) -> None:
    """Refuse an archive that unpacks to far more than its own size."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > 100 * path.stat().st_size:
            raise ValueError(f"it would unpack to {unpacked} bytes")


def _tensors(tree: Any, path: tuple[str, ...] = (), depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield all tensors in nested mappings, with their paths."""
    if isinstance(tree, Mapping) and depth < 20:
        for key, value in tree.items():
            yield from _tensors(value, (*path, str(key)), depth + 1)
    elif hasattr(tree, "untyped_storage"):
        yield ".".join(path), tree


def _array(name: str, tensor: Any) -> Any:
    """Return one tensor, after a check that it has as many numbers as its shape says."""
    import torch

    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        raise ValueError(f"{name} is no plain tensor")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError(f"{name} claims {tensor.numel()} numbers, and the file holds fewer")
    return tensor.detach().to(torch.float64).numpy().copy()

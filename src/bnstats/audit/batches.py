"""Batches of a loader: read again and again in the same order, taken apart into rows, put together anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

try:
    import torch
    from torch import Tensor
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("the audit needs PyTorch: pip install 'bnstats[torch]'.", name="torch") from error

from bnstats._checks.array_types import IntArray
from bnstats._checks.safe_text import raised
from bnstats.audit.untouched import generators, get_state, seed_all, set_state

LABELS = ("y", "label", "labels", "target", "targets")


def tensors(batch: Any) -> list[Tensor]:
    """All tensors in a batch: itself, or those in a tuple, list or dict."""
    if isinstance(batch, Tensor):
        return [batch]
    inner = batch.values() if isinstance(batch, dict) else batch if isinstance(batch, tuple | list) else ()
    return [t for part in inner for t in tensors(part)]


def count_rows(batch: Any) -> int:
    """Rows of a batch: the length of its first tensor."""
    found = tensors(batch)
    if not found or not found[0].ndim:
        raise ValueError(
            f"a batch is a tensor, or a tuple, list or dict with one, rows first; got {type(batch).__name__}: "
            "let the loader convert its rows to tensors."
        )
    return len(found[0])


def each(batches: Sequence[Any], change: Any) -> Any:
    """`change` of the tensors at the same place of all batches, in the structure of the first."""
    first = batches[0]
    if isinstance(first, Tensor):
        return change(batches)
    if isinstance(first, dict):
        return {key: each([b[key] for b in batches], change) for key in first}
    if isinstance(first, tuple | list):
        parts = [each([b[i] for b in batches], change) for i in range(len(first))]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    return first


def joined(batches: Sequence[Any]) -> Any:
    """One batch of all rows of these batches."""
    return each(batches, lambda parts: torch.cat(list(parts)) if parts[0].ndim else parts[0])


def taken(batch: Any, rows: IntArray) -> Any:
    """The batch of these rows."""
    n, index = count_rows(batch), torch.from_numpy(np.asarray(rows))
    return each([batch], lambda parts: parts[0][index] if parts[0].ndim and len(parts[0]) == n else parts[0])


def moved(batch: Any, device: torch.device) -> Any:
    """The batch on a device."""
    return each([batch], lambda parts: parts[0].to(device))


def labels_of(batch: Any) -> Tensor | None:
    """The labels of a batch: the second part of a pair, the entry of a dict that is named so, None for a tensor."""
    if isinstance(batch, dict):
        return next((batch[name] for name in LABELS if isinstance(batch.get(name), Tensor)), None)
    if isinstance(batch, tuple | list) and len(batch) > 1 and isinstance(batch[1], Tensor):
        return batch[1]
    return None


def inputs_of(batch: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a model is called with by default: the first part of a pair, the entries of a dict that are no labels."""
    if isinstance(batch, dict):
        rest = {key: value for key, value in batch.items() if key not in LABELS}
        return (tuple(rest.values()), {}) if len(rest) == 1 else ((), rest)
    return ((batch[0] if isinstance(batch, tuple | list) else batch,), {})


class Draws:
    """The first batches of a loader, epoch after epoch, the same each time they are read.

    To be read where random state is put back afterwards: each epoch starts from a seed of its own.

    Parameters
    ----------
    name : str
        What to call the loader in errors.
    loader : iterable of batches
        That can be read again.
    count : int
        How many batches of full size.
    seed : int

    Attributes
    ----------
    first : batch
    size : int
        Rows of a full batch, as the first one has them.
    """

    def __init__(self, name: str, loader: Any, count: int, seed: int) -> None:
        self._loader, self._count, self._seed = loader, count, seed
        self._states = [(generator, get_state(generator)) for generator in generators(loader)]
        seed_all(seed)
        self.first = next(iter(read(name, loader, most=1)), None)
        if self.first is None:
            raise ValueError(f"{name} holds batches of rows; it is empty: give it some.")
        self.size = count_rows(self.first)

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Epoch (0, 1, ...) and batch; those of other sizes are passed on, too, but not counted."""
        for generator, state in self._states:
            set_state(generator, state)
        drawn, epoch, start = 0, 0, None
        while drawn < self._count:
            seed_all(self._seed + epoch)
            before = drawn
            for place, batch in enumerate(self._loader):
                if place == 0 and start is not None and same(start, batch):
                    return  # every epoch holds the same batches: more of them say nothing new
                start = batch if start is None else start
                yield epoch, batch
                drawn += count_rows(batch) == self.size
                if drawn >= self._count:
                    return
            if drawn == before:
                return
            epoch += 1


def same(a: Any, b: Any) -> bool:
    """Whether two batches are equal in every value."""
    pairs = list(zip(tensors(a), tensors(b), strict=False))
    return all(x.shape == y.shape and bool(torch.equal(x, y)) for x, y in pairs)


def read(name: str, loader: Any, most: int | None = None) -> list[Any]:
    """The batches of a loader, up to so many; ValueError where it cannot be read."""
    try:
        return list(islice(loader, most))
    except Exception as error:  # a user's own loader may raise anything
        raise ValueError(f"{name} cannot be read, {raised(error)}.") from error


def rows_of(name: str, loader: Any) -> Any:
    """All rows of a loader, as one batch."""
    batches = read(name, loader)
    if not batches:
        raise ValueError(f"{name} holds batches of rows; it is empty: give it some.")
    return joined(batches)


def check_loader(name: str, loader: Any) -> None:
    """Refuses what cannot be read twice, or not at all."""
    if not hasattr(loader, "__iter__") and not hasattr(loader, "__getitem__"):
        raise ValueError(
            f"{name} is an iterable of batches such as a DataLoader or a list; got {type(loader).__name__}."
        )
    if hasattr(loader, "__next__"):
        raise ValueError(
            f"{name} can be read only once, and an audit reads it several times; give a DataLoader, or list({name})."
        )
    if isinstance(loader, Tensor | Mapping | str | type):
        raise ValueError(f"{name} is an iterable of batches; got a single {type(loader).__name__}: give [{name}].")

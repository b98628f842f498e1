"""Networks as plain data, of which each framework builds its own model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.audits.models.problems import CLASSES, FEATURES, SHAPES


@dataclass(frozen=True)
class Dense:
    """A linear map of the channels."""

    inputs: int
    outputs: int


@dataclass(frozen=True)
class Conv:
    """A convolution that keeps the number of positions."""

    inputs: int
    outputs: int
    width: int
    dims: int


@dataclass(frozen=True)
class Norm:
    """Batch norm; `weight` is that of a new batch in the running statistics."""

    channels: int
    weight: float = 0.03
    eps: float = 1e-5
    tracks: bool = True


@dataclass(frozen=True)
class Relu:
    """Rectified linear units."""


@dataclass(frozen=True)
class Drop:
    """Dropout."""

    rate: float


@dataclass(frozen=True)
class Pool:
    """The mean over positions."""


@dataclass(frozen=True)
class Recur:
    """A plain recurrent layer over positions."""

    channels: int


@dataclass(frozen=True)
class Last:
    """The last position."""


@dataclass(frozen=True)
class Spread:
    """The average over each node and its neighbors."""


@dataclass(frozen=True)
class Residual:
    """Parts whose output is added to their input."""

    parts: tuple[Part, ...]


Part = Dense | Conv | Norm | Relu | Drop | Pool | Recur | Last | Spread | Residual
Parts = tuple[Part, ...]


def network(family: str, dropout: float = 0.0) -> Parts:
    """Return the network of a family, with dropout in front of all maps but the first."""
    drop: Parts = (Drop(dropout),) if dropout else ()
    if family == "dense":
        hidden = tuple(p for inputs in (16, 16) for p in (*drop, Dense(inputs, 16), Norm(16), Relu()))
        return (Dense(FEATURES, 16), Norm(16), Relu(), *hidden, Dense(16, CLASSES))
    if family == "graph":
        first: Parts = (Spread(), Dense(FEATURES, 16), Norm(16), Relu())
        return (*first, Spread(), *drop, Dense(16, 16), Norm(16), Relu(), Dense(16, CLASSES))
    inputs, dims = SHAPES[family][0], len(SHAPES[family]) - 1
    if family == "recurrent":
        first = (Conv(inputs, 12, 1, dims), Norm(12), Recur(12))
        return (*first, *drop, Conv(12, 12, 1, dims), Norm(12), Recur(12), Last(), Dense(12, CLASSES))
    first = (Conv(inputs, 8, 3, dims), Norm(8), Relu())
    if family == "residual":
        inner = (Conv(8, 8, 3, dims), Norm(8), Relu(), *drop, Conv(8, 8, 3, dims), Norm(8))
        return (*first, Residual(inner), Relu(), Residual(inner), Relu(), Pool(), Dense(8, CLASSES))
    second: Parts = (*drop, Conv(8, 12, 3, dims), Norm(12), Relu(), Pool())
    return (*first, *second, *drop, Dense(12, 16), Norm(16), Relu(), Dense(16, CLASSES))


def with_norms(parts: Parts, **changes: object) -> Parts:
    """Return the parts with these attributes in every batch norm."""
    return tuple(
        replace(part, **changes)  # type: ignore[arg-type]
        if isinstance(part, Norm)
        else Residual(with_norms(part.parts, **changes))
        if isinstance(part, Residual)
        else part
        for part in parts
    )


def walk(parts: Parts, prefix: str = "") -> Iterator[tuple[str, Part]]:
    """Yield each part with its path, inner parts of a residual after their outer one."""
    for place, part in enumerate(parts):
        path = f"{prefix}parts.{place}"
        yield path, part
        if isinstance(part, Residual):
            yield from walk(part.parts, f"{path}.")


def norms(parts: Parts) -> list[str]:
    """Return the paths of the batch norms."""
    return [path for path, part in walk(parts) if isinstance(part, Norm)]

"""One block: its replicates, and what is said when it fails, with the line that simulates it again."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from numpy.typing import NDArray

from bnstats._real_arrays import plain_array
from bnstats._validation import seed as checked_seed
from bnstats._validation import whole
from bnstats.simulation.streams import digest, stream
from bnstats.simulation.study import Cell, Study


class BlockError(RuntimeError):
    """A block failed; the message names it and has the line that runs it alone.

    Attributes
    ----------
    study : Study
        Of which that line runs a block.
    """

    def __init__(self, message: str, study: Study) -> None:
        super().__init__(message)
        self.study = study


def run_block(study: Study, *, cell: int, block: int, seed: int = 0) -> Mapping[Any, NDArray[Any]]:
    """Simulate one block of the cell at that place in `study.cells()`, counted from 0, and return its replicates."""
    cells = study.cells()
    place = whole("cell", cell, least=0, most=len(cells) - 1)
    return replicates(study, cells[place], whole("block", block, least=0), checked_seed("seed", seed))


def replicates(study: Study, cell: Cell, block: int, seed: int) -> Mapping[Any, NDArray[Any]]:
    """What `study.simulate` returns for this block; ValueError if that is not what a study returns."""
    size = study.size(cell)
    returned = study.simulate(cell, stream(seed, cell, block), size)
    name = f"{type(study).__name__}.simulate"
    if not isinstance(returned, Mapping) or not returned:
        what = "nothing" if returned is None else repr(returned)[:60]
        raise ValueError(f'{name} returned {what}; return a mapping such as {{"error": array of {size} replicates}}.')
    for key, values in returned.items():
        parts = len(key) if isinstance(key, tuple) else 1
        if parts != len(study.key_columns):
            raise ValueError(f"{name} calls a measure {key!r}; a name has a value for each of {study.key_columns}.")
        if not all(_is_plain(part) for part in (key if isinstance(key, tuple) else (key,))):
            raise ValueError(
                f"{name} calls a measure {key!r}; a name is made of str, int, float, bool and None, which a store can "
                "keep: write int(n) for a NumPy integer, and a text for anything else."
            )
        array = plain_array(f"{key!r} of {name}", values)
        if array.ndim == 0 or array.size == 0 or len(array) % size or array.dtype.kind not in "biuf":
            raise ValueError(
                f"{name} returned an array of shape {array.shape} and type {array.dtype} as {key!r}; return one real "
                f"number for each of {size} replicates, shape ({size},)."
            )
    return returned


def _is_plain(part: Any) -> bool:
    """Whether it is the same once it was written as JSON and read again; nan is not even equal to itself."""
    return part is None or (type(part) in (str, int, float, bool) and part == part)


def failure(study: Study, cell: Cell, block: int, seed: int, error: Exception) -> BlockError:
    """The error to raise for a block that failed with this one."""
    named = ", ".join(f"{key}={value!r}" for key, value in cell.items())
    place = [digest(c) for c in study.cells()].index(digest(cell))
    written = expression(study)
    if written is None:
        how, (imports, again) = ", where error is this BlockError (sys.last_value at a prompt)", ("", "error.study")
    else:
        how, (imports, again) = "", written
    return BlockError(
        f"block {block} of cell {place} ({named}) failed: {type(error).__name__}: {error}\n"
        f"Run it alone with this line{how}:\n"
        f"{imports}bn.run_block({again}, cell={place}, block={block}, seed={seed})",
        study,
    )


def expression(study: Study) -> tuple[str, str] | None:
    """Imports, and an expression that makes the study anew, if its `repr` is one; else None."""
    text = repr(study)
    homes = {"array": "numpy", "inf": "math", "nan": "math"}
    homes |= {kind.__qualname__.partition(".")[0]: kind.__module__ for kind in _classes(study)}
    used = {name: home for name, home in sorted(homes.items()) if re.search(rf"\b{name}\b", text)}
    try:
        names = {name: getattr(importlib.import_module(home), name) for name, home in used.items()}
        again = eval(text, names)
        faithful = type(again) is type(study) and digest(again) == digest(study)
    except Exception:  # a `repr` may be any text, and a constructor refuse in any way
        return None
    imports = "".join(f"from {home} import {name}; " for name, home in used.items())
    return (f"import bnstats as bn; {imports}", text) if faithful else None


def _classes(value: Any) -> Iterator[type]:
    if isinstance(value, tuple | list | frozenset):
        for part in value:
            yield from _classes(part)
    elif isinstance(value, Mapping):
        yield from _classes(tuple(value.values()))
    elif is_dataclass(value):
        yield type(value)
        yield from _classes(tuple(getattr(value, f.name) for f in fields(value)))

"""The arguments of a run, refused with one sentence before anything is simulated."""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral, Real
from typing import Any

from bnstats._validation import named
from bnstats.simulation.study import Cell, Study
from bnstats.simulation.summaries import SUMMARIES


def check(
    study: Any, precision: Any, max_replicates: Any, seed: Any, executor: Any, store: Any, progress: Any
) -> Sequence[Cell]:
    """The cells of the study; ValueError for arguments of `run` that make no sense."""
    if precision is not None and not (_number(precision) and 0 < precision < 1):
        raise ValueError(f"precision is a relative standard error between 0 and 1, or None; got {precision!r}.")
    if not (_number(max_replicates) and 2 <= max_replicates < math.inf):
        raise ValueError(f"max_replicates is a number of at least 2, to have a standard error; got {max_replicates!r}.")
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise ValueError(f"seed is a whole number of at least 0; got {seed!r}.")
    if not (store is None or isinstance(store, str | os.PathLike)):
        raise ValueError(f"store is the path of an SQLite file, or None; got {store!r}.")
    if not (progress is None or isinstance(progress, bool)):
        raise ValueError(f"progress is True, False, or None for a bar on terminals only; got {progress!r}.")
    _check_executor(executor)
    cells = _cells(study)
    if executor is not None and not isinstance(executor, int | ThreadPoolExecutor):
        try:
            pickle.dumps(study)
        except Exception as error:  # what cannot be pickled says so in many ways, all of them meant here
            raise ValueError(
                f"the study cannot be sent to another process ({error}): define its functions at the top of a module, "
                "or use threads."
            ) from error
    return cells


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _check_executor(executor: Any) -> None:
    if isinstance(executor, int) and not isinstance(executor, bool):
        if executor < 1:
            raise ValueError(f"executor as a number of threads is at least 1; got {executor}.")
    elif executor is not None and not hasattr(executor, "submit"):
        raise ValueError(f"executor is None, a number of threads or a concurrent.futures.Executor; got {executor!r}.")


def _cells(study: Any) -> Sequence[Cell]:
    if not isinstance(study, Study):
        raise ValueError(f"study is an object of a class derived from bn.Study; got {study!r}.")
    for name in study.summaries:
        named("summary", name, SUMMARIES, "nothing else")
    cells = study.cells()
    if not isinstance(cells, Sequence) or not all(isinstance(cell, Mapping) for cell in cells):
        raise ValueError(f"{type(study).__name__}.cells returns a list of mappings, one a condition; got {cells!r}.")
    if not cells:
        raise ValueError("the study has no cells: give at least one condition.")
    for size in map(study.size, cells):
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(f"{type(study).__name__}.size returns a whole number of at least 1; got {size!r}.")
    return cells

"""The frame: runs any study, with any workers, until its numbers are precise enough."""

from __future__ import annotations

import dataclasses
import math
import pickle
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bnstats.simulation.progress import Bar
from bnstats.simulation.settling import FIRST_LOOK, CellRun
from bnstats.simulation.store import Store
from bnstats.simulation.streams import canonical, digest, stream
from bnstats.simulation.study import Cell, Study
from bnstats.simulation.summaries import SUMMARIES, histogram
from bnstats.simulation.tally import Sample
from bnstats.simulation.workers import Workers, tallies

# What these methods say does not change a block.
_DESCRIBE = ("cells", "draws", "exact", "tail_index", "columns")


class PrecisionWarning(UserWarning):
    """Some cells did not reach the precision that was asked for."""


@dataclass(frozen=True)
class Simulation:
    """The outcome of a study.

    Attributes
    ----------
    table : DataFrame
        A row for each cell, measure and summary: value, mcse (Monte Carlo standard error), exact, replicates, and
        reached, whether the relative mcse is as small as asked, or nothing was asked of that number. Infinite values
        are not estimated and have no mcse; mcse is inf where the replicates' tails are too heavy for it to exist.
    samples, summaries : list
        The tally behind each row, and how it was summarised.
    looks : int
        How often, at most, it was looked whether the precision was reached.
    """

    table: pd.DataFrame
    samples: Sequence[Sample] = dataclasses.field(repr=False)
    summaries: Sequence[str] = dataclasses.field(repr=False)
    looks: int = 1

    def leaving_out(self, row: int) -> NDArray[np.float64]:
        """The value of one row without each of the independent groups of its blocks, shape (GROUPS,)."""
        return SUMMARIES[self.summaries[row]].leaving_out(self.samples[row])


def run(
    study: Study,
    *,
    precision: float | None = None,
    max_replicates: int = 1_000_000,
    seed: int = 0,
    executor: Executor | int | None = None,
    store: str | Path | None = None,
    progress: bool | None = None,
) -> Simulation:
    """Simulate a study until every number is precise enough.

    Parameters
    ----------
    study : Study
    precision : float, optional
        Relative Monte Carlo standard error to reach in each row; without it, `max_replicates` are simulated.
    max_replicates : int
        At most so many replicates a cell, rounded up to whole blocks.
    seed : int
    executor : None, int or concurrent.futures.Executor
        None: a thread a core; an int: so many threads. Results do not depend on it.
    store : path, optional
        SQLite file in which finished blocks are kept and found again.
    progress : bool, optional
        Progress bar; by default on a terminal only.

    Raises
    ------
    ValueError
        For bad arguments, before anything is simulated.
    BlockError
        If a block fails.
    OSError
        If the store cannot be written; what it holds is kept.

    Warns
    -----
    PrecisionWarning
        If `max_replicates` did not suffice; the column `reached` says where.
    """
    _check(study, precision, max_replicates, seed, executor)
    cells = [CellRun(study, cell, max_replicates) for cell in _distinct(study.cells())]
    looks = _looks(cells, precision)
    with ExitStack() as stack:
        blocks = None
        if store is not None:
            blocks = Store(store, _definition(study, seed))
            stack.callback(blocks.close)
        workers = stack.enter_context(Workers(executor))
        bar = stack.enter_context(Bar(study, len(cells), progress))
        for look in range(looks):
            pending = [c for c in cells if not c.done]
            tasks = ((c, c.cell, b) for c in pending for b in c.blocks_until(look, last=look == looks - 1))
            with closing(tallies(study, seed, tasks, workers, blocks)) as finished:
                for cell, block, tally in finished:
                    cell.add(block, tally)
                    bar.block(cell.cell)
            for cell in pending:
                cell.settle(precision, last=look == looks - 1)
            bar.look(cells)
    return _simulation(cells, looks, precision)


def run_block(study: Study, *, cell: int, block: int, seed: int = 0) -> Mapping[Any, NDArray[Any]]:
    """Simulate one block of the cell at that place in `study.cells()`, and return its replicates."""
    chosen = study.cells()[cell]
    return study.simulate(chosen, stream(seed, chosen, block), study.size(chosen))


def _check(study: Study, precision: float | None, max_replicates: int, seed: int, executor: Any) -> None:
    if precision is not None and not (isinstance(precision, Real) and 0 < precision < 1):
        raise ValueError(f"precision is a relative standard error between 0 and 1, or None; got {precision!r}.")
    if max_replicates < 2:
        raise ValueError(f"max_replicates is at least 2, to have a standard error; got {max_replicates}.")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed is a whole number of at least 0; got {seed!r}.")
    if isinstance(executor, int):
        if executor < 1:
            raise ValueError(f"executor as a number of threads is at least 1; got {executor}.")
    elif executor is not None and not hasattr(executor, "submit"):
        raise ValueError(f"executor is None, a number of threads or a concurrent.futures.Executor; got {executor!r}.")
    if not study.cells():
        raise ValueError("the study has no cells: give at least one condition.")
    if executor is not None and not isinstance(executor, int | ThreadPoolExecutor):
        try:
            pickle.dumps(study)
        except Exception as error:
            raise ValueError(
                f"the study cannot be sent to another process ({error}): define its functions at the top of a module, "
                "or use threads."
            ) from error


def _distinct(cells: Sequence[Cell]) -> list[Cell]:
    return list({digest(cell): cell for cell in cells}.values())


def _definition(study: Study, seed: int) -> dict[str, Any]:
    settings = {
        f.name: canonical(getattr(study, f.name)) for f in dataclasses.fields(study) if f.name not in study.grid
    }
    kind = type(study)
    return {
        "study": f"{kind.__module__}.{kind.__qualname__}",
        "seed": int(seed),
        "settings": settings,
        "code": digest(_code(kind)),
        "histogram": histogram(study.summaries),
        "numpy": np.__version__,
    }


def _code(kind: type[Study]) -> dict[str, Any]:
    """The functions that blocks may depend on: all but those that only describe them."""
    mine = kind.__mro__[: kind.__mro__.index(Study)]
    functions = {name: f for base in reversed(mine) for name, f in vars(base).items() if isinstance(f, FunctionType)}
    return {name: f for name, f in functions.items() if not name.startswith("__") and name not in _DESCRIBE}


def _looks(cells: Sequence[CellRun], precision: float | None) -> int:
    """The number of looks, fixed beforehand: blocks double from FIRST_LOOK on."""
    return 1 if precision is None else 1 + max(0, math.ceil(math.log2(max(c.most for c in cells) / FIRST_LOOK)))


def _simulation(cells: Sequence[CellRun], looks: int, precision: float | None) -> Simulation:
    rows = [row for cell in cells for key in cell.keys for row in cell.settled[key]]
    table = pd.DataFrame([row.columns for row in rows])
    table["reached"] = [precision is None or not row.wanted or row.relative <= precision for row in rows]
    missed = table[~table["reached"] & np.array([row.asked for row in rows])]
    if len(missed):
        shown = missed.iloc[:, : missed.columns.get_loc("value")].head(5).to_string(index=False, header=False)
        warnings.warn(
            f"{len(missed)} of {len(table)} numbers did not reach a relative standard error of {precision}; raise the "
            f"limit on replicates or the precision. The first of them:\n{shown}",
            PrecisionWarning,
            stacklevel=4,
        )
    return Simulation(table, [row.sample for row in rows], [row.summary for row in rows], looks)

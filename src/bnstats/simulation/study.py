"""The frame: a study says what one block of replicates is, and `run` does everything else."""

from __future__ import annotations

import dataclasses
import math
import pickle
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm.auto import tqdm

from bnstats.simulation.store import Store
from bnstats.simulation.streams import canonical, digest, stream
from bnstats.simulation.summaries import SUMMARIES
from bnstats.simulation.tally import Account, Sample, Tally
from bnstats.simulation.workers import Workers, tallies

Cell = Mapping[str, Any]

# Blocks before the first look.
FIRST_LOOK = 8
# What these methods say does not change a block.
_DESCRIBE = ("cells", "draws", "exact", "tail_index", "columns")


class PrecisionWarning(UserWarning):
    """Some cells did not reach the precision that was asked for."""


@dataclass(frozen=True)
class Study(ABC):
    """What is simulated. A subclass is a frozen dataclass with `cells` and `simulate`; the rest has defaults.

    Examples
    --------
    How often does a batch of n fair coins show only one face?

    >>> @dataclass(frozen=True)
    ... class OneFace(Study):
    ...     batch_sizes: tuple[int, ...]
    ...
    ...     def cells(self):
    ...         return [{"batch_size": n} for n in self.batch_sizes]
    ...
    ...     def simulate(self, cell, rng, size):
    ...         heads = rng.binomial(cell["batch_size"], 0.5, size)
    ...         return {"one_face": (heads == 0) | (heads == cell["batch_size"])}
    ...
    ...     def exact(self, cell, key, measure):
    ...         return 2 * 0.5 ** cell["batch_size"]
    >>> table = run(OneFace((2, 5)), precision=0.01).table
    >>> table[["batch_size", "measure", "exact"]].values.tolist()
    [[2, 'one_face', 0.5], [5, 'one_face', 0.0625]]
    >>> bool((abs(table.value - table.exact) < 6 * table.mcse).all())
    True
    """

    summaries: ClassVar[tuple[str, ...]] = ("mean",)
    key_columns: ClassVar[tuple[str, ...]] = ("measure",)
    grid: ClassVar[tuple[str, ...]] = ()
    """Fields that only say which cells there are: a store serves any values of them."""

    @abstractmethod
    def cells(self) -> Sequence[Cell]:
        """One mapping of parameters a condition; a condition has its own random stream."""

    @abstractmethod
    def simulate(self, cell: Cell, rng: Generator, size: int) -> Mapping[Any, NDArray[Any]]:
        """`size` independent replicates: an array for each measure, whose name is a string or fills `key_columns`."""

    def size(self, cell: Cell) -> int:
        """Replicates in a block."""
        return 1000

    def draws(self, cell: Cell) -> int:
        """Random numbers that a replicate takes, for the progress bar."""
        return 1

    def origin(self, cell: Cell, key: Any) -> float:
        """What replicates are measured from: the target, if they are estimates."""
        return 0.0

    def exact(self, cell: Cell, key: Any, measure: str) -> float:
        """The exact value, nan where it is not known, inf where it is infinite."""
        return math.nan

    def tail_index(self, cell: Cell, key: Any, replicates: int) -> float:
        """Moments of the replicates below this order exist, as far as so many replicates can tell."""
        return math.inf

    def columns(self, cell: Cell) -> Mapping[str, Any]:
        """What the table says of a cell."""
        return cell


@dataclass(frozen=True)
class Simulation:
    """The outcome of a study.

    Attributes
    ----------
    table : DataFrame
        A row for each cell, measure and summary: value, mcse (Monte Carlo standard error), exact, replicates, and
        whether the wanted precision was reached. Infinite values are not estimated and have no mcse; mcse is inf
        where the replicates' tails are too heavy for it to exist.
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
    cells = [_CellRun(study, cell, max_replicates) for cell in _distinct(study.cells())]
    looks = _looks(cells, precision)
    with ExitStack() as stack:
        blocks = None
        if store is not None:
            blocks = Store(store, _definition(study, seed))
            stack.callback(blocks.close)
        workers = stack.enter_context(Workers(executor))
        bar = stack.enter_context(_Bar(study, len(cells), progress))
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
    if precision is not None and not 0 < precision < 1:
        raise ValueError(f"precision is a relative standard error between 0 and 1; got {precision}.")
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
        "numpy": np.__version__,
    }


def _code(kind: type[Study]) -> dict[str, Any]:
    """The functions that blocks may depend on: all but those that only describe them."""
    mine = kind.__mro__[: kind.__mro__.index(Study)]
    functions = {name: f for base in reversed(mine) for name, f in vars(base).items() if isinstance(f, FunctionType)}
    return {name: f for name, f in functions.items() if not name.startswith("__") and name not in _DESCRIBE}


def _looks(cells: Sequence[_CellRun], precision: float | None) -> int:
    """The number of looks, fixed beforehand: blocks double from FIRST_LOOK on."""
    return 1 if precision is None else 1 + max(0, math.ceil(math.log2(max(c.most for c in cells) / FIRST_LOOK)))


class _CellRun:
    """One cell on its way: what was added so far, and the rows that are settled."""

    def __init__(self, study: Study, cell: Cell, max_replicates: int) -> None:
        self.study, self.cell = study, cell
        self.most = math.ceil(max_replicates / study.size(cell))
        self.blocks = 0
        self.keys: tuple[tuple[Any, ...], ...] = ()
        self.account: Account | None = None
        self.settled: dict[tuple[Any, ...], list[_Row]] = {}
        self.worst = math.inf

    @property
    def done(self) -> bool:
        return 0 < len(self.settled) == len(self.keys)

    def blocks_until(self, look: int, last: bool) -> range:
        return range(self.blocks, self.most if last else min(self.most, FIRST_LOOK << look))

    def add(self, block: int, tally: Tally) -> None:
        if self.account is None:
            self.keys, self.account = tally.keys, Account(len(tally.keys))
        self.account.add(block, tally)
        self.blocks = block + 1

    def settle(self, precision: float | None, last: bool) -> None:
        """Settle each measure whose summaries are all precise enough: later looks no longer change its rows.

        So a row does not depend on what else is asked for, and a grid can be extended without changing a bit.
        """
        assert self.account is not None
        self.worst = 0.0
        for k, key in enumerate(self.keys):
            if key in self.settled:
                continue
            sample = self.account.sample(k)
            rows = _rows(self.study, self.cell, key, sample)
            worst = max((row.relative for row in rows if math.isfinite(row.relative)), default=0.0)
            if last or (precision is not None and worst <= precision):
                self.settled[key] = rows
            self.worst = max(self.worst, worst)
        if self.done:
            self.account = None  # the rows keep what they need


@dataclass(frozen=True)
class _Row:
    columns: dict[str, Any]
    summary: str
    sample: Sample
    relative: float
    """Relative MCSE; nan or inf where no precision can be asked for."""


def _rows(study: Study, cell: Cell, key: tuple[Any, ...], sample: Sample) -> list[_Row]:
    """A row for each summary of one measure."""
    name = key if len(key) > 1 else key[0]
    evidence = sample.whole()
    replicates = int(evidence.n)
    tail = study.tail_index(cell, name, replicates)
    rows = []
    for summary in study.summaries:
        exact = study.exact(cell, name, summary)
        value, mcse, relative = SUMMARIES[summary].of(evidence)
        if math.isinf(exact):
            value, mcse, relative = exact, math.nan, math.nan
        elif tail <= SUMMARIES[summary].order:
            mcse = relative = math.inf
        columns = {column: _label(v) for column, v in study.columns(cell).items()}
        columns |= dict(zip(study.key_columns, key, strict=True))
        if "measure" not in study.key_columns:
            columns["measure"] = summary
        elif len(study.summaries) > 1:
            columns["summary"] = summary
        numbers = {"value": value, "mcse": mcse, "exact": exact, "replicates": replicates}
        rows.append(_Row(columns | numbers, summary, sample, relative))
    return rows


def _label(value: Any) -> Any:
    """How a parameter stands in the table: plain values as they are, all else by its name or its expression."""
    plain = value is None or isinstance(value, bool | int | float | str)
    return value if plain else getattr(value, "name", None) or repr(value)


def _simulation(cells: Sequence[_CellRun], looks: int, precision: float | None) -> Simulation:
    rows = [row for cell in cells for key in cell.keys for row in cell.settled[key]]
    table = pd.DataFrame([row.columns for row in rows])
    table["reached"] = [
        precision is None or not math.isfinite(row.relative) or row.relative <= precision for row in rows
    ]
    missed = table[~table["reached"]]
    if len(missed):
        shown = missed.iloc[:, : missed.columns.get_loc("value")].head(5).to_string(index=False, header=False)
        warnings.warn(
            f"{len(missed)} of {len(table)} numbers did not reach a relative standard error of {precision}; raise the "
            f"limit on replicates or the precision. The first of them:\n{shown}",
            PrecisionWarning,
            stacklevel=4,
        )
    return Simulation(table, [row.sample for row in rows], [row.summary for row in rows], looks)


class _Bar:
    """Progress: cells that are done, the worst error, draws a second."""

    def __init__(self, study: Study, cells: int, progress: bool | None) -> None:
        self._study = study
        self._bar = tqdm(total=cells, unit="cell", disable=None if progress is None else not progress, leave=False)
        self._draws, self._start, self._worst = 0, time.monotonic(), math.inf

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def block(self, cell: Cell) -> None:
        self._draws += self._study.size(cell) * self._study.draws(cell)
        self._show()

    def look(self, cells: Sequence[_CellRun]) -> None:
        self._worst = max(c.worst for c in cells)
        self._bar.update(sum(c.done for c in cells) - self._bar.n)
        self._show()

    def _show(self) -> None:
        speed = self._draws / (time.monotonic() - self._start + 1e-9)
        self._bar.set_postfix_str(f"worst MCSE {self._worst:.2g}, {speed / 1e6:.0f} M draws/s", refresh=False)
        self._bar.update(0)

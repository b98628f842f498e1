"""The options of every analysis, and how a run of one ends: in its figure, or in one sentence."""

from __future__ import annotations

import argparse
import copy
import math
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analyses.figure_files import FIGURES, NARROW_PNG, as_committed, belongs_to, draw_again, expected_seconds, produce
from bnstats.cli.interrupts import STATUS
from bnstats.simulation.workers.executors import usable_cores

Defaults = Mapping[str, Any]
Simulate = Callable[["Options"], pd.DataFrame]
Plot = Callable[[pd.DataFrame], Figure]


def options() -> argparse.ArgumentParser:
    """The parent parser of every analysis."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--quick", action="store_true", help="a small version in seconds, written to OUT/quick")
    parser.add_argument("--seed", type=_seed, default=0, help="seed of all random streams (default: %(default)s)")
    parser.add_argument(
        "--jobs", type=_jobs, default=None, help="threads in all; results do not depend on it (default: all cores)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=FIGURES,
        metavar="OUT",
        help="folder for NAME.png, NAME.csv, NAME.json (default: figures)",
    )
    parser.add_argument(
        "--precision", type=_precision, default=None, help="relative Monte Carlo standard error to reach"
    )
    parser.add_argument(
        "--store", type=Path, default=None, help="folder for SQLite files, so that a run can be resumed"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files in OUT that no analysis of that name has made"
    )
    parser.add_argument("--replot", action="store_true", help="draw again from the saved CSV, without simulating")
    return parser


def _seed(text: str) -> int:
    return _whole(text, "a whole number of at least 0", 0)


def _jobs(text: str) -> int:
    return _whole(text, "a number of threads, at least 1", 1)


def _whole(text: str, what: str, least: int) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) < least:
        raise argparse.ArgumentTypeError(f"{what}; got {text}")
    return int(text)


def _precision(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"a relative standard error between 0 and 1; got {text}")
    return value


class Options(argparse.Namespace):
    """The parsed options of a run."""

    quick: bool
    seed: int
    jobs: int | None
    out: Path
    precision: float | None
    store: Path | None
    replot: bool
    overwrite: bool
    progress: bool | None = None

    @property
    def folder(self) -> Path:
        """Where the figure and its numbers are written."""
        return self.out / "quick" if self.quick else self.out

    def store_of(self, name: str) -> Path | None:
        """The store of this name, if a run is to keep its blocks."""
        return None if self.store is None else self.store / f"{name}{'-quick' if self.quick else ''}.sqlite"

    def study(self, name: str, *, full: float | Defaults, quick: float | Defaults) -> dict[str, Any]:
        """Keyword arguments for a `measure_...` call, whose store is called `name`.

        `full` and `quick` are the analysis's own: a precision, or keyword arguments with or without one, such as
        `{"precision": 0.01, "steps": 1000}`. A precision from the command line takes the place of it.
        """
        own = quick if self.quick else full
        defaults = dict(own) if isinstance(own, Mapping) else {"precision": own}
        wanted = {} if self.precision is None else {"precision": self.precision}
        given = {"seed": self.seed, "executor": self.jobs, "store": self.store_of(name)}
        return given | ({} if self.progress is None else {"progress": self.progress}) | defaults | wanted


def run(
    name: str, simulate: Simulate, plot: Plot, argv: Sequence[str] | None = None, description: str | None = None
) -> Path:
    """The `main` of an analysis: read its options, and write its figure."""
    parser = argparse.ArgumentParser(prog=f"python -m analyses.{name}", parents=[options()], description=description)
    chosen = parser.parse_args(argv, namespace=Options())
    return run_all({name: (simulate, plot)}, chosen)[0]


def run_all(chosen: Mapping[str, tuple[Simulate, Plot]], given: Options, last: Collection[str] = ()) -> list[Path]:
    """Write the figures of some analyses, as many at a time as there are threads, those in `last` after all others.

    One analysis uses several threads less well than several analyses use one each: here and there it has a step alone.

    Raises
    ------
    SystemExit
        With a sentence, before anything is simulated, for folders that cannot be written, and for files in them that
        no analysis has made; and at Ctrl-C.
    """
    for option, folder in (("--out", given.folder), ("--store", given.store)):
        if folder is not None:
            _make_writable(option, folder)
    _check_files(chosen, given)
    if not given.replot:
        print(_duration({name: expected_seconds(name) for name in chosen}, given), flush=True)
    try:
        first = {name: functions for name, functions in chosen.items() if name not in last}
        rest = {name: functions for name, functions in chosen.items() if name in last}
        at_once = 1 if given.replot else min(len(first), given.jobs or usable_cores())
        written = _one_by_one(first, given) if at_once < 2 else _at_once(first, given, at_once)
        return written + _one_by_one(rest, given)
    except KeyboardInterrupt:
        kept = "finished blocks are kept in --store" if given.store else "with --store FOLDER, a run can be resumed"
        raise SystemExit(f"interrupted; figures that were finished are written, and {kept}") from None


def _one_by_one(chosen: Mapping[str, tuple[Simulate, Plot]], given: Options) -> list[Path]:
    return [_written(name, *functions, given) for name, functions in chosen.items()]


def _at_once(chosen: Mapping[str, tuple[Simulate, Plot]], given: Options, processes: int) -> list[Path]:
    """In processes of their own, the longest first, so that they end together."""
    own = copy.copy(given)
    own.jobs, own.progress = max(1, (given.jobs or usable_cores()) // processes), False
    longest_first = sorted(chosen, key=lambda name: -(expected_seconds(name) or math.inf))
    with process_pool(processes) as pool:
        pending = [pool.submit(_interruptible, name, *chosen[name], own) for name in longest_first]
        return [work.result() for work in as_completed(pending)]


@contextmanager
def process_pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that Ctrl-C does not reach, and that an error here, Ctrl-C too, spares what has not begun."""
    with _Pool(processes, multiprocessing.get_context("spawn"), _begin) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class _Pool(ProcessPoolExecutor):
    """Starts its processes undisturbed, as work is submitted: none is left alone before the pool knows of it."""

    def submit(self, *work: Any, **options: Any) -> Future[Any]:
        with _interrupts_wait():
            return super().submit(*work, **options)


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Handle a Ctrl-C that comes meanwhile at the end; processes that are started meanwhile have it wait, too."""
    came: list[int] = []
    ours = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if ours else None
    if callable(handler):
        signal.signal(signal.SIGINT, lambda *_: came.append(1))
    held = _mask(signal.SIG_BLOCK)  # which new processes have from the one that starts them
    try:
        yield
    finally:
        _mask(signal.SIG_SETMASK, held)
        if callable(handler):
            signal.signal(signal.SIGINT, handler)
    if came and callable(handler):
        handler(signal.SIGINT, None)


def _begin() -> None:
    """End if a Ctrl-C came while modules were imported; ignore those to come."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(STATUS))
    _mask(signal.SIG_UNBLOCK)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _mask(how: int, signals: Collection[int] = (signal.SIGINT,)) -> Collection[int]:
    """Change which signals have to wait, and return those that had to; on Windows none can."""
    return signal.pthread_sigmask(how, signals) if hasattr(signal, "pthread_sigmask") else ()


def _interruptible(name: str, simulate: Simulate, plot: Plot, given: Options) -> Path:
    """Write a figure in another process, which Ctrl-C reaches while it works, and only then."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return _written(name, simulate, plot, given)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _make_writable(option: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise SystemExit(f"{option} {folder} is no folder that can be written ({reason}); name another one") from None


def _check_files(names: Iterable[str], given: Options) -> None:
    """Refuse to replace what no analysis has made."""
    endings = ("png", NARROW_PNG) if given.replot else ("csv", "json", "png", NARROW_PNG)
    for name in names:
        for file in (given.folder / f"{name}.{ending}" for ending in endings):
            if file.exists() and not file.is_file():
                raise SystemExit(f"{file} is in the way of a figure; move it, or name another folder with --out")
            own = given.overwrite or given.out.resolve() == FIGURES.resolve() or belongs_to(name, given.folder)
            if file.exists() and not own:
                raise SystemExit(f"{file} was made by no analysis; name another folder with --out, or say --overwrite")


def _duration(seconds: Mapping[str, float | None], given: Options) -> str:
    """Return the expected time of a run, from the times of the committed figures.

    >>> given = options().parse_args(["--jobs", "2"], namespace=Options())
    >>> _duration({"drift": 90.0, "shift": 42.0}, given)
    'drift, shift: about 1.1 minutes with 2 threads'
    """
    names = ", ".join(seconds)
    if given.quick:
        return f"{names}: a quick version, in seconds"
    known = [value for value in seconds.values() if value is not None]
    if len(known) < len(seconds):
        return f"{names}: how long it takes is known once its figure was made in full"
    threads = given.jobs or usable_cores()
    took = sum(known) / threads
    time = f"{took / 60:.1f} minutes" if took >= 60 else f"{max(took, 1):.0f} seconds"
    other = "" if given.precision is None else " at its own precision"
    return f"{names}: about {time}{other} with {threads} threads"


def _written(name: str, simulate: Simulate, plot: Plot, given: Options) -> Path:
    start = time.perf_counter()
    arguments = {"quick": given.quick, "seed": given.seed, "precision": given.precision}
    path = (
        draw_again(name, plot, given.folder, given.quick)
        if given.replot
        else produce(name, lambda: simulate(given), plot, given.folder, arguments)
    )
    same = ", the same to the byte as committed" if as_committed(path) else ""
    print(f"{name}: {path}{same} ({time.perf_counter() - start:.1f} s)", flush=True)
    return path

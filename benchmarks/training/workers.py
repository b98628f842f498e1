"""A contestant on every core at once: in threads of this process, or in processes of one thread each."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import Pool
from typing import Any

import numpy as np

CORES = os.cpu_count() or 1
Contestant = Callable[..., Iterator[float]]


class Threads:
    """For what leaves the interpreter's lock alone."""

    def __init__(self, contestant: Contestant, *arguments: float) -> None:
        self._pool = ThreadPoolExecutor(CORES)
        self._workers = [contestant(*arguments) for _ in range(CORES)]
        list(self._pool.map(next, self._workers))

    def __call__(self) -> float:
        """Seconds per step and network of all workers together."""
        return float(np.mean(list(self._pool.map(next, self._workers)))) / CORES

    def close(self) -> None:
        self._pool.shutdown()


_mine: Iterator[float]
_barrier: Any


def _join(barrier: Any) -> None:
    global _barrier
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    _barrier = barrier


def _begin(contestant: Contestant, *arguments: float) -> None:
    global _mine
    _barrier.wait()  # so that each process takes one task, and all begin together
    _mine = contestant(*arguments)
    next(_mine)


def _go(_: int) -> float:
    _barrier.wait()
    return next(_mine)


class Processes:
    """For everybody else; they are started once, as importing takes long, and begin anew with other arguments."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool: Pool = context.Pool(CORES, _join, (context.Barrier(CORES),))

    def begin(self, contestant: Contestant, *arguments: float) -> None:
        """Let each process warm up."""
        self._pool.starmap(_begin, [(contestant, *arguments)] * CORES, chunksize=1)

    def __call__(self) -> float:
        """Seconds per step and network of all workers together."""
        return float(np.mean(self._pool.map(_go, range(CORES), chunksize=1))) / CORES

    def close(self) -> None:
        self._pool.terminate()
        self._pool.join()

"""Population statistics in one pass: one thread a batch, and each layer waits until all batches have arrived."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from bnstats.audit.core.protocol import Statistics
from bnstats.statistics.moments import Moments

Arrive = Callable[[str, Moments], Statistics]
"""Gives a layer's moments of the batch whose pass calls it; returns the statistics of all batches."""


class _Left(BaseException):
    """Ends the pass of a batch, as another one has ended."""


class Lockstep:
    """Passes of several batches, of which one runs at a time, up to its next layer.

    Parameters
    ----------
    passes : int
        Number of passes.

    Attributes
    ----------
    made : dict of str to Statistics
        Statistics of all batches at each layer.
    """

    def __init__(self, passes: int) -> None:
        self.made: dict[str, Statistics] = {}
        self._turns = [threading.Semaphore(0) for _ in range(passes)]
        self._here = threading.local()
        self._arrived: list[tuple[str, Moments]] = []
        self._finished = 0
        self._stopped = False

    def arrive(self, name: str, moments: Moments) -> Statistics:
        """Return the statistics of all batches, once all have arrived at this layer."""
        if self._stopped or self._finished or name in self.made or (self._arrived and self._arrived[0][0] != name):
            raise _Left  # a layer is called twice, or passes differ
        self._arrived.append((name, moments))
        if len(self._arrived) == len(self._turns):
            total = reduce(Moments.merge, (found for _, found in self._arrived))
            self.made[name] = Statistics(total.mean, total.var())
            self._arrived.clear()
        self._next()
        self._wait()
        return self.made[name]

    def run(self, forward: Callable[[int], Any]) -> bool:
        """Make all passes; return True if they took the same path.

        Parameters
        ----------
        forward : callable (pass) -> object
            One pass, whose layers call `arrive`.
        """
        contexts = [contextvars.copy_context() for _ in self._turns]
        threads = [
            threading.Thread(target=one.run, args=(self._run, k, forward), daemon=True)
            for k, one in enumerate(contexts)
        ]
        for thread in threads:
            thread.start()
        self._turns[0].release()
        for thread in threads:
            thread.join()
        return not self._stopped

    def _run(self, thread: int, forward: Callable[[int], Any]) -> None:
        self._here.thread = thread
        try:
            self._wait()
            forward(thread)
            self._finished += 1
            if self._arrived:  # others have come to a layer that this pass does not call
                raise _Left
            self._next()
        except BaseException:  # the core's plain passes raise it again
            self._stopped = True
            for turn in self._turns:
                turn.release()

    def _wait(self) -> None:
        self._turns[self._here.thread].acquire()
        if self._stopped:
            raise _Left

    def _next(self) -> None:
        self._turns[(self._here.thread + 1) % len(self._turns)].release()


def population(batches: Sequence[Any], run: Callable[[Any, Arrive], Any]) -> dict[str, Statistics] | None:
    """Return the statistics of all batches along the inference path; None where passes differ, or raise errors.

    Parameters
    ----------
    batches : sequence of batches
        Batches of any size.
    run : callable (batch, arrive) -> output
        One pass in evaluation mode, whose layers are normalized by what `arrive` returns.
    """
    steps = Lockstep(len(batches))
    took_one_path = steps.run(lambda k: run(batches[k], steps.arrive))
    return steps.made if took_one_path else None

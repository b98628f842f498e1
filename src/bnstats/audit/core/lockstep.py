"""Population statistics in one pass: one thread a batch, and each layer waits until all batches have arrived."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.statistics.moments import Moments


class _PassEnded(BaseException):
    """End of the pass of a batch, as another one has ended."""


class Lockstep:
    """Passes of several batches, of which one runs at a time, in their order, up to its next layer.

    Every way out of a pass wakes the others: its end, an error, another path through the layers. Where none moves, as a
    lock of the model may hold one, all are stopped after a while.

    Parameters
    ----------
    passes : int
        Number of passes.
    patience : float
        Seconds after which passes that do not move are stopped.

    Attributes
    ----------
    made : dict of str to ChannelStatistics
        Statistics of all batches at each layer.
    ends : dict of str to (Moments, Moments)
        Moments of the first and of the last batch at each layer.
    error : BaseException or None
        First error of a pass.
    """

    def __init__(self, passes: int, patience: float) -> None:
        self.made: dict[str, ChannelStatistics] = {}
        self.ends: dict[str, tuple[Moments, Moments]] = {}
        self.error: BaseException | None = None
        self._patience = patience
        self._turns = [threading.Semaphore(0) for _ in range(passes)]
        self._here = threading.local()
        self._arrived: list[tuple[str, Moments]] = []
        self._done = threading.Event()
        self._moved = self._finished = 0
        self._stopped = False

    def arrive(self, name: str, moments: Moments) -> ChannelStatistics:
        """Return the statistics of all batches, once all have arrived at this layer."""
        self._moved += 1
        # After an end, a second call of a layer, or a call of another one, passes differ.
        if self._finished or name in self.made or (self._arrived and self._arrived[0][0] != name):
            self._stop()
        self._leave_if_stopped()
        self._arrived.append((name, moments))
        if len(self._arrived) == len(self._turns):
            self.ends[name] = self._arrived[0][1], self._arrived[-1][1]
            self.made[name] = ChannelStatistics.of(reduce(Moments.merge, (found for _, found in self._arrived)))
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
        try:
            for thread in threads:
                thread.start()
            self._turns[0].release()
            before, still = 0, 0
            while not self._done.wait(self._patience / 4) and still < 4:
                before, still = self._moved, still + 1 if self._moved == before else 0
        finally:
            if not self._done.is_set():
                self._stop()
            for thread in threads:
                if thread.ident is not None:
                    thread.join(self._patience)
        return not self._stopped

    def repeated(self, *alone: Mapping[str, Sequence[Moments]]) -> bool:
        """Return True if batches had the moments among the others that they have alone with the statistics of all.

        Parameters
        ----------
        alone : mapping of str to sequence of Moments
            Moments at each layer of the first batch alone, and of the last one, if they are given.
        """
        for seen, end in zip(alone, (0, -1), strict=False):
            for name, ends in self.ends.items():
                if not seen.get(name):
                    return False
                mean, var, among = seen[name][0].mean, seen[name][0].var(), ends[end]
                far = np.abs(mean - among.mean) > 1e-3 * np.sqrt(among.var()) + 1e-5 * np.abs(among.mean)
                if np.any(far | (np.abs(var - among.var()) > 1e-3 * among.var())):
                    return False
        return True

    def _run(self, thread: int, forward: Callable[[int], Any]) -> None:
        self._here.thread = thread
        try:
            self._wait()
            forward(thread)
            self._moved += 1
            self._finished += 1
            if self._arrived:  # others have come to a layer that this pass does not call
                self._stop()
            elif self._finished == len(self._turns):
                self._done.set()
            else:
                self._next()
        except _PassEnded:
            self._stop()
        except BaseException as error:
            self.error = self.error or error
            self._stop()

    def _stop(self) -> None:
        self._stopped = True
        for turn in self._turns:
            turn.release()
        self._done.set()

    def _wait(self) -> None:
        self._turns[self._here.thread].acquire()
        self._leave_if_stopped()

    def _leave_if_stopped(self) -> None:
        if self._stopped:
            raise _PassEnded

    def _next(self) -> None:
        self._turns[(self._here.thread + 1) % len(self._turns)].release()

"""Workers: what travels to them, what is left as it was, and what is said when they are lost."""

import heapq
import math
import multiprocessing
import os
import pickle
import signal
import struct
import sys
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import ThreadpoolController

import bnstats as bn
from benchmarks.damage import Means
from bnstats.exceptions import BlockError, WorkersLostError
from bnstats.simulation.condition import PlacedCondition
from bnstats.simulation.replicates.accumulator import BLOCKS_MERGED
from bnstats.simulation.workers import remote
from bnstats.simulation.workers.dask import submitted
from bnstats.simulation.workers.executors import (
    FIRST_TASKS,
    TASKS_PER_WORKER,
    TOGETHER,
    Workers,
    finished,
    usable_cores,
)
from bnstats.simulation.workers.remote import Output
from bnstats.simulation.workers.single_thread import single_thread
from bnstats.simulation.workers.task_sizes import TaskSizes

FIRST = PlacedCondition(Means(), Means().conditions()[0])


def blas_threads() -> list[int]:
    np.linalg.inv(np.eye(2))
    return [library["num_threads"] for library in ThreadpoolController().info() if library["user_api"] == "blas"]


@pytest.fixture
def two_threads():
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        assert set(blas_threads()) == {2}
        yield


class Elsewhere(Executor):
    """Processes, as far as a study can see: what is sent is pickled, each process knows what it was sent."""

    def __init__(self, processes: int = 2) -> None:
        self._max_workers = processes
        self.known: list[dict[str, Any]] = [{} for _ in range(processes)]
        self.sent: list[int] = []
        self.merged: set[int] = set()  # how many blocks, at most, came as one

    def submit(self, function: Any, /, *given: Any, **_: Any) -> Future[Any]:
        travels = pickle.dumps((function, given))
        self.sent.append(len(travels))
        future: Future[Any] = Future()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(remote, "_known", self.known[len(self.sent) % len(self.known)])
            function, given = pickle.loads(travels)
            work = pickle.loads(pickle.dumps(function(*given)))
        if work is not None:
            self.merged |= {part.blocks for part in work.parts}
        future.set_result(work)
        return future


@pytest.fixture
def short_blocks(monkeypatch):
    """Blocks take half a millisecond, however busy the machine is: tasks have the sizes that this allows."""
    took = TaskSizes.took
    monkeypatch.setattr(TaskSizes, "took", lambda self, study, _: took(self, study, 5e-4))


@dataclass(frozen=True)
class Holding(Means):
    """A study with a million values, and with these in its conditions."""

    values: Any = field(default_factory=lambda: np.arange(1e6))

    def conditions(self):
        return [{"size": n, "values": self.values} for n in self.sizes]

    def columns(self, condition):
        return {"size": condition["size"]}


def test_a_users_arrays_travel_once_per_worker(monkeypatch):
    """8 MB for each of 2 workers, however many blocks and conditions there are."""
    monkeypatch.setattr(Workers, "task_size", lambda *_: 1)
    elsewhere = Elsewhere()
    found = bn.run(Holding(), max_replicates=60 * 40, executor=elsewhere).table
    large = [size for size in elsewhere.sent if size > 100_000]
    assert len(elsewhere.sent) >= 100
    assert 2 <= len(large) <= 3
    assert max(large) < 9e6
    assert max(size for size in elsewhere.sent if size <= 100_000) < 1000
    pd.testing.assert_frame_equal(found, bn.run(Holding(), max_replicates=60 * 40, executor=1).table)


def test_a_worker_that_does_not_know_the_study_is_sent_it():
    elsewhere = Elsewhere(3)
    elsewhere._max_workers = 1  # as far as anybody knew when the run began
    found = bn.run(Means(), max_replicates=60 * 40, executor=elsewhere).table
    pd.testing.assert_frame_equal(found, bn.run(Means(), max_replicates=60 * 40, executor=1).table)
    assert all(elsewhere.known)


def test_a_process_keeps_few_studies():
    elsewhere = Elsewhere(1)
    for seed in range(remote.STUDIES_KEPT + 3):
        bn.run(Means((seed + 2,)), max_replicates=120, executor=elsewhere)
    assert len(elsewhere.known[0]) == remote.STUDIES_KEPT


class Asked(Executor):
    """As mpi4py's pool, it says how many workers it has; as Dask's, it asks its client."""

    def __init__(self, **told):
        self.__dict__.update(told)


def test_the_window_is_of_the_executors_workers_not_of_this_machine():
    class Client:
        def nthreads(self):
            return {"tcp://a": 3, "tcp://b": 4}

    class Lost:
        def nthreads(self):
            raise OSError("no scheduler")

    for told, number in [
        ({"_max_workers": 5}, 5),
        ({"num_workers": 6}, 6),
        ({"_client": Client()}, 7),
        ({"_client": Lost()}, 1),
        ({}, usable_cores()),
    ]:
        with Workers(Asked(**told), [Means()], 0) as workers:
            assert workers.window == min(FIRST_TASKS, number)  # nothing is known yet
            workers.task_sizes.took(0, 0.1)
            assert workers.window == TASKS_PER_WORKER * number
            assert workers.together == (number if "_client" in told else 1)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system restricts no process to some cores")
def test_there_is_a_thread_for_each_core_that_this_process_may_use(monkeypatch):
    """A cluster's scheduler, or a container, gives a job some of a machine's cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 8})
    with Workers(None, [Means()], 0) as workers:
        assert workers.count == 3


@pytest.mark.usefixtures("two_threads")
def test_blas_has_its_threads_again_after_a_run_and_after_an_error():
    inside = []

    @dataclass(frozen=True)
    class Looking(Means):
        fails: bool = False

        def simulate(self, condition, rng, size):
            inside.extend(blas_threads())
            if self.fails:
                raise ZeroDivisionError
            return super().simulate(condition, rng, size)

    before = threading.active_count()
    bn.run(Looking(), max_replicates=120, executor=2)
    assert set(blas_threads()) == {2}
    with pytest.raises(BlockError):
        bn.run(Looking(fails=True), max_replicates=120, executor=2)
    assert set(inside) == {1}
    assert set(blas_threads()) == {2}
    assert threading.active_count() == before


@pytest.mark.usefixtures("two_threads")
def test_runs_that_overlap_leave_blas_as_it_was():
    """The first to begin is the first to end: each used to restore what it had found."""
    first, second = single_thread(), single_thread()
    first.__enter__()
    second.__enter__()
    assert set(blas_threads()) == {1}
    first.__exit__(None, None, None)
    assert set(blas_threads()) == {1}
    second.__exit__(None, None, None)
    assert set(blas_threads()) == {2}


def test_libraries_that_are_loaded_later_are_limited_too(monkeypatch):
    with single_thread():
        pass
    made = []
    monkeypatch.setattr(
        "bnstats.simulation.workers.single_thread.ThreadpoolController", lambda: made.append(1) or Limited()
    )

    class Limited:
        def limit(self, limits):
            return self

        def restore_original_limits(self):
            pass

    for _ in range(3):
        with single_thread():
            pass
    assert not made
    monkeypatch.setitem(__import__("sys").modules, "a_new_library", os)
    for _ in range(3):
        with single_thread():
            pass
    assert made == [1]


def limits_in_a_child() -> tuple[int, int]:
    before = max(blas_threads())
    with single_thread():
        return before, max(blas_threads())


@pytest.mark.usefixtures("two_threads")
def test_a_forked_process_starts_with_no_limit_of_its_own():
    with single_thread(), ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        assert pool.submit(limits_in_a_child).result() == (1, 1)


@dataclass(frozen=True)
class Deadly(Means):
    """Ends the process at a condition."""

    def simulate(self, condition, rng, size):
        if condition["size"] == 5:
            os._exit(1)
        return super().simulate(condition, rng, size)


@pytest.fixture
def pool():
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as executor:
        yield executor


def test_lost_workers_are_said_to_be_lost_and_what_is_finished_is_kept(tmp_path, pool):
    with pytest.raises(WorkersLostError, match=r"BrokenProcessPool.*workers were lost.*Finished blocks are kept"):
        bn.run(Deadly(), max_replicates=600, executor=pool, store=tmp_path / "s")
    with pytest.raises(WorkersLostError, match="BrokenProcessPool"):
        bn.run(Means(), max_replicates=600, executor=pool)
    from benchmarks.damage import _blocks

    assert _blocks(tmp_path / "s") >= 10


def test_an_executor_that_is_closed_is_no_failing_block(pool):
    pool.shutdown()
    with pytest.raises(WorkersLostError, match="cannot schedule new futures after shutdown"):
        bn.run(Means(), max_replicates=600, executor=pool)


class NeedsTwoError(Exception):
    """Cannot be made again from its pickle."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("no text")

    def __reduce__(self):
        raise RuntimeError("no pickle")


@dataclass(frozen=True)
class Raising(Means):
    kind: str = "two"

    def simulate(self, condition, rng, size):
        if condition["size"] == 3:
            raise NeedsTwoError(1, 2) if self.kind == "two" else MuteError
        return super().simulate(condition, rng, size)


@pytest.mark.parametrize("processes", [False, True])
@pytest.mark.parametrize(("kind", "said"), [("two", "NeedsTwoError: 1 and 2"), ("mute", "MuteError without a text")])
def test_an_exception_that_cannot_travel_or_speak_does_not_hide_the_block(request, processes, kind, said):
    executor = request.getfixturevalue("pool") if processes else 1
    with pytest.raises(BlockError, match=rf"block 0 of condition 1 \(size=3\) failed: .*{said}"):
        bn.run(Raising(kind=kind), max_replicates=600, executor=executor)


def test_blocks_before_one_that_fails_in_the_same_task_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(Workers, "task_size", lambda *_: 4)
    calls = []

    @dataclass(frozen=True)
    class Failing(Means):
        def simulate(self, condition, rng, size):
            calls.append(condition["size"])
            if len(calls) == 3:
                raise ZeroDivisionError
            return super().simulate(condition, rng, size)

    from benchmarks.damage import _blocks

    with pytest.raises(BlockError, match="block 2 of condition 0"):
        bn.run(Failing(), max_replicates=600, executor=1, store=tmp_path / "s")
    assert _blocks(tmp_path / "s") >= 2


def test_tasks_of_processes_have_more_blocks_the_shorter_these_are_and_fewer_towards_the_end():
    with Workers(Asked(_max_workers=2), [Means()], 0) as workers:
        assert workers.task_size(FIRST, 0, 10_000) == 1  # nothing is known yet
        workers.task_sizes.took(0, 0.01)
        assert [workers.task_size(FIRST, 0, 10_000 - 31 * i) for i in range(3)] == [31] * 3
        for _ in range(100):
            workers.task_sizes.took(0, 1.0)
        assert [workers.task_size(FIRST, 0, 9_000 - i) for i in range(3)] == [31, 1, 1]  # the second of its round first
    with Workers(2, [Means()], 0) as threads:
        threads.task_sizes.took(0, 0.001)
        assert threads.task_size(FIRST, 0, 10_000) == 1


def test_tasks_are_as_long_as_the_blocks_of_their_own_study_need():
    """A ledger has studies of milliseconds and of seconds: a task of many blocks of the latter would take minutes."""
    sizes = TaskSizes(merged=False)
    sizes.took(0, 0.001)
    assert sizes.next(0, 0, 10_000, 2) == 310
    assert sizes.next(1, 0, 9_000, 2) == 1  # nothing is known of it yet
    sizes.took(1, 2.0)
    assert [sizes.next(study, 0, 8_000, 2) for study in (1, 0, 1)] == [1, 310, 1]


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize(
    ("seconds", "count"), [(0.001, 2), (0.01, 2), (0.1, 2), (0.01, 100), (0.01, 1000), (0.04, 1000)]
)
@pytest.mark.parametrize("blocks", [1, 7, 1000, 100_000, 1_000_000])
def test_each_worker_has_as_many_blocks_but_for_one_or_a_merged_group(merge, seconds, count, blocks):
    """If the worker that is free first takes the next task, none works much longer than another."""
    with Workers(Asked(_max_workers=count), [Means()], 0, Output(merged=merge)) as workers:
        workers.task_sizes.took(0, seconds)
        first, busy, tasks = 0, [0] * count, 0
        while first < blocks:
            task = min(workers.task_size(FIRST, first, blocks - first), blocks - first)
            assert task >= 1
            heapq.heapreplace(busy, busy[0] + task)
            first, tasks = first + task, tasks + 1
    assert max(busy) <= math.ceil(blocks / count) + (BLOCKS_MERGED if merge else 0)
    longest = 0.3 + 0.005 * count
    assert tasks <= 1.3 * blocks * seconds / longest + count * math.log2(4 + longest / seconds)


def test_tasks_end_with_a_merged_group_where_that_is_sent_merged():
    with Workers(Asked(_max_workers=2), [Means()], 0, Output(merged=True)) as workers:
        workers.task_sizes.took(0, 0.004)  # 78 blocks take 0.31 seconds
        assert (workers.task_size(FIRST, 0, 10_000), workers.task_size(FIRST, 5, 10_000)) == (64, 91)
        assert workers.task_size(FIRST, 64, 20_000) == 64
    with Workers(Asked(_max_workers=2), [Means()], 0, Output(merged=True)) as workers:
        workers.task_sizes.took(0, 0.015)
        assert (workers.task_size(FIRST, 0, 10_000), workers.task_size(FIRST, 5, 10_000)) == (
            32,
            27,
        )  # 21 blocks take 0.31 s
        assert [workers.task_size(FIRST, 0, 30) for _ in range(2)] == [8, 8]  # too few for 32 blocks for each of two


@pytest.mark.usefixtures("short_blocks")
def test_merged_blocks_that_other_processes_merge_change_no_bit(tmp_path):
    """Of 200 blocks of well below 10 ms, so that tasks are long; what is stored are blocks."""
    elsewhere = Elsewhere()
    found = bn.run(Means(), max_replicates=60 * 200, executor=elsewhere)
    assert BLOCKS_MERGED in elsewhere.merged
    here, stored = (
        bn.run(Means(), max_replicates=60 * 200, **options)
        for options in ({"executor": 1}, {"executor": Elsewhere(), "store": tmp_path / "s"})
    )
    again = bn.run(Means(), max_replicates=60 * 200, executor=1, store=tmp_path / "s")
    for other in (here, stored, again):
        pd.testing.assert_frame_equal(found.table, other.table, check_exact=True)
        for row in range(len(found.table)):
            np.testing.assert_array_equal(found.leaving_out(row), other.leaving_out(row))


class Late(Future):
    """It ends when somebody waits for it."""

    def __init__(self, ends):
        super().__init__()
        self.result = ends


class Slow(Elsewhere):
    """No task ends before somebody waits for it, as where workers have to load the study first."""

    def __init__(self, processes: int) -> None:
        super().__init__(processes)
        self.given: list[Any] = []
        self.asked_after: int | None = None

    def submit(self, function: Any, /, *given: Any, **_: Any) -> Future[Any]:
        self.given.append(given)
        result = super().submit(function, *given).result()

        def ends():
            self.asked_after = self.asked_after or len(self.given)
            return result

        return Late(ends)


@pytest.mark.usefixtures("short_blocks")
@pytest.mark.parametrize("executor", [Elsewhere(20), Slow(20)])
def test_few_tasks_show_how_long_a_block_takes_and_all_workers_get_one_if_that_takes_long(executor, monkeypatch):
    """Each with the study; the tasks that follow have several blocks."""
    monkeypatch.setattr("bnstats.simulation.workers.executors.PATIENCE", 0.01)
    content = []
    submit = type(executor).submit

    def watched(self, function, /, *given, **_):
        content.append((given[1] is not None, len(given[4])))
        return submit(self, function, *given)

    monkeypatch.setattr(type(executor), "submit", watched)
    found = bn.run(Means(), max_replicates=60 * 400, executor=executor).table
    pd.testing.assert_frame_equal(found, bn.run(Means(), max_replicates=60 * 400, executor=1).table, check_exact=True)
    first = 20 if isinstance(executor, Slow) else FIRST_TASKS
    assert [blocks for _, blocks in content[:first]] == [1] * first
    assert min(blocks for _, blocks in content[first : first + 10]) > 1
    assert [sent for sent, _ in content[: FIRST_TASKS + 20]] == [True] * min(len(content), FIRST_TASKS + 20)
    assert not any(sent for sent, _ in content[FIRST_TASKS + 20 :])
    if isinstance(executor, Slow):
        assert executor.asked_after == 20


class Together(Elsewhere):
    """As Dask's executor, which has a client that can send several tasks at once."""

    def __init__(self, wraps: bool = True) -> None:
        super().__init__()
        self._client, self._kwargs, self.status = self, {"workers": "some"}, "running"
        self.alone, self.maps, self.options = 0, [], []
        if wraps:
            self._wrap_future = lambda future: future

    def nthreads(self):
        return {"a": 100}

    def submit(self, function: Any, /, *given: Any, **options: Any) -> Future[Any]:
        assert options == {"pure": False}
        self.alone += 1
        return super().submit(function, *given)

    def map(self, function, *given, **options):
        self.maps.append(len(given[0]))
        self.options.append(options)
        return [Elsewhere.submit(self, function, *each) for each in zip(*given, strict=True)]


@pytest.mark.usefixtures("short_blocks")
@pytest.mark.parametrize("wraps", [True, False])  # without what is private to Dask's executor, one by one
def test_tasks_go_to_dask_together_with_the_executors_options_and_change_no_bit(wraps):
    dask = Together(wraps)
    found = bn.run(Means(), max_replicates=60 * 500, executor=dask).table
    pd.testing.assert_frame_equal(found, bn.run(Means(), max_replicates=60 * 500, executor=1).table, check_exact=True)
    if wraps:
        assert max(dask.maps) == TOGETHER - 1
        assert all(options == {"workers": "some", "pure": False} for options in dask.options)
    else:
        assert (dask.maps, dask.alone > TOGETHER) == ([], True)


def test_tasks_come_back_in_the_order_in_which_they_are_sent(pool):
    given = [(i, 1) for i in range(5)]
    assert [f.result() for f in submitted(pool, divmod, given)] == [(i, 0) for i in range(5)]


class Leaving(Elsewhere):
    """Each time it is asked it has fewer workers."""

    left = 12

    @property
    def _max_workers(self):
        self.left = max(2, self.left - 1)
        return self.left

    @_max_workers.setter
    def _max_workers(self, _):
        """Its own number is not used."""


def test_workers_may_leave_at_any_moment(monkeypatch):
    """Between two looks at how many there are, too: no task is waited for that is not sent."""
    monkeypatch.setattr("bnstats.simulation.workers.executors.COUNT_EVERY", -1.0)
    found = bn.run(Means(), max_replicates=60 * 400, executor=Leaving(12)).table
    pd.testing.assert_frame_equal(found, bn.run(Means(), max_replicates=60 * 400, executor=1).table, check_exact=True)


@pytest.mark.parametrize("status", ["connecting", "closed"])
def test_a_task_that_never_ends_is_lost_once_its_client_has_no_scheduler(status, monkeypatch):
    """As Dask's has none if its scheduler ends while a task is on its way; it tries to connect again for minutes."""
    monkeypatch.setattr("bnstats.simulation.workers.executors.COUNT_EVERY", 0.1)
    closed = Asked(_client=SimpleNamespace(status=status))
    with pytest.raises(ConnectionError, match="is gone"):
        finished(Future(), closed)
    work = Future()
    work.set_result(3)
    assert finished(work, closed) == 3


@dataclass(frozen=True)
class DeadlyWhileSending(Means):
    """One process is killed when it has sent a part of a result, with the lock of the pipe in its hands."""

    def simulate(self, condition, rng, size):
        if condition["size"] == 5:
            frame = sys._getframe()
            while "result_queue" not in frame.f_locals:
                frame = frame.f_back
            queue = frame.f_locals["result_queue"]
            queue._wlock.acquire()
            os.write(queue._writer.fileno(), struct.pack("!i", 100) + b"some")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().simulate(condition, rng, size)


# The pool of Python 3.11, once it can go on, cannot fail tasks that were canceled meanwhile.
@pytest.mark.filterwarnings("ignore:.*:pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_is_killed_while_it_sends_a_result_is_said_to_be_lost(tmp_path, monkeypatch):
    """The pool waits without end for the rest of the result: the others cannot send theirs."""
    monkeypatch.setattr("bnstats.simulation.workers.executors.COUNT_EVERY", 0.5)
    pool = ProcessPoolExecutor(2, multiprocessing.get_context("fork"))
    try:
        with pytest.raises(WorkersLostError, match=r"is gone.*workers were lost.*Finished blocks are kept"):
            bn.run(DeadlyWhileSending(), max_replicates=600, executor=pool, store=tmp_path / "s")
        with pytest.raises(WorkersLostError, match="is gone"):
            bn.run(Means(), max_replicates=600, executor=pool)
    finally:
        for process in pool._processes.values():
            process.kill()
        os.write(pool._result_queue._writer.fileno(), bytes(96))  # the rest, so that the pool can end
        pool.shutdown()

"""Arguments are checked where the user enters, and not again in the blocks of a run."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bnstats as bn


class Inline(Executor):
    """Executor that runs each task at once, in this thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def checks_in(run: Callable[[], object]) -> Counter[str]:
    """Return how often each function that checks numbers or values is called."""
    found: Counter[str] = Counter()

    def count(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.endswith(("_checks/numbers.py", "_checks/values.py")):
            found[frame.f_code.co_qualname] += 1

    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(None)
    return found


def convergence(sets: int) -> object:
    options = {"precision": None, "max_replicates": sets, "executor": Inline(), "progress": False}
    return bn.measure_convergence("normal", batch_sizes=[4, 64], estimators=["mean", "var"], **options)


def running(runs: int) -> object:
    options = {"precision": None, "max_replicates": runs, "executor": Inline(), "progress": False}
    return bn.measure_running("normal", batch_size=4, steps=4, **options)


@pytest.mark.parametrize(("measure", "few", "many"), [(convergence, 64, 256), (running, 4096, 32768)])
def test_more_blocks_check_no_argument_again(measure, few, many):
    measure(few)  # what is made once is made here
    checked = checks_in(lambda: measure(few))
    assert sum(checked.values()) > 3  # the arguments of the call
    assert checks_in(lambda: measure(many)) == checked


def largest(x: np.ndarray, axis: int = -1) -> np.ndarray:
    bn.Population.of("nrmal")
    return x.max(axis)


def test_user_functions_in_a_block_have_their_arguments_checked():
    own = bn.Estimator("largest", largest, target=1.0)
    with pytest.raises(Exception, match="nrmal"):
        bn.measure_convergence("uniform", batch_sizes=[4], estimators=[own], max_replicates=64, progress=False)


@dataclass(frozen=True)
class Own(bn.Study):
    """Study of a user, who calls functions of the package with a wrong argument."""

    def conditions(self):
        return [{"n": 4}]

    def simulate(self, condition, rng, size):
        values = np.empty((size, condition["n"]))
        bn.IID().fill("normal", "no generator", values)
        return {"mean": values.mean(axis=1)}


def test_user_studies_have_their_arguments_checked():
    with pytest.raises(bn.exceptions.BlockError, match="rng is a numpy"):
        bn.run(Own(), max_replicates=2000, progress=False)


def test_arguments_are_checked_again_after_a_run_and_after_a_run_that_failed():
    convergence(64)
    with pytest.raises(ValueError, match="batch_size"):
        bn.theory.normalized_member_bound(True)
    own = bn.Estimator("largest", largest, target=1.0)
    with pytest.raises(Exception, match="nrmal"):
        bn.measure_convergence("uniform", estimators=[own], max_replicates=64, executor=Inline(), progress=False)
    with pytest.raises(ValueError, match="batch_size"):
        bn.theory.normalized_member_bound(True)


def test_other_threads_check_their_arguments_during_a_run():
    """A user's own thread may call the package while a run simulates."""
    found: list[str] = []

    def elsewhere() -> None:
        try:
            bn.theory.normalized_member_bound(True)
        except ValueError as error:
            found.append(str(error))

    def watched(x: np.ndarray, axis: int = -1) -> np.ndarray:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return x.mean(axis)

    own = bn.Estimator("watched", watched, target=0.5)
    bn.measure_convergence("uniform", batch_sizes=[4], estimators=[own], max_replicates=64, executor=1, progress=False)
    assert found
    assert set(found) == {"batch_size is a whole number of at least 2; got True."}

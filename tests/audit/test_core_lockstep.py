"""Passes in lockstep: equal to one big batch, and given up without a hang where passes differ or raise errors."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bnstats.audit.core.lockstep import Lockstep
from bnstats.statistics.moments import Moments

Arrive = Any
"""Gives a layer's moments of the batch whose pass calls it; returns the statistics of all batches."""


def population(batches: list[Any], run: Any, patience: float = 60.0) -> Any:
    steps = Lockstep(len(batches), patience)
    return steps.made if steps.run(lambda k: run(batches[k], steps.arrive)) else None


RNG = np.random.default_rng(0)
BATCHES = [RNG.normal(3, 2, size=(n, 4)) for n in (5, 1, 9)]


def layer(x: Any, name: str, arrive: Arrive) -> Any:
    mean, var = arrive(name, Moments.of(x, axis=0))
    return np.tanh((x - mean) / np.sqrt(var + 1e-5))


def two_layers(x: Any, arrive: Arrive) -> Any:
    return layer(layer(x, "a", arrive) @ np.ones((4, 4)), "b", arrive)


def test_statistics_are_those_of_one_big_batch() -> None:
    found, big = population(BATCHES, two_layers), population([np.concatenate(BATCHES)], two_layers)
    assert found is not None
    assert big is not None
    assert list(found) == ["a", "b"]
    for name in found:
        assert_allclose(found[name].mean, big[name].mean, rtol=1e-12, atol=1e-12)
        assert_allclose(found[name].var, big[name].var, rtol=1e-12)


def skips_the_last(x: Any, arrive: Arrive) -> Any:
    x = layer(x, "a", arrive)
    return layer(x, "b", arrive) if len(x) > 1 else x


def in_another_order(x: Any, arrive: Arrive) -> Any:
    first, second = "ab" if len(x) > 1 else "ba"
    return layer(layer(x, first, arrive), second, arrive)


def twice(x: Any, arrive: Arrive) -> Any:
    return layer(layer(x, "a", arrive), "a", arrive)


def raises(x: Any, arrive: Arrive) -> Any:
    x = layer(x, "a", arrive)
    if len(x) == 1:
        raise KeyError("a batch of one row")
    return layer(x, "b", arrive)


def raises_at_once(x: Any, arrive: Arrive) -> Any:
    if len(x) == 9:
        raise ValueError("too many rows")
    return two_layers(x, arrive)


@pytest.mark.parametrize("order", [BATCHES, BATCHES[::-1], BATCHES[1:]], ids=len)
@pytest.mark.parametrize("run", [skips_the_last, in_another_order, twice, raises, raises_at_once])
def test_passes_that_differ_are_given_up_and_no_thread_stays(run: Any, order: list[Any]) -> None:
    before, start = threading.active_count(), time.monotonic()
    assert population(order, run) is None
    assert time.monotonic() - start < 30, "half the time after which passes that wait are stopped"
    assert threading.active_count() == before


def test_a_pass_that_catches_everything_is_given_up_too() -> None:
    def catching(x: Any, arrive: Arrive) -> Any:
        for name in "ab" if len(x) > 1 else "ba":
            try:
                x = layer(x, name, arrive)
            except BaseException:
                continue
        return x

    before = threading.active_count()
    assert population(BATCHES, catching) is None
    assert threading.active_count() == before


def test_passes_that_wait_for_a_lock_end_within_the_time() -> None:
    lock = threading.Lock()

    def locked(x: Any, arrive: Arrive) -> Any:
        with lock:
            return two_layers(x, arrive)

    before = threading.active_count()
    assert population(BATCHES, locked, patience=0.1) is None
    assert threading.active_count() == before
    assert lock.acquire(blocking=False), "it was given back"

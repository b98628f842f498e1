"""The simulated scheduler: known limits, each server alone, and what a run can never be faster than."""

from dataclasses import fields, replace

import pytest

from benchmarks.scheduler import Costs, simulated_run
from bnstats.simulation.replicates.accumulator import BLOCKS_MERGED
from bnstats.simulation.workers import executors as workers
from bnstats.simulation.workers import task_sizes
from bnstats.simulation.workers.task_sizes import blocks_of_task, in_whole_groups

FREE = Costs(**dict.fromkeys((cost.name for cost in fields(Costs)), 0.0) | {"block": 0.04})


@pytest.mark.parametrize("workers", [1, 10, 100])
def test_without_costs_the_draws_are_divided_among_the_workers(workers):
    run = simulated_run(workers, 100_000, FREE)
    assert run.ideal == pytest.approx(100_000 * 0.04 / workers)
    assert run.seconds == pytest.approx(run.ideal, rel=0.01)
    assert run.seconds >= run.ideal * (1 - 1e-9)
    assert (run.scheduler, run.client) == (0, 0)


def test_a_slow_client_takes_as_long_as_it_merges():
    slow = replace(FREE, merge=0.01, chapter=0.01 * BLOCKS_MERGED, spread=0.1)
    run = simulated_run(1000, 100_000, slow)
    assert run.seconds == pytest.approx(100_000 * 0.01, rel=0.02)
    assert run.client > 0.98
    merged = simulated_run(1000, 250_000, replace(slow, chapter=0.01))
    assert merged.seconds < 250_000 * 0.01 / 10
    assert simulated_run(20, 50_000, replace(slow, chapter=9.0)).seconds == pytest.approx(500, rel=0.02)  # short tasks


def test_a_slow_scheduler_takes_as_long_as_its_tasks():
    slow = replace(FREE, scheduler_ends=1.0, spread=0.1)
    run = simulated_run(100, 20_000, slow)
    assert run.scheduler > 0.9
    assert run.seconds > 10 * run.ideal


def test_workers_wait_until_the_scheduler_has_begun_with_each_of_them():
    """Half a second on average, where each begun task takes a millisecond; the run ends within a last task."""
    run = simulated_run(1000, 250_000, replace(FREE, scheduler_begins=0.001))
    assert run.ideal + 0.5 <= run.seconds < run.ideal + 0.5 + BLOCKS_MERGED * FREE.block + 0.1
    one = simulated_run(1, 1000, replace(FREE, scheduler_begins=0.01))
    assert one.seconds == pytest.approx(one.ideal + 0.01, rel=0.01)


def test_tasks_that_are_sent_together_begin_together(monkeypatch):
    one = simulated_run(1000, 1_000_000, replace(FREE, scheduler_begins=0.001)).seconds
    monkeypatch.setattr(workers, "TOGETHER", 1000)
    assert simulated_run(1000, 1_000_000, replace(FREE, scheduler_begins=0.001)).seconds > one + 0.3


def test_few_tasks_have_one_block_as_long_as_its_time_is_not_known(monkeypatch):
    """A task of one block for each worker would take the scheduler a second to end, before any other begins."""
    costs = replace(FREE, scheduler_begins=0.001, scheduler_ends=0.001)
    few = simulated_run(1000, 250_000, costs)
    monkeypatch.setattr(workers, "FIRST_TASKS", 1000)
    assert simulated_run(1000, 250_000, costs).seconds > few.seconds + 0.9


def test_a_worker_loses_what_each_of_its_tasks_takes():
    """Of 100 workers, each has at least as many tasks as blocks over those of the longest task."""
    run = simulated_run(100, 100_000, replace(FREE, worker=0.1))
    _, most = blocks_of_task(100_000, 100, FREE.block)
    longest = in_whole_groups(most, most, 0)
    assert run.seconds >= run.ideal + 0.1 * 100_000 / 100 / longest


def test_rounds_of_shorter_tasks_even_out_what_longer_ones_leave_uneven(monkeypatch):
    """Of a thousand uneven tasks of a round, the last ends three standard deviations after the mean."""
    uneven = replace(FREE, block=0.004, spread=0.1)
    run = simulated_run(1000, 2_000_000, uneven)
    assert run.seconds < run.ideal + 0.4
    monkeypatch.setattr(task_sizes, "LAST_TASKS", 1.0)
    assert simulated_run(1000, 2_000_000, uneven).seconds > run.ideal + 0.8


@pytest.mark.parametrize(
    "more",
    [
        {"scheduler_begins": 0.05},
        {"scheduler_ends": 0.05},
        {"client_begins": 0.05},
        {"client_ends": 0.05},
        {"worker": 0.05},
        {"block": 0.05},
        {"merge": 0.003},
    ],
)
def test_time_goes_up_with_each_cost(more):
    tasks = {"scheduler_begins": 0.0003, "scheduler_ends": 0.001, "client_begins": 0.0001, "client_ends": 0.0005}
    base = replace(FREE, **tasks, worker=0.002, merge=0.0003, chapter=0.001, spread=0.1)
    assert simulated_run(100, 50_000, replace(base, **more)).seconds > simulated_run(100, 50_000, base).seconds

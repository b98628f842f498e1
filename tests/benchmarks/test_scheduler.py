"""The simulated scheduler: known limits, each server alone, and what a run can never be faster than."""

import pytest

from benchmarks.scheduler import Costs, simulated_run

FREE = Costs(task=0.0, block=0.04, merge=0.0, spread=0.0)


@pytest.mark.parametrize("workers", [1, 10, 100])
def test_without_costs_the_draws_are_divided_among_the_workers(workers):
    run = simulated_run(workers, 400_000, FREE)
    assert run.ideal == pytest.approx(400_000 * 0.04 / workers)
    assert run.seconds == pytest.approx(run.ideal, rel=0.01)
    assert run.seconds >= run.ideal * (1 - 1e-9)
    assert (run.scheduler, run.client) == (0, 0)


def test_a_slow_client_takes_as_long_as_it_merges():
    run = simulated_run(1000, 100_000, Costs(task=0.0, block=0.04, merge=0.01, spread=0.1))
    assert run.seconds == pytest.approx(100_000 * 0.01, rel=0.02)
    assert run.client > 0.98


def test_a_slow_scheduler_takes_as_long_as_its_tasks():
    slow = Costs(task=1.0, block=0.04, merge=0.0, spread=0.1)
    run = simulated_run(100, 20_000, slow)
    assert run.scheduler > 0.9
    assert run.seconds > 10 * run.ideal


def test_time_goes_up_with_each_cost():
    base = simulated_run(100, 50_000, Costs(0.005, 0.04, 0.0003, 0.1)).seconds
    for costs in (Costs(0.05, 0.04, 0.0003, 0.1), Costs(0.005, 0.05, 0.0003, 0.1), Costs(0.005, 0.04, 0.003, 0.1)):
        assert simulated_run(100, 50_000, costs).seconds > base

"""Batches that a recalibration reads, and statistics that it makes of them, on networks in NumPy.

The displacement that a tolerance promises is held to a simulation: the statistics of 40 recalibrations on fresh batches
against those of 40,000 rows. The relative standard error of its root mean square over 40 recalibrations of 24 channels
is .05 at most (from their spread), and the bound is 4 of them: a false alarm is below 1e-3 in both cells. Reading as
many rows instead of batches, or forgetting the variances, is off by 18 % at least for rows that are independent, and by
twice for rows that are alike.
"""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
import pytest
from numpy_model import NumpyModel, batches, trained

from bnstats.audit.core import kinds, recalibration
from bnstats.audit.core.reading import LoaderReader
from bnstats.audit.core.recalibration import Precision, ReadingLimits, made_from_finite, population, read_batches
from bnstats.statistics.displacement import displacement

EPS = 1e-5


def alike(count: int, size: int, seed: int) -> list[Any]:
    """Batches whose rows have something in common."""
    rng = np.random.default_rng(seed)
    return [(x + 2 * rng.normal(size=x.shape[1]), y) for x, y in batches(count, size, seed)]


def copy_of(net: Any) -> NumpyModel:
    return NumpyModel(net, batches(1, 8, 0)[0])


def reader(loader: Any, most: int = 1000) -> LoaderReader:
    return LoaderReader("loader", loader, most)


@pytest.mark.parametrize("draw", [batches, alike])
def test_the_tolerated_displacement_is_reached(draw: Any) -> None:
    model, tolerance = copy_of(trained(100)), 0.1
    (large,) = draw(1, 40_000, 5) if draw is batches else [None]
    if draw is alike:  # forty thousand rows are many batches there
        parts = alike(5000, 8, 5)
        large = np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
    truth = population(model, [large])
    squares, counts = [], []
    for seed in range(40):
        read = read_batches(reader(draw(600, 8, 100 + seed)), model, ReadingLimits(tolerance=tolerance))
        made = population(model, read)
        counts.append(len(read))
        squares.append([displacement(*made[name], *truth[name], EPS) ** 2 for name in truth])
    reached = np.sqrt(np.mean(squares, axis=0))
    assert reached.max() == pytest.approx(tolerance, rel=0.2)
    by_rows = 1.5 / 8 / tolerance**2  # independent normal rows
    assert (np.mean(counts) > 1.5 * by_rows) == (draw is alike)


def test_rows_and_batches_end_the_reading_and_a_loader_need_not_end() -> None:
    model, endless = copy_of(trained(20)), cycle(batches(3, 8, 1))
    assert len(read_batches(reader(endless, 50), model, ReadingLimits())) == 50
    assert len(read_batches(reader(endless), model, ReadingLimits(rows=20))) == 3
    assert len(read_batches(reader(endless), model, ReadingLimits(batches=4, rows=1000))) == 4


def test_a_loader_that_ends_too_early_for_the_tolerance_warns() -> None:
    model = copy_of(trained(20))
    with pytest.warns(
        UserWarning, match=r"the loader's 12 batches leave a displacement of about 0\.1.*tolerance is 0\.01"
    ):
        assert len(read_batches(reader(batches(12, 8, 1)), model, ReadingLimits(tolerance=0.01))) == 12
    with pytest.warns(UserWarning, match="the loader's 3 batches"):
        read_batches(reader(batches(3, 8, 1)), model, ReadingLimits(tolerance=5.0))


def test_of_more_batches_than_memory_holds_every_so_manieth_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    model, given = copy_of(trained(20)), batches(100, 8, 1)
    size = recalibration._bytes(given[0])
    assert size == 8 * 8 * 8 + 8 * 8
    monkeypatch.setattr(recalibration, "LARGEST", 30 * size)
    kept = read_batches(reader(given), model, ReadingLimits())
    places = [next(k for k, batch in enumerate(given) if batch is one) for one in kept]
    assert places == list(range(0, 100, 4))


def test_population_statistics_of_groups_are_close_and_sorted_rows_are_in_all_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = copy_of(trained(100))
    x, y = batches(1, 3200, 1)[0]
    order = np.argsort(y, kind="stable")
    ordered = [(x[order[i : i + 8]], y[order[i : i + 8]]) for i in range(0, 3200, 8)]
    exact = kinds.population(model, [(x, y)])
    monkeypatch.setattr(recalibration, "AT_ONCE", 100)
    grouped = population(model, ordered)
    neighbors = [kinds.population(model, ordered[k : k + 100]) for k in range(0, 400, 100)]
    for name, (mean, var) in exact.items():
        off = displacement(*grouped[name], mean, var, EPS)
        means, variances = (np.array([part[name][k] for part in neighbors]) for k in range(2))
        in_order = displacement(means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0), mean, var, EPS)
        assert off < 0.03
        assert in_order > 2 * off or name == "norm0", "groups of neighbors lose what differs between classes"


def test_batches_that_are_not_finite_are_left_out() -> None:
    model, given = copy_of(trained(20)), batches(6, 8, 1)
    x = given[2][0].copy()
    x[0, 0] = np.inf
    broken = [*given[:2], (x, given[2][1]), *given[3:]]
    with (
        pytest.warns(UserWarning, match="1 of 6 batches lead to values that are not finite"),
        np.errstate(all="ignore"),
    ):
        made = made_from_finite(lambda chosen: population(model, chosen), model, broken)
    expected = population(model, [*given[:2], *given[3:]])
    for name in expected:
        assert np.array_equal(made[name].var, expected[name].var)
    with pytest.raises(ValueError, match="not finite"), np.errstate(all="ignore"):
        made_from_finite(lambda chosen: population(model, chosen), model, [(x, given[2][1])] * 3)


def test_one_batch_has_no_spread() -> None:
    model = copy_of(trained(20))
    precision = Precision({"norm0": EPS})
    assert precision.noise() == 0
    precision.add(model.moments(batches(1, 8, 1)[0], "batch"))
    assert precision.noise() == 0

"""The stopping rule: each line of its table, keys with names, and conditions that a study cannot change."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

import bnstats as bn
from bnstats.simulation.condition import FrozenCondition
from bnstats.simulation.condition_run import ConditionRun
from bnstats.simulation.precision.stopping import NumberKind, finished_measures, judge
from bnstats.simulation.replicates.accumulator import Accumulator
from bnstats.simulation.replicates.sample import Sample
from bnstats.simulation.replicates.tally import Tally
from bnstats.simulation.summaries.registry import SUMMARIES


@dataclass(frozen=True)
class Told(bn.Study):
    """A study that says of its numbers what a test asks it to."""

    sample_heavy_tails: ClassVar = True
    known_value: float = math.nan
    tail: float = math.inf
    tail_at_most: float = math.inf
    asks: bool = True

    def conditions(self):
        return [{}]

    def simulate(self, condition, rng, size):
        return {"x": rng.standard_normal(size)}

    def exact(self, condition, key, summary):
        return self.known_value

    def tail_index(self, condition, key, replicates):
        return self.tail if replicates <= 1000 else self.tail_at_most

    def precision_required(self, condition, key, summary):
        return self.asks


class Impatient(Told):
    sample_heavy_tails: ClassVar = False


def sample(x: np.ndarray) -> Sample:
    accumulator = Accumulator((("x",),))
    accumulator.add(0, Tally.of({"x": x}, [0.0]))
    return accumulator.sample(0)


NORMAL = np.random.default_rng(0).normal(1.0, 1.0, 1000)
ATOMS = np.repeat([1.0, 2.0], 500)


@pytest.mark.parametrize(
    ("study", "x", "summary", "kind", "mcse", "asked", "precision_reached"),
    [
        (Told(known_value=math.inf), NORMAL, "se", NumberKind.INFINITE, "nan", False, True),
        (Told(), np.append(NORMAL, np.nan), "mean", NumberKind.UNDEFINED, "inf", False, False),
        (Told(), np.append(NORMAL, np.nan), "median_abs_error", NumberKind.UNDEFINED, "inf", False, False),
        (Told(), np.append(NORMAL, -np.inf), "mean", NumberKind.UNDEFINED, "inf", False, False),
        (Told(), np.append(NORMAL, -np.inf), "quantile(0.5)", NumberKind.ESTIMATED, "finite", True, False),
        (Told(), np.append(NORMAL, np.full(200, np.inf)), "quantile(0.95)", NumberKind.UNDEFINED, "inf", False, False),
        (Told(tail=1.5), np.append(NORMAL, np.nan), "mean", NumberKind.UNDEFINED, "inf", False, False),
        (Told(), np.append(ATOMS, np.nan), "quantile(0.5)", NumberKind.UNDEFINED, "inf", False, False),
        (Told(tail=1.5), NORMAL, "mean", NumberKind.HEAVY_TAILED, "inf", True, False),
        (Told(tail=1.5, tail_at_most=1.5), NORMAL, "mean", NumberKind.HEAVY_TAILED, "inf", False, False),
        (Impatient(tail=1.5), NORMAL, "mean", NumberKind.HEAVY_TAILED, "inf", False, False),
        (Told(tail=2.5, tail_at_most=2.5), NORMAL, "se", NumberKind.HEAVY_TAILED, "inf", False, False),
        (Told(tail=2.5, tail_at_most=2.5), NORMAL, "mean", NumberKind.ESTIMATED, "finite", True, False),
        (Told(), ATOMS, "median_abs_error", NumberKind.AT_A_GAP, "finite", False, False),
        (Told(), NORMAL, "mean", NumberKind.ESTIMATED, "finite", True, False),
        (Told(asks=False), NORMAL, "mean", NumberKind.ESTIMATED, "finite", False, True),
        (Told(), np.ones(1000), "mean", NumberKind.ESTIMATED, "inf", True, False),
        (Told(), np.ones(1000, dtype=bool), "mean", NumberKind.ESTIMATED, "finite", True, True),
    ],
)
def test_every_line_of_the_table(study, x, summary, kind, mcse, asked, precision_reached) -> None:
    number = judge(study, {}, "x", SUMMARIES[summary], sample(x).whole(), 1e6)
    error = "nan" if math.isnan(number.mcse) else "finite" if math.isfinite(number.mcse) else "inf"
    assert (number.kind, error, number.asked, number.precision_reached(0.01)) == (kind, mcse, asked, precision_reached)
    assert number.precision_reached(None)
    assert math.isnan(number.value) == (kind is NumberKind.UNDEFINED)


def test_measures_finish_alone_or_together() -> None:
    worst = {"a": 0.01, "b": 0.3}
    assert finished_measures(worst, False, 0.1, last=False) == ["a"]
    assert finished_measures(worst, True, 0.1, last=False) == []
    assert finished_measures(worst, True, 0.3, last=False) == ["a", "b"]
    assert (
        finished_measures(worst, True, 0.1, last=True) == finished_measures(worst, False, None, last=True) == ["a", "b"]
    )
    assert finished_measures(worst, False, None, last=False) == []


@pytest.mark.parametrize(("blocks", "count"), [(1, 1), (8, 1), (9, 2), (16, 2), (17, 3), (1024, 8)])
def test_the_number_of_looks(blocks: int, count: int) -> None:
    run = ConditionRun(Meddling("not"), {"n": 2}, blocks * 1000)
    assert run.max_blocks == blocks
    assert len(run.looks(0.1)) == count
    assert run.looks(0.1)[-1] == blocks
    assert run.looks(None) == [blocks]


@dataclass(frozen=True)
class Meddling(bn.Study):
    """A study that changes its condition, or what is in it, where it can."""

    how: str

    def conditions(self):
        return [{"n": 2, "shifts": [0.0], "weights": np.ones(2)}]

    def simulate(self, condition, rng, size):
        x = rng.standard_normal(size) + sum(condition["shifts"]) + condition["n"] + condition["weights"].sum()
        if self.how == "list":
            condition["shifts"].append(100.0)
        elif self.how == "item":
            condition["n"] += 1
        elif self.how == "array":
            condition["weights"][0] = 7.0
        return {"x": x}

    def columns(self, condition):
        return {"n": condition["n"]}


def test_a_condition_is_the_same_for_every_block(tmp_path) -> None:
    """With threads, with processes, and from a store: to the bit what a study that changes nothing has."""
    expected = bn.run(Meddling("not"), max_replicates=8000).table
    path = tmp_path / "meddling.sqlite"
    with ProcessPoolExecutor(1) as pool:
        for options in ({"executor": 1}, {"executor": 2}, {"executor": pool}, {"store": path}, {"store": path}):
            table = bn.run(Meddling("list"), max_replicates=8000, **options).table
            pd.testing.assert_frame_equal(table, expected, check_exact=True)
    for how in ("item", "array"):
        with pytest.raises(bn.exceptions.BlockError, match=r"assignment|writes into a read-only array"):
            bn.run(Meddling(how), max_replicates=2000)


def test_a_frozen_cell_is_a_mapping() -> None:
    held = {"n": 2, "nested": {"list": [1, 2]}}
    condition = FrozenCondition(held)
    held["nested"]["list"].append(3)
    assert condition == {"n": 2, "nested": {"list": [1, 2]}}
    assert {**condition, "n": 3} == (condition | {"n": 3})
    assert condition.get("m", 5) == 5
    assert repr(condition) == repr(dict(condition))


@dataclass(frozen=True)
class Named(bn.Study):
    """Measures with two names, which the study's methods get as a named tuple, also out of a store."""

    key_columns: ClassVar = ("kind", "power")

    def conditions(self):
        return [{"n": 1}]

    def simulate(self, condition, rng, size):
        u = rng.random(size)
        return {("uniform", power): u**power for power in (1, 2)}

    def exact(self, condition, key, summary):
        assert key.kind == "uniform"
        return 1 / (key.power + 1)


def test_keys_have_names(tmp_path) -> None:
    for _ in range(2):
        table = bn.run(Named(), max_replicates=8000, store=tmp_path / "named.sqlite").table
        assert table["exact"].tolist() == [1 / 2, 1 / 3]
        bn.testing.assert_within_mcse(table, false_alarm=1e-8)

"""Errors are of value - target; all other summaries are of the values, and events are counted as they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import bnstats as bn
from bnstats.simulation.summaries.mcse_of_quantiles import quantile

SIZE, TRUE = 10, 5.0


@dataclass(frozen=True)
class Intervals(bn.Study):
    """Means of normal values with their standard errors and 90 % intervals; every measure is given the same target."""

    summaries: ClassVar = ("mean", quantile(0.3))

    given: Any = TRUE

    def conditions(self):
        return [{"size": SIZE}]

    def simulate(self, condition, rng, size):
        x = rng.normal(TRUE, 1.0, (size, condition["size"]))
        mean, se = x.mean(axis=1), x.std(axis=1, ddof=1) / math.sqrt(condition["size"])
        # A z interval of level 0.9 covers less.
        return {"mean": mean, "se": se, "covered": np.abs(mean - TRUE) < 1.6449 * se}

    def summaries_of(self, condition, key):
        errors = ("bias", "rmse", "median_abs_error")
        if key == "covered":
            return (*errors, "mean", "se", "coverage", "rejection_rate", quantile(0.3))
        of_model = ("relative_error_of_model_se",) if key == "mean" else ()
        return (*errors, "mean", "se", "root_mean", quantile(0.3), *of_model)

    def model_se(self, condition, key):
        return "se" if key == "mean" else None

    def target(self, condition, key):
        return self.given


def numpys(x: np.ndarray, target: float, model: np.ndarray) -> dict[str, float]:
    """Each summary, straight from the replicates."""
    return {
        "mean": x.mean(),
        "root_mean": math.sqrt(x.mean()),
        "se": x.std(ddof=1),
        "quantile(0.3)": np.quantile(x, 0.3, method="inverted_cdf"),
        "coverage": x.mean(),
        "rejection_rate": x.mean(),
        "bias": (x - target).mean(),
        "rmse": math.sqrt(np.square(x - target).mean()),
        "median_abs_error": np.median(np.abs(x - target)),
        "relative_error_of_model_se": math.sqrt(np.square(model).mean()) / x.std(ddof=1) - 1,
    }


def replicates(study: bn.Study) -> dict[str, np.ndarray]:
    parts = [bn.run_block(study, condition=0, block=block) for block in range(8)]
    return {key: np.concatenate([part[key] for part in parts]).astype(float) for key in parts[0]}


@pytest.mark.parametrize("target", [TRUE, 0.0, 4.0, -3.5, np.float32(0.25), 7])
def test_only_errors_are_measured_from_the_target(target: Any) -> None:
    """All numbers against NumPy's of the same 8000 replicates, so nothing is left to chance.

    Quantiles are read from bins that are an eighth of an octave wide, in distances from the target. Power: the former
    quantiles of value - target were off by the target, which is above that bound wherever it is not 0.
    """
    study = Intervals(target)
    table, found = bn.run(study, max_replicates=8000).table, replicates(study)
    assert set(table["measure"]) == set(found)
    for row in table.itertuples():
        expected = numpys(found[row.measure], float(target), found["se"])[row.summary]
        error = expected if row.summary == "median_abs_error" else expected - float(target)
        by_bins = row.measure != "covered" and row.summary in ("quantile(0.3)", "median_abs_error")
        assert row.value == pytest.approx(expected, rel=1e-9, abs=abs(error) / 8 if by_bins else 1e-12), row
        assert row.mcse >= 0, row


@pytest.mark.parametrize("target", [math.nan, math.inf, -math.inf])
def test_where_no_target_is_known_only_errors_are_unknown(target: float) -> None:
    table = bn.run(Intervals(target), max_replicates=8000).table.set_index(["measure", "summary"])
    known = bn.run(Intervals(0.0), max_replicates=8000).table.set_index(["measure", "summary"])
    errors = table.index.get_level_values("summary").isin(["bias", "rmse", "median_abs_error"])
    assert not np.isfinite(table["value"][errors]).any()
    assert (table["mcse"][errors] == np.inf).all()
    np.testing.assert_array_equal(table["value"][~errors], known["value"][~errors])
    np.testing.assert_array_equal(table["mcse"][~errors], known["mcse"][~errors])


@pytest.mark.parametrize("target", [None, "5", True, 1j])
def test_a_target_that_is_no_number_is_refused(target: Any) -> None:
    with pytest.raises((ValueError, bn.exceptions.BlockError), match=r"Intervals\.target returns a number.*got"):
        bn.run(Intervals(target), max_replicates=1000)


@dataclass(frozen=True)
class Changing(Intervals):
    """Events in some blocks, numbers in others."""

    def simulate(self, condition, rng, size):
        found = super().simulate(condition, rng, size)
        return found | {"covered": found["covered"] if rng.random() < 0.5 else found["covered"].astype(float)}

    def summaries_of(self, condition, key):
        return ("mean",)


@pytest.mark.parametrize("blocks", [8, 64])
def test_a_measure_is_of_events_in_all_blocks_or_in_none(blocks: int) -> None:
    """The streams of blocks decide, so all eight are of one type for 2 seeds of 256; seed 0 is none of these."""
    with pytest.raises(ValueError, match="as booleans in one block and as numbers in another block"):
        bn.run(Changing(), max_replicates=1000 * blocks)


@dataclass(frozen=True)
class Controlled(bn.Study):
    """Estimates and events beside a control variate, and a target that no summary of the values may know."""

    summaries: ClassVar = ("mean", "bias", "se", "rmse")

    given: float

    def conditions(self):
        return [{"rate": 1.0}]

    def simulate(self, condition, rng, size):
        u = rng.random(size) - 0.5
        event = u + 0.1 * rng.standard_normal(size) > 0.2
        return {"growth": np.exp(u), "event": event, "u": u, "u²": u**2 - 1 / 12}

    def controls(self, condition, key):
        return () if key in ("u", "u²") else ("u", "u²")

    def target(self, condition, key):
        return self.given


@pytest.mark.parametrize("measure", ["growth", "event"])
def test_control_variates_do_not_depend_on_the_target(measure: str) -> None:
    """Standard errors and means are those without a target; bias and RMSE follow from them: algebra, no chance."""
    tables = {t: bn.run(Controlled(t), max_replicates=32_000).table for t in (0.0, 0.75)}
    plain, moved = (t[t["measure"] == measure].set_index("summary") for t in tables.values())
    for summary in ("mean", "se"):
        assert plain.loc[summary, "variance_ratio"] > 1.3
        for column in ("value", "mcse", "variance_ratio"):
            assert moved.loc[summary, column] == pytest.approx(plain.loc[summary, column], rel=1e-3), summary
    value, mcse = moved["value"], moved["mcse"]
    assert value["bias"] == pytest.approx(value["mean"] - 0.75, abs=1e-12)
    assert mcse["bias"] == mcse["mean"]
    n = 32_000
    mean_square = value["bias"] ** 2 + (1 - 1 / n) * value["se"] ** 2
    assert value["rmse"] == pytest.approx(math.sqrt(mean_square), rel=0.01)

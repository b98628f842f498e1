"""Control variates in the frame: nothing is biased, errors are honest, nothing is lost, and bits stay as they are.

Tests of runs hold standardized errors z of S runs against 0 and 1: their mean is within 6.2 / sqrt(S) of 0, and their
spread within 25 % of 1 for S = 400: false alarms below 1e-8. Power is said, and shown, in each.
"""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from numpy.random import Generator

import bnstats as bn
from bnstats.simulation.identity import stream
from bnstats.simulation.replicates.control_variates import Controlled, contradicted, halves, joint_moments, merge_joint
from bnstats.simulation.replicates.sample import GROUPS

RUNS = 400


@dataclass(frozen=True)
class Growth(bn.Study):
    """Replicates of e^u, u uniform, as estimates of 1: with powers of u beside them, of known expectation."""

    summaries: ClassVar = ("mean", "bias", "se", "rmse")

    wrong: float = 0.0
    tail: float = math.inf
    names: tuple[str, ...] = ("u", "u²")
    asked: str = "growth"
    runs: int = 1

    def conditions(self):
        return [{"rate": 1.0, "run": run} for run in range(self.runs)]

    def size(self, condition):
        return 200

    def simulate(self, condition, rng, size):
        u = rng.random(size) - 0.5
        beside = {"u": u - self.wrong, "u²": u**2 - 1 / 12, "noise": rng.standard_normal(size)}
        return {"growth": np.exp(u), "few": np.exp(u)} | {name: beside[name] for name in self.names if name in beside}

    def target(self, condition, key):
        return 1.0

    def controls(self, condition, key):
        return self.names if key == self.asked else ()

    def tail_index(self, condition, key, replicates):
        return self.tail if key in self.names else math.inf


MEAN = 2 * math.sinh(0.5) - 1
SQUARE = math.sinh(1.0) - 2 * (MEAN + 1) + 1
TRUE = {"mean": MEAN + 1, "bias": MEAN, "se": math.sqrt(SQUARE - MEAN**2), "rmse": math.sqrt(SQUARE)}


def table_of(study: Growth, **options: object) -> pd.DataFrame:
    found = bn.run(study, **{"max_replicates": 1600, **options}).table
    return found[found["measure"] == "growth"].set_index("summary")


@pytest.mark.parametrize("count", [1, 2, 511, 512, 1700])
def test_joint_moments_are_those_of_numpy(count: int) -> None:
    rng = np.random.default_rng(count)
    e, w = rng.gamma(2.0, size=count) + 5, rng.normal(size=(3, count))
    x = np.stack([e, e**2, *w])
    found = joint_moments(e, tuple(w))
    np.testing.assert_allclose(found[0], x.mean(axis=1), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found[1:], count * np.cov(x, ddof=0), rtol=1e-9, atol=1e-9)


def test_joint_moments_of_sorted_values_far_from_zero_keep_their_digits() -> None:
    """Deviations are taken from the mean of the first values, which here are the smallest."""
    rng = np.random.default_rng(8)
    e, w = np.sort(rng.normal(1e4, 1.0, 100_000)), np.sort(rng.normal(size=100_000))
    w[0] = -1e6
    x = np.stack([e, e**2, w])
    np.testing.assert_allclose(joint_moments(e, (w,))[1:], 1e5 * np.cov(x, ddof=0), rtol=1e-7)


@pytest.mark.parametrize("blocks", [1, 2, 7, 16])
def test_merged_joint_moments_are_those_of_the_union(blocks: int) -> None:
    rng = np.random.default_rng(blocks)
    draws = [rng.gamma(2.0, size=(2, 30 + i)) for i in range(blocks)]
    n, joint = np.zeros(GROUPS), np.zeros((GROUPS, 4, 3))
    for i, (e, w) in enumerate(draws):
        n[i], joint[i] = e.size, joint_moments(e, (w,))
    counts, held = halves(n, joint)
    for half in (0, 1):
        e, w = np.concatenate([np.empty((2, 0)), *draws[half::2]], axis=1)
        assert counts[half] == e.size
        if e.size:
            np.testing.assert_allclose(held[half], joint_moments(e, (w,)), rtol=1e-11)
    assert counts.sum() == sum(e.size for e, _ in draws)
    whole = merge_joint(counts[:1], held[:1], counts[1:], held[1:])[0]
    np.testing.assert_allclose(whole, joint_moments(*(lambda x: (x[0], (x[1],)))(np.concatenate(draws, axis=1))))


def skewed(rng: Generator, count: int) -> tuple[np.ndarray, tuple[np.ndarray]]:
    """Replicates whose slope on their control variate, fitted to them, goes with that one's mean."""
    w = rng.exponential(size=count) - 1
    return w**2 - 1, (w,)


def test_slopes_of_other_blocks_do_not_bias() -> None:
    """4000 sets of 200 replicates. Power: with slopes of the same replicates the mean is 10 standard errors off."""
    rng, across, within = np.random.default_rng(3), [], []
    for _ in range(4000):
        parts = [joint_moments(*skewed(rng, 100)) for _ in range(2)]
        found = Controlled.of(np.array([100.0, 100.0]), np.stack(parts))
        assert found is not None
        across.append(found.mean)
        count, (one, other) = np.array([100.0]), parts
        whole = merge_joint(count, one[None], count, other[None])[0]
        within.append(whole[0, 0] - whole[1, 2] / whole[3, 2] * whole[0, 2])
    z = [np.mean(x) / np.std(x) * math.sqrt(4000) for x in (across, within)]
    assert abs(z[0]) < 6.2
    assert abs(z[1]) > 8


def test_numbers_are_unbiased_and_their_errors_honest() -> None:
    """Power: errors of the plain numbers are at least 3 times as large, which makes the spread at most 0.33."""
    study, condition = Growth(), Growth().conditions()[0]
    u = np.log(study.simulate(condition, stream(7, condition, 0), 10**5)["growth"])
    design = np.column_stack([np.ones(u.size), u, u**2])
    for measure, y in (("mean", np.exp(u)), ("rmse", (np.exp(u) - 1) ** 2)):
        left = y - design @ np.linalg.lstsq(design, y)[0]
        ratio = table_of(study, max_replicates=10**5).loc[measure, "variance_ratio"]
        assert ratio == pytest.approx(y.var() / left.var(), rel=0.1)  # by chance 2 % at 10^5 replicates
    table = table_of(replace(study, runs=RUNS))
    for summary, true in TRUE.items():
        rows = table.loc[summary]
        assert len(rows) == RUNS
        z = ((rows["value"] - true) / rows["mcse"]).to_numpy(float)
        assert abs(z.mean()) < 6.2 / math.sqrt(RUNS), summary
        assert 0.75 < z.std() < 1.25, summary
        assert (rows["variance_ratio"] > 9).all()


def test_where_control_variates_say_nothing_the_number_is_the_plain_one() -> None:
    """Standardized errors of the choice between plain and adjusted, too, have mean 0 and spread 1."""
    found = table_of(Growth(names=("noise",), runs=RUNS))
    assert ((found["variance_ratio"] == 1) | (found["variance_ratio"] >= 1.05)).all()
    assert (found["variance_ratio"] == 1).mean() > 0.98
    z = (found.loc["mean", "value"] - TRUE["mean"]) / found.loc["mean", "mcse"]
    assert len(z) == RUNS
    assert abs(np.mean(z)) < 6.2 / math.sqrt(RUNS)
    assert 0.75 < np.std(z) < 1.25
    unused = table_of(Growth(names=("noise",)))
    pd.testing.assert_frame_equal(unused, table_of(Growth(names=("noise",), asked="few")), check_exact=True)


def test_too_few_heavy_tailed_or_known_numbers_have_none() -> None:
    """At least 100 replicates in either half for each slope; a control variate without a variance is not used."""
    assert (table_of(Growth(), max_replicates=200)["variance_ratio"] == 1).all()
    assert (table_of(Growth(tail=2.0))["variance_ratio"] == 1).all()
    assert (table_of(Growth(tail=2.1))["variance_ratio"] > 1).all()

    class Known(Growth):
        def exact(self, condition, key, summary):
            return TRUE[summary] if summary == "mean" else math.nan

    assert (table_of(Known())["variance_ratio"] > 1).to_dict() == {
        "mean": False,
        "bias": True,
        "se": True,
        "rmse": True,
    }


def test_a_control_variate_with_another_mean_is_named_and_not_used() -> None:
    """0.2 is 28 standard errors of the mean of 1600 uniform variables."""
    with pytest.warns(UserWarning, match=r"1 control variates were not used, .* not 0; .*: u\."):
        found = table_of(Growth(wrong=0.2))
    assert abs(found.loc["mean", "value"] - TRUE["mean"]) < 6.2 * found.loc["mean", "mcse"]
    nearly = np.stack([joint_moments(*skewed(np.random.default_rng(i), 1000)) for i in range(2)])
    assert not contradicted(np.array([1000.0, 1000.0]), nearly).any()


def test_what_is_no_control_variate_of_this_measure_is_refused() -> None:
    with pytest.raises(
        bn.exceptions.BlockError, match=r"Growth.controls names \('u', 'v'\) for 'growth'; return as many"
    ):
        table_of(Growth(names=("u", "v")))


def test_control_variates_are_no_rows_and_their_column_is_the_last() -> None:
    found = bn.run(Growth(), max_replicates=1600).table
    assert set(found["measure"]) == {"growth", "few"}
    assert list(found.columns[-2:]) == ["precision_reached", "variance_ratio"]
    assert (found.loc[found["measure"] == "few", "variance_ratio"] == 1).all()


class Errors(Growth):
    """The errors of the same estimates."""

    def simulate(self, condition, rng, size):
        found = super().simulate(condition, rng, size)
        return found | {name: found[name] - 1 for name in ("growth", "few")}

    def target(self, condition, key):
        return 0.0


def test_fewer_replicates_reach_a_precision() -> None:
    """Without control variates the standard error of the mean is 7 times as large as it, divided by the root of n."""
    options = {"precision": 0.02, "max_replicates": 200 * 2**10}
    assert (table_of(Errors(), **options)["replicates"] == 1600).all()
    assert (table_of(Errors(asked="few"), **options)["replicates"] > 10 * 1600).all()


def test_bits_do_not_depend_on_workers_stores_or_what_else_is_asked(tmp_path) -> None:
    given = {"estimators": ["std", "inv_std"], "precision": None, "max_replicates": 2**8}

    def measured(sizes: list[int], **options: object) -> pd.DataFrame:
        return bn.measure_convergence("exponential", batch_sizes=sizes, **{**given, **options}).table

    first = measured([3, 16], executor=1)
    assert (first["variance_ratio"] > 1).any()
    path = tmp_path / "controls.sqlite"
    measured([3, 16], store=path, max_replicates=2**7)  # half of the blocks, as of a run that was interrupted
    with ProcessPoolExecutor(2) as pool:
        for options in ({"executor": 2}, {"executor": pool}, {"store": path}, {"store": path}):
            pd.testing.assert_frame_equal(measured([3, 16], **options), first, check_exact=True)
    longer = measured([3, 5, 16, 64], store=path)
    rows = longer[longer["batch_size"].isin([3, 16])].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        rows.sort_values(list(rows.columns[:5]), ignore_index=True),
        first.sort_values(list(rows.columns[:5]), ignore_index=True),
        check_exact=True,
    )


def test_leaving_out_groups_is_done_with_control_variates_too() -> None:
    """The error by leaving out each of 16 groups is that of the adjusted number; factors of 3 are seen, 50 is asked."""
    simulation = bn.run(Growth(), max_replicates=200 * 32)
    for row in simulation.table.index[simulation.table["measure"] == "growth"]:
        values = simulation.leaving_out(row)
        spread = math.sqrt(15 / 16 * np.sum((values - values.mean()) ** 2))
        assert 0.4 < spread / simulation.table.loc[row, "mcse"] < 2.5
    few = replace(
        simulation.samples[0], moments=np.where(np.arange(GROUPS)[:, None] < 2, simulation.samples[0].moments, 0)
    )
    assert np.isfinite(simulation.summaries[0].leaving_out(few)[:2]).all()


@dataclass(frozen=True)
class Skewed(bn.Study):
    """Lognormal replicates of this shape, beside the normal values that they are made from."""

    shape: float

    def conditions(self):
        return [{}]

    def size(self, condition):
        return 200

    def simulate(self, condition, rng, size):
        z = rng.standard_normal(size)
        return {"x": np.exp(self.shape * z), "z": z}

    def controls(self, condition, key):
        return ("z",) if key == "x" else ()


def test_skewed_replicates_need_more_for_each_slope() -> None:
    """1600 hardly skewed replicates are enough; of strongly skewed ones they are worth fewer than 200 normal ones."""
    ratios = {
        (shape, n): bn.run(Skewed(shape), max_replicates=n).table["variance_ratio"].iloc[0]
        for shape, n in ((0.1, 1600), (1.0, 1600), (1.0, 160_000))
    }
    assert ratios[0.1, 1600] > 10
    assert ratios[1.0, 1600] == 1
    assert ratios[1.0, 160_000] > 1.5

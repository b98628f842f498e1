"""What a message advises mends what it is about."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import stats

import bnstats as bn
from bnstats._checks.synonyms import meant
from bnstats.corrections import CORRECTIONS, correction_of
from bnstats.networks.normalizers.gradient_check import check_gradient
from bnstats.networks.normalizers.registry import NORMALIZERS
from bnstats.normalizers import Normalizer
from bnstats.statistics.estimators import estimator_of

MEANT = [
    (bn.Population.of, "gaussian", ["normal"]),
    (bn.Population.of, "Gauss", ["normal"]),
    (bn.Population.of, "norm", ["normal"]),
    (bn.Population.of, "exp", ["exponential"]),
    (bn.Population.of, "expon", ["exponential"]),
    (bn.Population.of, "lognorm", ["lognormal"]),
    (bn.Population.of, "log-normal", ["lognormal"]),
    (bn.Population.of, "t", ["t5", "t3", "t2.5"]),
    (bn.Population.of, "student", ["t5", "t3", "t2.5"]),
    (bn.Population.of, "T5", ["t5"]),
    (bn.Population.of, "relu", ["rectified"]),
    (bn.Population.of, "unifrom", ["uniform"]),
    (estimator_of, "variance", ["var"]),
    (estimator_of, "average", ["mean"]),
    (estimator_of, "sd", ["std"]),
    (bn.Convention.of, "pytorch", ["torch"]),
    (bn.Convention.of, "TensorFlow", ["keras"]),
    (correction_of, "zscore", ["standardize"]),
    (correction_of, "loess", ["lowess"]),
    (correction_of, "ewma", ["exponential_average"]),
    (Normalizer.of, "batchnorm", ["batch"]),
    (Normalizer.of, "LayerNorm", ["layer"]),
    (bn.Dataset.of, "digit", ["digits"]),
    (bn.effects.Trend.of, "steps", ["distinct"]),
]


@pytest.mark.parametrize(("call", "name", "wanted"), MEANT, ids=lambda value: value if isinstance(value, str) else "")
def test_names_are_suggested_by_meaning_and_are_known(call: Any, name: str, wanted: list[str]) -> None:
    with pytest.raises(ValueError, match="is not known; did you mean ") as found:
        call(name)
    suggested = re.findall(r"'([^']+)'", str(found.value).partition("did you mean ")[2].partition("?")[0])
    assert suggested == wanted
    for one in suggested:
        call(one)


@pytest.mark.parametrize("name", ["weibull", "no such name", "x" * 1000, "?", "é", "123456"])
def test_nothing_is_suggested_where_no_name_is_near(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"is not known; give a distribution or an array or a known name. Known: normal"
    ):
        bn.Population.of(name)


def test_every_known_name_is_its_own_suggestion() -> None:
    for known in (bn.POPULATIONS, bn.ESTIMATORS, bn.CONVENTIONS, NORMALIZERS, CORRECTIONS):
        for name in known:
            assert meant(name.upper(), known) == [name]


# ---- tabulated laws and families


def test_a_histogram_and_a_table_are_populations() -> None:
    """A population of four bins, whose mean is 1.9, variance 1.273...: both by the middles and widths of the bins."""
    share, edges = np.array([0.2, 0.3, 0.4, 0.1]), np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    middles = (edges[1:] + edges[:-1]) / 2
    population = bn.Population.of(stats.rv_histogram((share, edges), density=False))
    mean = float(share @ middles)
    assert population.mean == pytest.approx(mean)
    assert population.var == pytest.approx(float(share @ (middles - mean) ** 2) + 1 / 12)
    assert population.tail_index == np.inf
    found = bn.measure_convergence(population, batch_sizes=4, estimators="mean", max_replicates=64, progress=False)
    assert found.table["value"].notna().all()
    assert population.name.startswith("tabulated-")
    assert population.name != bn.Population.of(stats.rv_histogram((share[::-1], edges), density=False)).name
    assert bn.Population.of(stats.rv_discrete(values=([0, 5], [0.5, 0.5]))).mean == 2.5
    assert bn.Population.of(stats.rv_histogram((share, edges), density=False)) == population


def test_families_are_frozen_as_the_message_says() -> None:
    class Own(stats.rv_continuous):
        def _cdf(self, x: Any) -> Any:
            return np.clip(x, 0, 1)

    own = Own(name="own", a=0.0, b=1.0)
    with pytest.raises(ValueError, match=r"own is a family of distributions; freeze one, as in own\(...\)"):
        bn.Population.of(own)
    assert bn.Population.of(own()).mean == pytest.approx(0.5)
    with pytest.raises(ValueError, match=r"as in stats.norm\(...\)"):
        bn.Population.of(stats.norm)


# ---- replicates that are NaN


@dataclass(frozen=True)
class Holed(bn.Study):
    """A study of which some replicates are NaN."""

    def conditions(self) -> list[dict[str, int]]:
        return [{"n": 1}]

    def size(self, condition: Any) -> int:
        return 20

    def simulate(self, condition: Any, rng: np.random.Generator, size: int) -> dict[str, Any]:
        x = rng.normal(size=size)
        x[::7] = np.nan
        return {"x": x}


@pytest.mark.parametrize("precision", [None, 0.1])
def test_replicates_that_are_nan_are_called_so(precision: float | None) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        bn.run(Holed(), precision=precision, max_replicates=400, progress=False)
    assert [w.category for w in warned] == [bn.exceptions.NotFiniteWarning]
    said = str(warned[0].message)
    assert "measures have replicates that are NaN or infinite" in said
    assert "tails" not in said
    assert "run_block shows them" in said
    assert np.isnan(bn.run_block(Holed(), condition=0, block=0)["x"]).any()


def clipped(x: np.ndarray, axis: int) -> np.ndarray:
    """NaN for one batch of 4 in 44."""
    mean = np.mean(x, axis=axis)
    return np.where(mean > 1, np.nan, mean)


def test_an_estimator_that_makes_nan_is_said_to() -> None:
    own = bn.Estimator("own", clipped, 0.0)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        bn.measure_convergence("normal", batch_sizes=4, estimators=own, max_replicates=64, progress=False)
    assert [w.category for w in warned] == [bn.exceptions.NotFiniteWarning]
    with pytest.raises(ValueError, match=r"own is NaN for \d+ of 1024 batches of 4 from normal"):
        bn.testing.assert_unbiased(own, "normal", tolerance=0.1, batch_size=4)
    mended = bn.Estimator("mended", lambda x, axis: np.nan_to_num(clipped(x, axis), nan=1.0), 0.0, order=1)
    bn.testing.assert_unbiased(mended, "normal", tolerance=0.1, batch_size=4)


# ---- one notice for all left-out batches


def test_batches_of_one_row_are_warned_of_once() -> None:
    rng = np.random.default_rng(0)
    batch = np.append(np.repeat(np.arange(8), 4), np.arange(8, 28))
    x, outcome = rng.normal(size=(2, batch.size))
    with pytest.warns(UserWarning, match="20 of 28 batches have one row, of which center leaves nothing") as warned:
        bn.leave_one_batch_out(x, outcome, batch)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    large = batch < 8
    merged = np.where(large, batch, 8)
    bn.leave_one_batch_out(x, outcome, batch, ["none", "shrink"])  # without a warning, which would be an error
    bn.leave_one_batch_out(x[large], outcome[large], batch[large])
    bn.leave_one_batch_out(x, outcome, merged)


def test_corrections_say_what_does_without_two_rows() -> None:
    x, batch = np.array([1.0, 2.0, 4.0, 9.0, 5.0]), ["a", "a", "b", "b", "c"]
    with pytest.raises(ValueError, match=r"batch 'c' has one row.* merge it with another, or use 'shrink'"):
        CORRECTIONS["standardize"](x, batch)
    assert np.isfinite(CORRECTIONS["shrink"](x, batch)).all()
    assert np.isfinite(CORRECTIONS["standardize"](x, [*batch[:4], "b"])).all()


# ---- a wrong gradient


def wrong_in(change: Any) -> Normalizer:
    class Wrong(type(NORMALIZERS["batch"])):  # type: ignore[misc]
        @staticmethod
        def backward(gradient: Any, value: Any, state: Any) -> None:
            NORMALIZERS["batch"].backward(gradient, value, state)
            change(gradient)

    return Wrong()


def scaled(places: Any, factor: float) -> Any:
    def change(gradient: Any) -> None:
        gradient[places] *= factor

    return change


@pytest.mark.parametrize(
    ("places", "factor", "message"),
    [
        (np.s_[:, 3], 0.999, r"entries are wrong, in unit 3 alone, where all entries are 0\.999 times the right ones"),
        (np.s_[:, 3], -1.0, "in unit 3 alone, where all entries are -1 times the right ones"),
        (np.s_[:, [1, 5]], 2.0, "in units 1, 5 alone, where all entries are 2 times the right ones"),
        (np.s_[2], 0.0, "in row 2 alone, where all entries are 0 times the right ones"),
        (np.s_[:, 3], np.nan, r"entries are wrong, in unit 3 alone\.$"),
        (np.s_[:], 0.9, "; all entries are 0.9 times the right ones"),
    ],
)
def test_wrong_entries_of_a_gradient_are_placed(places: Any, factor: float, message: str) -> None:
    """One wrong unit was once said to leave all entries 0.9999 times the right ones."""
    with pytest.raises(ValueError, match=message):
        check_gradient(wrong_in(scaled(places, factor)), 16, 8, 1e-5)


def test_a_constant_error_in_one_unit_is_placed_and_named() -> None:
    def change(gradient: Any) -> None:
        gradient[:, 3] += 0.1

    with pytest.raises(ValueError, match="in unit 3 alone, where the error is the same in all rows of a unit"):
        check_gradient(wrong_in(change), 16, 8, 1e-5)
    check_gradient(wrong_in(scaled(np.s_[:, 3], 1.0)), 16, 8, 1e-5)  # the same class, mended

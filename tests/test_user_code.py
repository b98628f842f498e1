"""A user's own functions cannot change what they are given; a write ends in a sentence that names the user's object.

Nothing here is left to chance: numbers are compared with those of a run without the function, to the bit.
"""

from __future__ import annotations

import math
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numba
import numpy as np
import pandas as pd
import pytest

import bnstats as bn
from bnstats._checks.user_code import ReadOnlyError
from bnstats.claims.evidence import BatchStatistic, Evidence
from bnstats.corrections.correction import Correction
from bnstats.corrections.registry import CORRECTIONS
from bnstats.networks.adaptation import Adaptation
from bnstats.networks.network import Network
from bnstats.networks.normalizers.normalizer import Normalizer
from bnstats.networks.recipe import Recipe
from bnstats.simulation.identity import canonical
from bnstats.simulation.summaries.summary import Summary

SENTENCE = "writes into a read-only array; all of its arrays are read-only: let it copy the array first"


def overwriting(x, axis=-1):
    return np.median(x, axis=axis, overwrite_input=True)


def subtracting(x, axis=-1):
    x -= np.median(x, axis=axis, keepdims=True)
    return np.median(np.abs(x), axis=axis)


def sorting(x, axis=-1):
    x.sort(axis=axis)
    return x.max(axis=axis)


def writing_later(x, axis=-1):
    """Of the few values of a first try it is well behaved."""
    return overwriting(x, axis) if x.size > 100 else np.median(x, axis=axis)


@numba.njit
def compiled_writer(x):
    for i in range(x.shape[0]):
        x[i, 0] = 0.0
    return x.sum()


def writing_compiled(x, axis=-1):
    return compiled_writer(x) + x.mean(axis=axis)


def writing_memory(x, axis=-1):
    memoryview(x)[(0,) * x.ndim] = 1.0
    return x.mean(axis=axis)


WRITERS = [overwriting, subtracting, sorting, writing_later, writing_compiled, writing_memory]


def of(function, name="own", target=0.0) -> bn.Estimator:
    return bn.Estimator(name, function, target)


def convergence(*estimators: Any, **options: Any) -> pd.DataFrame:
    given = {"batch_sizes": [8, 12], "max_replicates": 64, **options}
    return bn.measure_convergence("normal", estimators=["median", *estimators], **given).table


@pytest.mark.parametrize("function", WRITERS, ids=lambda f: f.__name__)
def test_an_estimator_that_writes_is_named(function: Any) -> None:
    with pytest.raises((ValueError, bn.exceptions.BlockError), match=rf"estimator 'own' {SENTENCE}"):
        convergence(of(function))


def test_it_is_named_from_another_process_too() -> None:
    with (
        ProcessPoolExecutor(1) as pool,
        pytest.raises(bn.exceptions.BlockError, match=rf"estimator 'own' {SENTENCE}"),
    ):
        convergence(of(writing_later), executor=pool)


def sneaking(x, axis=-1):
    """NumPy lets `ufunc.at` write into read-only arrays."""
    np.add.at(x, tuple(np.indices(x.shape).reshape(x.ndim, -1)), 100.0)
    return x.mean(axis=axis)


KEPT: list[np.ndarray] = []
BUFFERS: dict[tuple[int, ...], np.ndarray] = {}


def keeping(x, axis=-1):
    KEPT.append(x)
    return x.mean(axis=axis)


def viewing(x, axis=-1):
    return x[..., 0] if axis in (-1, x.ndim - 1) else x[0]


def first(x, axis=-1):
    return viewing(x, axis).copy()


def filling_its_own_array(x, axis=-1):
    shape = viewing(x, axis).shape
    out = BUFFERS.setdefault(shape, np.empty(shape))
    out[...] = first(x, axis)
    return out


def test_what_cannot_be_refused_changes_no_other_number() -> None:
    """Power: without copies the medians of what comes later are larger by 100."""
    table, alone = convergence(of(sneaking, "first"), of(sneaking, "second")), convergence()
    others = table[table["estimator"] == "median"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, alone, check_exact=True)


def test_arrays_that_are_kept_do_not_change() -> None:
    """Of the pyramid all draws fill one array; power: with that array itself, all that is kept is the last one's."""
    KEPT.clear()
    means: list[np.ndarray] = []

    def noting(x, axis=-1):
        means.append(x.mean(axis=axis))
        return keeping(x, axis)

    convergence(of(noting), executor=1)
    assert len(KEPT) > 60
    for x, mean in zip(KEPT, means, strict=True):
        axis = next(axis for axis in (-1, 0) if x.mean(axis=axis).shape == mean.shape)
        np.testing.assert_array_equal(x.mean(axis=axis), mean)


@pytest.mark.parametrize("function", [viewing, filling_its_own_array])
def test_estimates_may_be_views_or_one_array_for_all_calls(function: Any) -> None:
    found, expected = (convergence(of(f), executor=1) for f in (function, first))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_own_estimators_have_the_bits_of_the_same_function_without_copies() -> None:
    """The package's own median is not copied for."""
    found = convergence(bn.Estimator("own", np.median, bn.ESTIMATORS["median"].target))
    rows = [found[found["estimator"] == name].reset_index(drop=True) for name in ("median", "own")]
    for column in ("value", "mcse"):
        known = rows[0]["exact"].isna() & (rows[0]["variance_ratio"] == 1) & (rows[1]["variance_ratio"] == 1)
        assert known.any()
        np.testing.assert_array_equal(rows[0].loc[known, column], rows[1].loc[known, column])


@numba.njit("float64[:](float64[:, ::1])")
def row_means(x):
    out = np.empty(x.shape[0])
    for i in range(x.shape[0]):
        out[i] = x[i].mean()
    return out


CALLS: list[bool] = []


def strict(x):
    """A library that takes no read-only arrays."""
    CALLS.append(x.flags.writeable)
    return row_means(x)


def test_a_library_that_takes_no_read_only_arrays_gets_a_writable_copy() -> None:
    CALLS.clear()
    study = BatchStatistic("normal", 8, strict)
    for block in range(3):
        assert bn.run_block(study, condition=0, block=block)["value"].shape == (8192,)
    assert CALLS == [False, True, True, True]  # which it is, is remembered


def test_a_statistic_and_a_label_rule_that_write_are_named() -> None:
    with pytest.raises(ReadOnlyError, match=rf"statistic overwriting {SENTENCE}"):
        bn.run_block(BatchStatistic("normal", 8, overwriting), condition=0, block=0)

    def letters(x):
        x += 0.5
        return np.floor(x).astype(int)

    with pytest.raises(ValueError, match=rf"label rule letters {SENTENCE}"):
        bn.measure_information(np.arange(10.0), labels=letters, batch_sizes=[4], max_replicates=1000)


def test_blocks_of_a_statistic_that_fills_its_own_array_are_kept_apart() -> None:
    out = np.empty(8192)

    def largest(batches):
        return np.max(batches, axis=1, out=out)

    blocks = [bn.run_block(BatchStatistic("normal", 8, largest), condition=0, block=i)["value"] for i in range(2)]
    assert (blocks[0] != blocks[1]).any()


@dataclass(frozen=True)
class Uniform(bn.Study):
    summaries: ClassVar = ("mean",)

    def conditions(self):
        return [{"weights": np.array([1.0, 2.0])}]

    def simulate(self, condition, rng, size):
        return {"x": rng.random(size)}


def test_a_summary_that_writes_is_named() -> None:
    def spread(e):
        e.moments[2] /= e.moments[0]
        return math.sqrt(e.moments[2])

    own = Summary("spread", spread, lambda _: 0.0, order=4)

    @dataclass(frozen=True)
    class Spread(Uniform):
        summaries: ClassVar = ("mean", own)

    with pytest.raises(ValueError, match=rf"summary 'spread' {SENTENCE}"):
        bn.run(Spread(), max_replicates=1000)


def test_a_study_that_writes_into_its_condition_is_named() -> None:
    @dataclass(frozen=True)
    class Weighted(Uniform):
        def simulate(self, condition, rng, size):
            weights = condition["weights"]
            weights /= weights.sum()
            return {"x": rng.random(size) * weights[0]}

    with pytest.raises(bn.exceptions.BlockError, match=rf"Weighted\.simulate {SENTENCE}"):
        bn.run(Weighted(), max_replicates=1000)


HOOKS = ("simulate_one", "target", "controls", "value_range", "exact", "columns", "size", "stream_of", "tail_index")


@pytest.mark.parametrize("name", HOOKS)
def test_any_hook_of_a_study_that_writes_is_named(name: str) -> None:
    def writing(_, condition, *__):
        condition["weights"].sort()

    hooks = {name: writing} | ({"simulate": bn.Study.simulate} if name == "simulate_one" else {})
    kind = dataclass(frozen=True)(type("Writing", (Uniform,), hooks))
    with pytest.raises((ValueError, bn.exceptions.BlockError), match=rf"Writing\.{name} {SENTENCE}"):
        bn.run(kind(), max_replicates=1000)


class SortedLabels(bn.Shuffled):
    def rows(self, rng, y, batch_size, steps):
        y.sort()
        return super().rows(rng, y, batch_size, steps)


class Doubled(bn.shifts.Gain):
    def apply(self, rng, x, y):
        x *= 2
        return x, y


class Plain(bn.Batching):
    def fill(self, population, rng, out):
        population.fill(rng, out)

    def variance_of_mean(self, population, batch_size):
        return population.var / batch_size


class SortedValues(Plain):
    def fill(self, population, rng, out):
        population.values.sort()
        super().fill(population, rng, out)


def mismatch(**given: Any) -> Any:
    return bn.measure_mismatch("digits", batch_sizes=8, steps=2, max_replicates=32, precision=None, **given)


def test_own_rules_and_shifts_that_write_are_named() -> None:
    with pytest.raises((ValueError, bn.exceptions.BlockError), match=rf"SortedLabels\.rows {SENTENCE}"):
        mismatch(batching=SortedLabels())
    with pytest.raises((ValueError, bn.exceptions.BlockError), match=rf"Doubled\.apply {SENTENCE}"):
        mismatch(shift=Doubled(1.0))
    with pytest.raises((ValueError, bn.exceptions.BlockError), match=rf"SortedValues\.fill {SENTENCE}"):
        bn.measure_convergence([3.0, 1.0, 2.0], batch_sizes=[4], batching=SortedValues(), max_replicates=32)


def test_own_rules_fill_what_they_are_to_fill_and_are_known_by_their_own_code() -> None:
    given = {"batch_sizes": [12], "estimators": ["mean", "median"], "max_replicates": 64}
    table = bn.measure_convergence("normal", batching=Plain(), **given).table
    known = table["exact"].notna() & (table["mcse"] > 0)
    assert known.any()
    bn.testing.assert_within_mcse(*(table.loc[known, column] for column in ("value", "exact", "mcse")))
    assert "_called" not in str(canonical(Plain()))


def test_values_of_a_population_are_read_only_everywhere() -> None:
    population = bn.Population.of([3.0, 1.0, 2.0])
    for p in (population, pickle.loads(pickle.dumps(population)), population.quantiles(5)):
        assert not p.values.flags.writeable
    target = bn.Estimator("own", np.median, lambda pop: pop.values.sort() or 0.0)
    with pytest.raises(ValueError, match=rf"the target of estimator 'own' {SENTENCE}"):
        target.population_value(population)


def test_a_correction_that_writes_is_named_and_changes_no_data() -> None:
    def by_x(groups):
        groups.x[:] = 0.0
        return lambda g: (g.mean, np.ones_like(g.mean))

    def by_mean(_):
        def rule(g):
            effects = g.mean
            effects -= g.level
            return effects, np.ones_like(effects)

        return rule

    x = np.arange(6.0)
    for estimate in (by_x, by_mean):
        own = Correction("own", "batch", applies_to_new=False, estimate=estimate)
        with pytest.raises(ValueError, match=rf"correction 'own' {SENTENCE}"):
            own(x, [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(x, np.arange(6.0))
    kept = Correction(
        "own", "batch", applies_to_new=False, estimate=lambda _: lambda g: (g.mean - g.level, 1 + 0 * g.mean)
    )
    np.testing.assert_array_equal(kept(x, [0, 0, 0, 1, 1, 1]), CORRECTIONS["center"](x, [0, 0, 0, 1, 1, 1]))


@dataclass(frozen=True)
class Halved(Adaptation):
    @property
    def name(self):
        return "halved"

    def adapt(self, mean, var, z):
        mean *= 0.5
        return mean, var


def network() -> Network:
    return Network.initial(Recipe(hidden=(3,)), 4, 2, np.random.default_rng(0))


def test_an_adaptation_that_writes_is_named_and_the_network_stays() -> None:
    net, x = network(), np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    net.running.mean[0][:] = 1.0
    with pytest.raises(ValueError, match=rf"Halved\.adapt {SENTENCE}"):
        Halved().logits(net, net.running, x, np.arange(6).reshape(2, 3))
    assert (net.running.mean[0] == 1.0).all()

    def centering(_, z):
        z -= z.mean(axis=0)
        return 0.0, 1.0

    with pytest.raises(ValueError, match=rf"normalized_by centering {SENTENCE}"):
        net.evaluate(x, centering)


class Scratch(Normalizer):
    name = "scratch"

    @staticmethod
    def forward(z, _):
        z -= z.mean(axis=1, keepdims=True)

    @staticmethod
    def backward(gradient, value, _):
        value[:] = gradient.mean()
        gradient -= gradient.mean(axis=1, keepdims=True)


class Restless(Scratch):
    name = "restless"

    @staticmethod
    def forward(z, state):
        z -= z.mean(axis=1, keepdims=True)
        state.running_mean[:] += 1.0

    @staticmethod
    def backward(gradient, _, __):
        gradient -= gradient.mean(axis=1, keepdims=True)


def test_a_normalizer_writes_into_what_it_is_to_change_alone() -> None:
    with pytest.raises(ValueError, match=r"backward of normalizer 'scratch' writes into value, .* copy the array"):
        mismatch(normalizers=Scratch())
    with pytest.raises(ValueError, match=r"forward of normalizer 'restless' writes into running_mean, .* copy the"):
        mismatch(normalizers=Restless())


class Doubling(Evidence):
    study = BatchStatistic("normal", 8, np.ptp)

    @property
    def studies(self):
        return (self.study,)

    @property
    def size(self):
        return self.study.size({})

    def values(self, found):
        found[self.study]["value"][:] *= 2
        return found[self.study]["value"]


def test_evidence_of_ones_own_is_lent_its_blocks() -> None:
    values = np.ones(4)
    evidence = Doubling()
    with pytest.raises(ValueError, match=rf"Doubling\.values {SENTENCE}"):
        evidence.values({evidence.study: {"value": values}})
    assert (values == 1).all()

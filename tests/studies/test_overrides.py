"""What a user's subclass of a class of the package overrides is used, and nothing is claimed that held for its base.

Two tests are stochastic: of 32768 and 6554 batches, a standard error has a relative error of 0.4 % and 0.9 %, so that
7 % is a false alarm below 1e-12, and what the base would give is 50 % off or more.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import pytest

import bnstats as bn
from bnstats.networks.recipe import Recipe
from bnstats.sampling.batching import are_independent
from bnstats.studies.batch_effects.exact import mean_square_error
from bnstats.studies.gradients.exact import is_linear_batch_norm, wide_limit

RUN = {"precision": None, "max_replicates": 64, "progress": False}


def copied(out: np.ndarray) -> None:
    out[:, 1:] = out[:, :1]


@dataclass(frozen=True)
class Copies(bn.IID):
    """Batches of one value."""

    def fill(self, population, rng, out):
        population.fill(rng, out)
        copied(out)


@dataclass(frozen=True)
class KnownCopies(Copies):
    def variance_of_mean(self, population, batch_size):
        return population.var


@dataclass(frozen=True)
class ClusteredCopies(bn.Clustered):
    def fill(self, population, rng, out):
        super().fill(population, rng, out)
        copied(out)


@dataclass(frozen=True)
class DrawnCopies(bn.WithoutReplacement):
    def fill(self, population, rng, out):
        super().fill(population, rng, out)
        copied(out)


@pytest.mark.parametrize(
    "rule",
    [Copies(), KnownCopies(), ClusteredCopies(0.2), DrawnCopies(size=1000)],
    ids=lambda rule: type(rule).__name__,
)
def test_fill_of_a_subclass_is_used_at_each_batch_size(rule: bn.Batching) -> None:
    given = {"batch_sizes": [4, 10], "estimators": ["mean", "median"], "batching": rule}
    table = bn.measure_convergence("normal", **given, **RUN).table
    of_spread = table[table["measure"] == "se"]
    np.testing.assert_allclose(of_spread["value"], 1.0, rtol=0.07)
    assert not np.any(np.abs(of_spread["exact"] - 1.0) > 0.01)
    if not isinstance(rule, KnownCopies):  # no control variate is known to have mean 0
        assert (of_spread["variance_ratio"] == 1).all()
        assert (of_spread["mcse"] > 0.002).all()


def test_theory_says_of_a_subclass_what_it_states_itself() -> None:
    assert not are_independent(Copies())
    assert math.isnan(bn.theory.sampling("normal", 8, "mean", Copies()).se)
    assert math.isnan(bn.theory.sampling("normal", 8, "std", Copies()).bias)
    assert bn.theory.sampling("normal", 8, "mean", KnownCopies()).se == 1.0
    assert math.isnan(bn.theory.rate("normal", "mean", batching=Copies()))
    assert math.isnan(bn.theory.rate("normal", "mean", batching=ClusteredCopies(0.2)))
    assert bn.theory.rate("normal", "mean", batching=KnownCopies()) == 0.0
    assert bn.theory.rate("normal", "mean", batching=bn.Autocorrelated(phi=0.9)) == -0.5
    assert bn.theory.rate("normal", "mean", batching=bn.Clustered(icc=1e-15)) == 0.0


@pytest.mark.parametrize("statement", ["chance_all_equal", "fewest_draws"])
def test_no_chance_of_equal_values_is_claimed_for_draws_of_a_subclass(statement: str) -> None:
    """The inverse spread of batches of equal values is infinite: nothing shows that batches of 10 have none of them."""

    @dataclass(frozen=True)
    class Own(bn.IID):
        def fill(self, population, rng, out):
            population.fill(rng, out)

    @dataclass(frozen=True)
    class Stating(Own):
        def chance_all_equal(self, population, batch_size):
            return 0.0

        def fewest_draws(self, batch_size, chance):
            return batch_size

    arguments = {"chance_all_equal": (bn.POPULATIONS["normal"], 10), "fewest_draws": (10, 0.5)}[statement]
    assert math.isnan(getattr(Own(), statement)(*arguments))
    for rule in (Stating(), bn.IID(), bn.WithoutReplacement(100), bn.Clustered(0.1), bn.Autocorrelated(0.1)):
        assert np.isfinite(getattr(rule, statement)(*arguments))
    given = {"batch_sizes": [10], "estimators": ["inv_std"]} | RUN
    for rule, known in ((bn.IID(), True), (Stating(), True), (Own(), False)):
        table = bn.measure_convergence("normal", batching=rule, **given).table
        assert np.isfinite(table.loc[table["measure"] == "bias", "mcse"].item()) == known


def test_a_plateau_is_of_the_weights_that_a_convention_has() -> None:
    class Halves(bn.Convention):
        def weight(self, step):
            return np.full(np.shape(step), 0.5)

    class Slower(bn.Convention):
        def weight(self, step):
            return 1 / np.sqrt(step)

    assert Halves("own", 0.1).plateau == pytest.approx(1 / 3, rel=1e-12)
    assert math.isnan(Slower("own", 0.1).plateau)
    assert bn.Convention("own", 0.1).plateau == 0.1 / 1.9


def test_a_formula_below_an_abstract_fill_is_kept() -> None:
    class Formula(bn.Batching):
        def variance_of_mean(self, population, batch_size):
            return population.var / 2

    class Filled(Formula):
        def fill(self, population, rng, out):
            population.fill(rng, out)

    assert bn.theory.sampling("normal", 8, "mean", Filled()).se == math.sqrt(0.5)


class Doubled(bn.Estimator):
    """Twice what the function or the moments make."""

    def __call__(self, x, axis=-1):
        return 2 * super().__call__(x, axis)


def test_a_call_that_an_estimator_overrides_is_used() -> None:
    fields = {field.name: getattr(bn.ESTIMATORS["mean"], field.name) for field in dataclasses.fields(bn.Estimator)}
    doubled = Doubled(**fields | {"name": "doubled", "theory": None})
    table = bn.measure_convergence("normal", batch_sizes=[4, 10], estimators=["mean", doubled], **RUN).table
    se = table[table["measure"] == "se"].set_index(["estimator", "batch_size"])["value"]
    np.testing.assert_allclose(se["doubled"], 2 * se["mean"], rtol=0.07)


class Wider(bn.effects.Trend):
    """A line up or down, of random slope."""

    def shift(self, rng, size, batches, n, n_new_batches=0):
        return super().shift(rng, size, batches, n, n_new_batches) * rng.normal(size=(size, 1, 1))


class Stretching(bn.effects.Distinct):
    def factor(self, rng, size, batches):
        return np.full((size, batches, 1), 3.0)


class OwnMixture(bn.effects.Mixture):
    def root(self, batches, n):
        return 5 * super().root(batches, n)

    def shift(self, rng, size, batches, n, n_new_batches=0):
        return 5 * super().shift(rng, size, batches, n, n_new_batches)


def test_exact_errors_are_not_those_of_the_effect_above() -> None:
    none = bn.corrections.CORRECTIONS["none"]
    plain = mean_square_error(none, bn.effects.Mixture(bn.effects.Trend()), 0.5, 10, 4)
    assert mean_square_error(none, OwnMixture(bn.effects.Trend()), 0.5, 10, 4) == pytest.approx(25 * plain)
    for effect in (Wider(), bn.effects.Mixture(Wider()), Stretching(), bn.effects.Mixture(Wider(), 0.5, Stretching())):
        assert math.isnan(mean_square_error(none, effect, 0.5, 10, 4))


def test_errors_of_another_trend_vary() -> None:
    given = {"batch_sizes": 4, "smoothness": 1.0, "corrections": ["none"], "measures": ["rmse"]}
    for effect, spread in ((bn.effects.Trend(), False), (Wider(), True)):
        found = bn.measure_correction(effect=effect, **given, **RUN)
        assert (found.table["mcse"] > 0).all() == spread


def test_another_batch_norm_has_no_known_factor() -> None:
    class Halved(bn.normalizers.Batch):
        @staticmethod
        def forward(z, state):
            z *= state.eps

    recipe = Recipe(normalizer=bn.normalizers.Batch(), activation="linear")
    assert is_linear_batch_norm(recipe)
    assert not is_linear_batch_norm(dataclasses.replace(recipe, normalizer=Halved()))
    plain = dataclasses.replace(recipe, normalizer=bn.normalizers.NoNorm())
    assert wide_limit(plain, 8, None) == 1.0


def test_a_population_of_another_class_is_another_population() -> None:
    class Shifted(bn.Population):
        def fill(self, rng, out):
            super().fill(rng, out)
            out += 1.0

    normal = bn.Population.of("normal")
    shifted = Shifted(normal.name, law=normal.law)
    assert shifted != normal
    assert shifted.identity != normal.identity
    assert shifted.family is None

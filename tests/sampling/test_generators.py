"""Faster draws follow the laws that they claim, and are the same for any workers.

Each Kolmogorov-Smirnov distance is below the bound of Dvoretzky, Kiefer and Wolfowitz, with Massart's constant, with a
probability of 1 - 1e-9 at any sample size; some twenty of them raise a false alarm less than once in 10 million runs.
Power: with 200 000 draws the bound is 0.0073; a sampler that is off by 0.012 passes with a probability below 2 exp(-2 *
200000 * 0.0047²) = 3e-4, and each wrong law below is further off.
"""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bnstats as bn
from bnstats.sampling.generators.compiled import AT_ONCE, CompiledGenerator
from bnstats.sampling.generators.samplers import SAMPLERS
from bnstats.simulation.identity import stream

DRAWS, FALSE_ALARM = 200_000, 1e-9
BOUND = np.sqrt(np.log(2 / FALSE_ALARM) / (2 * DRAWS))
LAWS = {name: population.law for name, population in bn.POPULATIONS.items()}
LAWS |= {"gamma": stats.gamma(2.5, scale=3.0), "small gamma": stats.gamma(0.3), "chi2": stats.chi2(3, loc=1.0)}
LAWS |= {"beta": stats.beta(2, 3), "poisson": stats.poisson(4.2), "skewed normal": stats.skewnorm(3.0)}

by_each = pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "numpy"])


def draws(sampler, law, size=DRAWS, block=0):
    out = np.empty(size)
    bn.Population.of(law, sampler=sampler).fill(stream(0, {"law": "any"}, block), out)
    return out


def distance(x, law):
    """The largest difference of the empirical distribution function and that of the law, at and below each value."""
    values, count = np.unique(x, return_counts=True)
    upto = np.cumsum(count) / x.size
    below, at = (law.cdf(np.nextafter(values, side)) for side in (-np.inf, np.inf))
    return max(np.abs(upto - at).max(), np.abs(upto - count / x.size - below).max())


@by_each
@pytest.mark.parametrize("name", LAWS)
def test_draws_follow_the_law(sampler, name):
    assert distance(draws(sampler, LAWS[name]), LAWS[name]) < BOUND


@by_each
@pytest.mark.parametrize(
    ("law", "wrong"),
    [
        (stats.norm(), stats.norm(scale=1.06)),
        (stats.t(5), stats.t(3)),
        (stats.gamma(2.5), stats.gamma(2.6)),
        (stats.expon(), stats.expon(loc=0.013)),
    ],
)
def test_another_law_is_found_out(sampler, law, wrong):
    assert distance(draws(sampler, law), wrong) > BOUND


@by_each
@pytest.mark.parametrize("name", ["normal", "lognormal", "exponential", "laplace", "t5", "t2.5", "pareto"])
def test_tails_are_as_heavy_as_they_should_be(sampler, name):
    """Counts beyond quantiles of 1e-2 to 1e-6 in 16.8 million draws; exact binomial tests.

    False alarm: 7 laws x 10 counts x 1e-10 = 7e-9 for a sampler. Power: 6.4 standard errors are 1.6 % of the count at
    1e-2, 5 % at 1e-3 and 16 % at 1e-4, and a sampler that is off by twice as much is missed less than once in 1e9.
    """
    assert _smallest_p(draws(sampler, LAWS[name], 2**24), LAWS[name]) > 1e-10


def test_another_tail_is_found_out():
    assert _smallest_p(draws("compiled", stats.t(5), 2**24), stats.t(5.4)) < 1e-10


def _smallest_p(x, law):
    chances = 10.0 ** -np.arange(2, 7)
    counts = [(np.count_nonzero(x < law.ppf(p)), np.count_nonzero(x > law.isf(p))) for p in chances]
    return min(stats.binomtest(k, x.size, p).pvalue for pair, p in zip(counts, chances, strict=True) for k in pair)


@by_each
def test_an_array_is_drawn_from_with_equal_chances(sampler):
    """Each of 5 counts is within 6.2 standard errors but for a probability of 3e-9 (normal limit)."""
    values = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    count = np.array([(draws(sampler, values) == value).sum() for value in values])
    assert (np.abs(count - DRAWS / 5) < 6.2 * np.sqrt(DRAWS * 0.2 * 0.8)).all()
    assert count.sum() == DRAWS


@by_each
def test_blocks_have_streams_of_their_own_and_a_stream_comes_again(sampler):
    """Correlation of two independent blocks: within 6.2 / sqrt(n) but for a probability of 6e-10."""
    first, again, second = (draws(sampler, stats.norm(), block=block) for block in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first, second)[0, 1]) < 6.2 / np.sqrt(DRAWS)
    np.testing.assert_array_equal(draws(sampler, stats.norm(), 2**16), first[: 2**16])


@by_each
def test_any_number_of_workers_gives_the_same_bits_and_exact_values_agree(sampler):
    populations = [bn.Population.of(name, sampler=sampler) for name in ("normal", "t5", "exponential")]
    given = {"batch_sizes": [2, 64, 100], "precision": None, "max_replicates": 64, "estimators": ["mean", "var"]}
    tables = [bn.measure_convergence(populations, **given, executor=workers).table for workers in (1, 3)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    by_numpy = bn.measure_convergence(["normal", "t5", "exponential"], **given, executor=1).table
    np.testing.assert_array_equal(tables[0]["exact"], by_numpy["exact"])
    assert not (tables[0]["value"] == by_numpy["value"]).any()
    away = ((tables[0]["value"] - tables[0]["exact"]) / tables[0]["mcse"]).abs()
    assert away[np.isfinite(away)].max() < 6.5  # 60 numbers: a false alarm in 2e8 runs


@by_each
def test_the_sampler_is_a_part_of_what_a_population_is(sampler):
    plain, fast = bn.Population.of("normal"), bn.Population.of("normal", sampler=sampler)
    assert plain != fast
    assert plain.identity != fast.identity
    assert pickle.loads(pickle.dumps(fast)) == fast
    assert bn.Population.of(fast) == fast
    assert bn.Population.of(fast, "another").sampler == sampler
    assert bn.Population.of(fast, sampler="numpy") == plain


@pytest.mark.parametrize("size", [0, 1, 7, AT_ONCE + 1])
def test_any_number_of_normal_values_repeats(size):
    """An odd number ends with the first of a pair."""
    np.testing.assert_array_equal(draws("compiled", stats.norm(), size), draws("compiled", stats.norm(), size))


@pytest.mark.parametrize("size", [0, 1, 7, AT_ONCE, 3 * AT_ONCE + 5])
def test_uniform_numbers_are_those_of_numpy_and_the_stream_moves_on(size):
    """Also where the stream keeps half of a number for the next one of 32 bits."""
    one, other = (stream(0, {"n": 2}, block=1) for _ in range(2))
    for rng in (one, other):
        rng.integers(2**32, dtype=np.uint32)
    np.testing.assert_array_equal(CompiledGenerator(one).random(size), other.random(size))
    assert one.bit_generator.state["has_uint32"] == 1
    np.testing.assert_array_equal(
        one.integers(2**32, size=5, dtype=np.uint32), other.integers(2**32, size=5, dtype=np.uint32)
    )
    np.testing.assert_array_equal(one.random(3), other.random(3))


def test_normal_values_are_made_of_these_uniform_numbers():
    """One half of a part gives the distances, the other one the angles."""
    u = stream(0, {"n": 2}, block=1).random(2 * AT_ONCE).reshape(2, 2, -1)
    distance, angle = np.sqrt(-2 * np.log1p(-u[:, 0])), 2 * np.pi * u[:, 1]
    expected = np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=1).ravel()
    found = CompiledGenerator(stream(0, {"n": 2}, block=1)).standard_normal(2 * AT_ONCE)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_a_generator_of_another_kind_seeds_a_stream():
    """The next one another stream: two normal values agree with a chance below 1e-15, any of 200 000 below 1e-9."""
    rng, again = np.random.default_rng(3), np.random.default_rng(3)
    first, second = (CompiledGenerator(rng).standard_normal(DRAWS) for _ in range(2))
    np.testing.assert_array_equal(first, CompiledGenerator(again).standard_normal(DRAWS))
    assert not (first == second).any()
    assert distance(first, stats.norm()) < BOUND


def largest_correlation(first, second):
    """Of two lists of normal values, of their squares, and of neighbors; in standard errors of independent ones."""
    pairs = (first, second), (first**2, second**2), (first[1:], first[:-1])
    return max(abs(np.corrcoef(one, other)[0, 1]) * np.sqrt(one.size) for one, other in pairs)


def test_the_two_values_of_a_pair_are_independent():
    """Each of three correlations is within 6.2 standard errors but for a probability of 6e-10 (normal limit).

    Power: a correlation of .04 or more, with 98 304 pairs 12.5 standard errors, is missed less than once in 1e9.
    """
    x = draws("compiled", stats.norm(), 24 * AT_ONCE).reshape(-1, 2, AT_ONCE // 2)
    assert largest_correlation(x[:, 0].ravel(), x[:, 1].ravel()) < 6.2


def test_pairs_of_dependent_values_are_found_out():
    """Both values normal, but from one uniform number: 1 - u gives the distance, u the angle."""
    u = np.random.default_rng(0).random(12 * AT_ONCE)
    distance = np.sqrt(-2 * np.log(1 - u))
    assert largest_correlation(distance * np.cos(2 * np.pi * u), distance * np.sin(2 * np.pi * u)) > 6.2


def test_an_unknown_sampler_is_refused():
    with pytest.raises(ValueError, match=r"^sampler is one of numpy, compiled; got 'mkl'"):
        bn.Population.of("normal", sampler="mkl")
    assert bn.Population.of("normal", sampler="numpy") == bn.Population.of("normal")

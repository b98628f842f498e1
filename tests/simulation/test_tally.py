"""Tallies and their summaries: what is kept of replicates is what NumPy would say of them."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.interpolate import PchipInterpolator

from bnstats.simulation.replicates.accumulator import BLOCKS_MERGED, Accumulator, MergedBlocks, in_merged_blocks
from bnstats.simulation.replicates.central_moments import merge_moments
from bnstats.simulation.replicates.histogram import TABLE, VALUES_SEARCHED, any_repeated, identity_of
from bnstats.simulation.replicates.increasing_cubic import increasing_cubic
from bnstats.simulation.replicates.nested_bins import codes_of
from bnstats.simulation.replicates.sample import GROUPS
from bnstats.simulation.replicates.tally import Tally
from bnstats.simulation.storage.packing import pack, unpack
from bnstats.simulation.summaries.registry import SUMMARIES

numbers = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=40)


def sample(*blocks, origin=0.0):
    accumulator = Accumulator((("x",),))
    for i, block in enumerate(blocks):
        accumulator.add(i, Tally.of({"x": np.asarray(block)}, [origin]))
    return replace(accumulator.sample(0), target=origin)


def summary(name, x, origin=0.0):
    value, mcse, _ = SUMMARIES[name].of(sample(x, origin=origin).whole())
    return value, mcse


def expected(x, origin=0.0):
    e = np.asarray(x) - origin
    return np.array([e.size, e.mean(), *(np.sum((e - e.mean()) ** k) for k in (2, 3, 4))])


def close(got, x, rounding=1e-12):
    """Equal but for rounding, which is relative to the size of the deviations and of the mean."""
    size = np.ptp(x) + 1e-3 * np.abs(x).max() + 1e-30
    scale = np.array([1, size * 1e3, *(len(x) * size**k for k in (2, 3, 4))])
    np.testing.assert_allclose(got / scale, expected(x) / scale, atol=rounding)


@given(numbers)
def test_a_tally_has_the_moments_of_numpy(x):
    close(Tally.of({"x": np.array(x)}, [0.0]).moments[:, 0], np.array(x))


@given(numbers, numbers)
def test_merging_is_tallying_the_union(x, y):
    a, b = (Tally.of({"x": np.array(part)}, [0.0]).moments[:, 0] for part in (x, y))
    close(merge_moments(a, b), np.array(x + y))
    np.testing.assert_array_equal(merge_moments(a, np.zeros(5)), a)
    np.testing.assert_allclose(merge_moments(np.zeros(5), a), a, rtol=1e-15)


def test_moments_are_about_the_origin():
    x = np.random.default_rng(0).normal(10.0, 1.0, 500)
    np.testing.assert_allclose(Tally.of({"x": x}, [10.0]).moments[:, 0], expected(x, 10.0), rtol=1e-11)


@pytest.mark.parametrize("blocks", [1, 3, GROUPS, 3 * GROUPS + 5])
def test_an_account_is_all_blocks_and_leaves_out_each_group(blocks):
    draws = np.random.default_rng(1).gamma(2.0, size=(blocks, 50))
    held = sample(*draws)
    assert held.groups == min(blocks, GROUPS)
    np.testing.assert_allclose(held.whole().moments, expected(draws.ravel()), rtol=1e-10)
    for group, evidence in enumerate(held.left_out):
        rest = draws[np.arange(blocks) % GROUPS != group].ravel()
        if rest.size:
            np.testing.assert_allclose(evidence.moments, expected(rest), rtol=1e-10)
            assert evidence.values.counts.sum() == rest.size


@pytest.mark.parametrize("held", ["an account", "a sample"])
def test_bins_that_are_empty_take_no_memory(held):
    """4096 bins in 16 groups would take 590 kB a measure and condition; a sample lives as long as the result."""
    draws, accumulator = np.random.default_rng(3).normal(size=(GROUPS, 1000)), Accumulator((("x",),))
    for i, block in enumerate(draws):
        accumulator.add(i, Tally.of({"x": block}, [0.0]))
    parts = vars(accumulator if held == "an account" else accumulator.sample(0))
    assert sum(getattr(part, "nbytes", 0) for part in parts.values()) < (40_000 if held == "an account" else 12_000)


def test_bins_of_later_blocks_find_their_place():
    blocks = [[1.0, 3.0], [-2.0, 1.0], [0.25, 1e9, 3.0]]
    values = np.concatenate(blocks)
    accumulator = Accumulator((("x",), ("minus",)))
    for i, block in enumerate(blocks):
        accumulator.add(i, Tally.of({"x": np.array(block), "minus": -np.array(block)}, [0.0, 0.0]))
    for k, sign in ((0, 1), (1, -1)):
        held = accumulator.sample(k).whole().values
        np.testing.assert_array_equal(held.bins, 2 * codes_of(np.sort(sign * np.unique(values))) + 1)
        np.testing.assert_array_equal(held.counts, np.unique(sign * values, return_counts=True)[1])
        np.testing.assert_array_equal(held.low, np.unique(sign * values))
        np.testing.assert_array_equal(held.high, np.unique(sign * values))


def test_storing_and_pickling_are_exact():
    rng = np.random.default_rng(2)
    replicates = {("var", 2): rng.normal(size=99), ("mean", 4): rng.integers(0, 3, 77), "flag": rng.random(5) < 0.5}
    tally = Tally.of(replicates, [0.0, 1.0, 0.5])
    assert tally.keys == (("var", 2), ("mean", 4), ("flag",))
    for copy in (unpack(pack(tally), Tally), pickle.loads(pickle.dumps(tally))):
        assert copy.keys == tally.keys
        for name in ("moments", "missing", "events", "bins", "counts", "low", "high", "atoms"):
            np.testing.assert_array_equal(getattr(copy, name), getattr(tally, name))
    assert (tally.counts > 0).all()


LAWS = {law.dist.name: law for law in (stats.norm(), stats.expon(), stats.lognorm(1), stats.t(2.5), stats.uniform())}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_the_median_of_continuous_replicates_is_interpolated_well(law):
    """Within 5 % of the own one of 300 replicates, 0.5 % of 20 000's, 0.05 % of 500 000's: less than its MCSE."""
    for size, bound in ((300, 0.05), (20_000, 0.005), (500_000, 0.0005)):
        x = law.rvs(size, random_state=np.random.default_rng(size))
        value, mcse = summary("median_abs_error", x)
        assert abs(value / np.median(np.abs(x)) - 1) < bound
        assert abs(value - np.median(np.abs(x))) < mcse


def test_the_median_of_atoms_is_exact():
    x = np.random.default_rng(3).choice([-2.5, 0.0, 0.3, 7.0], p=[0.2, 0.1, 0.4, 0.3], size=1000)
    assert summary("median_abs_error", x)[0] == np.median(np.abs(x))
    assert summary("median_abs_error", np.full(26, 0.1)) == (0.1, 0.0)
    assert summary("median_abs_error", np.full(9, 0.1)) == (0.1, np.inf)  # the other half may not have shown yet


def test_the_error_of_a_median_of_atoms_knows_the_atom_nearby():
    """Two values, the smaller with probability 0.501: of 16384 draws, 40 % have another median than the population.

    So the error is never 0, and jumps of d standard errors are as rare as those of a normal variable: 400 seeds beyond
    k are at most as many as beyond k - 0.5 (binomial, 1e-8). Power: Woodruff's interval alone says 0 for dozens.
    """
    z = []
    for seed in range(400):
        x = np.where(np.random.default_rng(seed).random(16_384) < 0.501, 1.0, 2.0)
        value, mcse = summary("median_abs_error", x)
        assert mcse > 0
        z.append((value - 1.0) / mcse)
    for k in (1.0, 2.0, 3.0):
        most = stats.binom.isf(1e-8, 400, stats.norm.sf(k - 0.5))
        assert np.count_nonzero(np.abs(z) > k) <= most


ATOMS = {
    "between densities": lambda rng, n: np.where(rng.random(n) < 0.6, 0.7, rng.normal(size=n)),
    "small, at the median": lambda rng, n: np.where(rng.random(n) < 0.05, 0.6744897501960817, rng.normal(size=n)),
    "a lattice": lambda rng, n: rng.poisson(400, n) - 400.0,
    "a fine lattice": lambda rng, n: (rng.poisson(40_000, n) - 40_000) / 3,
    "zero": lambda rng, n: np.where(rng.random(n) < 0.6, 0.0, rng.normal(size=n)),
}


@pytest.mark.parametrize("case", ATOMS)
def test_the_median_of_atoms_among_others_is_exact(case):
    """Eight blocks, compared with NumPy's median of the very same values: nothing is left to chance.

    Power: interpolation through the bins, as if there were no atoms, is off by 1e-3 or more in some case.
    """
    rng = np.random.default_rng(5)
    blocks = [ATOMS[case](rng, 16_384) for _ in range(8)]
    held = sample(*blocks)
    assert SUMMARIES["median_abs_error"].of(held.whole())[0] == np.median(np.abs(np.concatenate(blocks)))
    for group, value in enumerate(SUMMARIES["median_abs_error"].leaving_out(held)[:8]):
        rest = np.concatenate([b for i, b in enumerate(blocks) if i != group])
        assert abs(value - np.median(np.abs(rest))) <= (1 / 3 if "lattice" in case else 0)


def test_an_atom_rounded_in_other_ways_is_one_atom():
    rng = np.random.default_rng(6)
    x = np.where(rng.random(20_000) < 0.6, 0.7 * (1 + 1e-15 * rng.integers(-3, 4, 20_000)), rng.normal(size=20_000))
    value, mcse = summary("median_abs_error", x)
    assert value == pytest.approx(0.7, rel=1e-10)
    assert mcse < 1e-10


def test_equal_replicates_have_no_spread():
    """Their mean is rounded. Power: a spread of 1e-12 of the mean is kept."""
    x = np.full(10_000, 0.004992946)
    assert [summary(name, x)[0] for name in ("bias", "se")] == [pytest.approx(x[0], rel=1e-15), 0.0]
    assert summary("bias", x)[1] == np.inf
    x[::2] *= 1 + 1e-12
    assert summary("se", x)[0] == pytest.approx(x[0] * 0.5e-12, rel=1e-3)


def test_normal_replicates_have_the_closed_forms_of_morris_white_and_crowther():
    """Table 6. The frame uses the fourth moment, whose own error for R normal replicates is sqrt(24 / R) of 3.

    The estimated variance of a standard error is then off by a relative sqrt(24 / R) / 2 at one standard deviation, its
    root by half of it; six of these are allowed (false alarm below 1e-8 in all). Power: an exponential's MCSE is
    sqrt(9 - 1) / sqrt(3 - 1) = 2 times the normal formula, 50 times what is allowed.
    """
    size, sigma = 200_000, 3.0
    x = np.random.default_rng(4).normal(1.0, sigma, size)
    allowed = 6 * np.sqrt(24 / size) / 4
    np.testing.assert_allclose(summary("bias", x), (x.mean(), x.std(ddof=1) / np.sqrt(size)), rtol=1e-11)
    assert summary("se", x)[0] == pytest.approx(x.std(ddof=1), rel=1e-12)
    assert summary("se", x)[1] == pytest.approx(x.std() / np.sqrt(2 * (size - 1)), rel=allowed)
    rmse, rmse_mcse = summary("rmse", x)
    squares = x**2
    assert rmse == pytest.approx(np.sqrt(squares.mean()), rel=1e-12)
    assert rmse_mcse == pytest.approx(squares.std() / np.sqrt(size) / (2 * rmse), rel=1e-9)
    skewed = np.random.default_rng(5).exponential(size=size)
    assert summary("se", skewed)[1] > (1 + 20 * allowed) * skewed.std() / np.sqrt(2 * (size - 1))


@pytest.mark.parametrize("scale", 10.0 ** np.arange(-24, 25, 4))
def test_summaries_are_free_of_scale(scale):
    """From the variance of values of size 1e-12 to that of values of size 1e12.

    Moments scale to rounding; the median as well as bins of an eighth of an octave can be interpolated.
    """
    x = np.random.default_rng(6).gamma(3.0, size=5000)
    for name, rounding in (("bias", 1e-9), ("se", 1e-9), ("rmse", 1e-9), ("median_abs_error", 5e-3)):
        value, mcse = np.array(summary(name, x * scale)) / scale
        assert value == pytest.approx(summary(name, x)[0], rel=rounding)
        assert mcse == pytest.approx(summary(name, x)[1], rel=max(rounding, 0.1 * (rounding > 1e-6)))


@pytest.mark.parametrize(
    "x", [[1.0, np.inf, 2.0], [np.nan, 1.0, 2.0], [-np.inf, np.inf, 1.0, 0.5, 0.5], [1e200, 1.0, 2.0], [1.0], [0.0]]
)
def test_infinite_huge_and_missing_replicates_do_not_stop_a_run(x):
    held = sample(x, x)
    for name in SUMMARIES:
        SUMMARIES[name].of(held.whole())
        SUMMARIES[name].leaving_out(held)
    assert 0.0 <= summary("median_abs_error", x)[0] <= 2.0
    assert not np.isfinite(summary("bias", x)[0]) or np.isfinite(x).all()


@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_quantiles_are_interpolated_as_by_scipy(points, seed):
    rng = np.random.default_rng(seed)
    x, y = np.cumsum(rng.exponential(size=(2, points)) ** 3 + 1e-6, axis=1)
    at = rng.uniform(x[0], x[-1], 20)
    expected = PchipInterpolator(x, y)(at)
    np.testing.assert_allclose(increasing_cubic(x, y, at), expected, rtol=1e-12, atol=1e-12 * y[-1])


def test_blocks_merged_elsewhere_are_the_same_to_the_bit():
    """Of blocks with atoms, joint moments, bins that only some have, missing values and events in all but one."""
    rng = np.random.default_rng(5)
    blocks = []
    for _ in range(2 * BLOCKS_MERGED + 7):
        x, w = rng.normal(size=300) * 10.0 ** rng.integers(-3, 3), rng.normal(size=300)
        count = rng.poisson(3.0, 300)
        blocks.append(Tally.of({"x": x, "count": count, "rare": x > 5}, [0.5, 3.0, 0.0], controls={"x": (w, w**2 - 1)}))
    one_by_one, in_parts = MergedBlocks(), MergedBlocks()
    for i, tally in enumerate(blocks):
        one_by_one.add(i, tally)
    first = 0
    for part in in_merged_blocks(range(len(blocks)), blocks):
        in_parts.add(first, part)
        first += part.blocks
    assert first == len(blocks)
    assert sum(isinstance(part, Accumulator) for part in in_merged_blocks(range(3, len(blocks)), blocks[3:])) == 1
    a, b = one_by_one.so_far(), in_parts.so_far()
    for name in ("moments", "joint", "missing", "events", "bins", "counts", "low", "high"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    for k in range(3):
        np.testing.assert_array_equal(a.sample(k).atom_counts, b.sample(k).atom_counts)
    values = np.concatenate([t.moments[:, :1] for t in blocks], axis=1)
    assert a.moments[:, 0, 0].sum() == values[0].sum() == 300 * len(blocks)
    np.testing.assert_allclose(a.sample(0).whole().mean, values[1].mean(), rtol=1e-12)


def test_counts_of_many_blocks_do_not_overflow():
    accumulator, tally = Accumulator((("x",),)), Tally.of({"x": np.full(10, 2.0)}, [0.0])
    many = replace(tally, counts=np.array([2**31 - 1], np.int32))
    for block in (0, GROUPS):
        accumulator.add(block, many)
    assert accumulator.sample(0).whole().values.counts.sum() == 2**32 - 2


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint64, np.float16, np.float32, np.longdouble])
def test_replicates_of_any_type_are_counted_as_floats(kind):
    x = np.array([0, 1, 1, 0, 1, 1]).astype(kind)
    got, expected = (Tally.of({"x": values}, [0.1]) for values in (x, x.astype(float)))
    for name in ("moments", "bins", "counts", "low", "high", "atoms"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))


def test_minus_zero_and_nan_are_counted_as_zero_and_infinite():
    tally = Tally.of({"x": np.array([-0.0, 0.0, np.nan, -np.nan, 1.0])}, [0.0])
    np.testing.assert_array_equal(tally.bins, 2 * codes_of(np.array([0.0, 1.0, np.inf])) + 1)
    np.testing.assert_array_equal(tally.counts, [2, 1, 2])
    assert not np.signbit(tally.low).any()


def test_differences_beyond_all_floats_are_infinite_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tally = Tally.of({"x": np.array([1.7e308, 1.0, np.inf])}, [-1.7e308])
    np.testing.assert_array_equal(tally.missing[:, 0], [0, 1])
    assert tally.high[-1] == np.inf


@given(st.integers(1, 2 * VALUES_SEARCHED), st.integers(0, 2**32 - 1), st.booleans())
def test_repeated_values_are_found_among_the_first(size, seed, near):
    """Of whole numbers, some of which fall into the same places of the table, and of neighbors that are no atom."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, rng.integers(1, 2**20), size) * 0.5
    if near:
        x = 1.0 + np.arange(size) * 2.0**-36
    identities = identity_of(x[:VALUES_SEARCHED])
    repeated = any_repeated(x.view(np.int64), np.empty(TABLE, np.int64))
    assert repeated == (np.unique(identities).size < identities.size)

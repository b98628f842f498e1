"""Quantiles of values far from the origin of the tally, compared with NumPy's quantiles of the same values."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import bnstats as bn
from bnstats.simulation.replicates.histogram import atoms_of
from bnstats.simulation.replicates.nested_bins import (
    BINS,
    CROWDED,
    LEVELS,
    MIRROR,
    WIDTH,
    Bins,
    above,
    codes_of,
    disjoint,
    divided,
    edges_of,
    gathered,
    joined,
    left_codes,
    levels,
    named,
    widths,
)
from bnstats.simulation.summaries.mcse_of_quantiles import quantile

LAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "uniform": lambda rng, n: rng.random(n),
    "two clusters": lambda rng, n: np.where(rng.random(n) < 0.4, rng.normal(size=n), 1e6 + rng.normal(size=n)),
}
SHIFTS = (0.0, 1.0, 10.0, 1e3, -1e3, 1e6, -1e6, 1e9)
CHANCES = (0.05, 0.3, 0.5, 0.95)


@dataclass(frozen=True)
class Far(bn.Study):
    """Replicates that follow a law, times a scale, plus the shift of the condition."""

    summaries: ClassVar = (*map(quantile, CHANCES), "median_abs_error")

    law: str = "normal"
    shifts: tuple[float, ...] = SHIFTS
    block: int = 1000
    target_value: float = 0.0
    scale: float = 1.0

    def conditions(self) -> list[dict[str, Any]]:
        return [{"shift": shift} for shift in self.shifts]

    def size(self, condition: Any) -> int:
        return self.block

    def target(self, condition: Any, key: Any) -> float:
        return self.target_value

    def simulate(self, condition: Any, rng: Any, size: int) -> dict[str, Any]:
        return {"x": condition["shift"] + self.scale * LAWS[self.law](rng, size)}


DRAWN: dict[float, list[np.ndarray]] = {}


@dataclass(frozen=True)
class Kept(Far):
    """The same, which keeps what it draws."""

    def simulate(self, condition: Any, rng: Any, size: int) -> dict[str, Any]:
        x = super().simulate(condition, rng, size)
        DRAWN.setdefault(condition["shift"], []).append(x["x"])
        return x


def run(study: Far, blocks: int, **options: Any) -> Any:
    n = blocks * study.block
    return bn.run(study, max_replicates=n, precision=None, progress=False, **options).table


def values(study: Far, place: int, blocks: int, seed: int = 0) -> Any:
    parts = [bn.run_block(study, condition=place, block=b, seed=seed)["x"] for b in range(blocks)]
    return np.sort(np.concatenate(parts))


@pytest.mark.parametrize(("block", "blocks"), [(1000, 64), (16, 512), (1, 2048)])
@pytest.mark.parametrize("law", LAWS)
def test_quantiles_far_from_the_origin_are_those_of_numpy(law: str, block: int, blocks: int) -> None:
    """NumPy reads the same values, so only their positions within a bin are left to chance.

    Many small blocks take long: each law has one or two shifts with blocks of 16, so that all laws together have all
    shifts, and one with blocks of 1, whose values have a bin each.

    A bin has at most an eighth of the values. Interpolation is off by less than a twentieth of the bin, which is 1/160
    of all ranks. The values in a bin scatter about a smooth curve: a rank varies by up to half the square root of the
    number of values in the bin. Five times this scatter is allowed. False alarm: below 1e-3 in all, at fixed seeds.
    Power: before bins were divided, quantiles of narrow values were the largest value.
    """
    own = list(LAWS).index(law)
    shifts = {1000: SHIFTS, 16: SHIFTS[own :: len(LAWS)], 1: SHIFTS[own : own + 1]}[block]
    DRAWN.clear()
    table = run(Kept(law, shifts, block), blocks, executor=1)
    for shift in shifts:
        x = np.sort(np.concatenate(DRAWN[shift]))
        assert x.size == blocks * block
        rows = table[table["shift"] == shift].set_index("measure" if "summary" not in table else "summary")
        for name, y in [(f"quantile({c:g})", x) for c in CHANCES] + [("median_abs_error", np.sort(np.abs(x)))]:
            chance = 0.5 if name == "median_abs_error" else float(name[9:-1])
            allowed = x.size / 160 + 2.5 * np.sqrt(x.size / 8)
            low, high = np.clip(np.array([-allowed, allowed]) + chance * x.size, 0, x.size - 1).astype(int)
            assert y[low] <= rows.value[name] <= y[high], (shift, name)
            error = np.sqrt(chance * (1 - chance) * x.size)
            low, high = (int(np.clip(chance * x.size + k * error, 0, x.size - 1)) for k in (-2, 2))
            width = (y[high] - y[low]) / 4
            assert 0.5 * width < rows.mcse[name] < 3 * width, (shift, name)


@pytest.mark.parametrize("scale", [0.25, 1e-3])
def test_median_absolute_errors_of_a_large_bias_have_an_error(scale: float) -> None:
    """The bias is 9000, the spread small. Power: the MCSE was 0, and the value was that of the largest replicate."""
    study = Far("normal", (10_000.0,), target_value=1000.0, scale=scale)
    row = run(study, 50).set_index("summary").loc["median_abs_error"]
    expected = np.median(values(study, 0, 50)) - 1000.0
    error = scale * np.sqrt(np.pi / 2 / 50_000)
    assert abs(row.value - expected) < 0.2 * error
    assert row.mcse == pytest.approx(error, rel=0.2)


def test_errors_of_quantiles_far_from_the_origin_are_the_scatter_over_seeds() -> None:
    """Over 100 seeds, the ratio of the variances has a relative standard deviation of 0.14.

    False alarm: below 1e-6 for both quantiles, by the chi-square law. Power: the error was 0 before bins were divided.
    """
    found = [run(Far(shifts=(1e3,), block=250), 8, seed=seed).set_index("summary") for seed in range(100)]
    for chance in (0.05, 0.5):
        row = [table.loc[f"quantile({chance:g})"] for table in found]
        scatter = np.var([r.value for r in row], ddof=1)
        assert 0.4 < scatter / np.mean([r.mcse**2 for r in row]) < 1.9


def test_lattices_far_from_the_origin_are_atoms_and_densities_are_none() -> None:
    rng = np.random.default_rng(1)
    x = 1e9 + rng.normal(size=1000)
    # n² / 2 times 2.3e-4 / sqrt(pi), or 65, pairs differ by less than 2^-42 of 1e9. Power: nearly all values have a
    # neighbor within 2^-36 of 1e9.
    assert atoms_of(x)[1].sum() <= 130
    lattice = 1e9 + rng.poisson(4.0, 1000)
    points, counts = np.unique(lattice, return_counts=True)
    np.testing.assert_array_equal(atoms_of(lattice)[0], points[counts >= 2])


def test_results_are_the_same_for_all_workers_stores_and_interruptions(tmp_path: Any) -> None:
    """Blocks of one replicate are included. Their bins are joined after some chapters."""
    for study, blocks in ((Far(shifts=(1e3, 1e6)), 70), (Far("cauchy", (1e3,), block=1), 2200)):
        alone = run(study, blocks, executor=1)
        store = tmp_path / f"{study.law}.sqlite"
        run(study, blocks // 3, store=store)
        again = run(study, blocks, store=store, executor=2)
        with ProcessPoolExecutor(2) as pool:
            elsewhere = run(study, blocks, executor=pool)
        for other in (again, elsewhere, run(study, blocks, store=store)):
            assert other.equals(alone)


def test_codes_and_edges_belong_together() -> None:
    rng = np.random.default_rng(2)
    x = np.sort(rng.normal(size=2000) * 10.0 ** rng.uniform(-30, 30, 2000))
    codes = codes_of(x)
    assert (np.diff(codes) >= 0).all()
    positive = x > 0
    assert (edges_of(codes[positive]) <= x[positive]).all()
    assert (x[positive] < edges_of(codes[positive] + 1)).all()
    assert (edges_of(codes[~positive]) < x[~positive]).all()
    assert (x[~positive] <= edges_of(codes[~positive] + 1)).all()
    np.testing.assert_array_equal(MIRROR - (2 * codes_of(-x) + 1), 2 * codes + 1)
    finest = edges_of(codes[positive] + 1) - edges_of(codes[positive])
    assert (finest <= 2.0**-35 * x[positive]).all()
    assert (finest > 2.0**-36 * x[positive]).all()


def test_bins_are_known_by_their_names() -> None:
    coarse = named(np.arange(BINS))
    np.testing.assert_array_equal(left_codes(coarse), np.arange(BINS) * WIDTH)
    np.testing.assert_array_equal(levels(coarse), 0)
    finest = 2 * codes_of(np.random.default_rng(3).normal(size=100)) + 1
    np.testing.assert_array_equal(levels(finest), LEVELS)
    for level in range(LEVELS + 1):
        parts = above(finest, level)
        np.testing.assert_array_equal(levels(parts), level)
        assert (left_codes(parts) <= left_codes(finest)).all()
        assert (left_codes(finest) < left_codes(parts) + widths(parts)).all()


def plainly_divided(values: np.ndarray, bins: Bins) -> Bins:
    """All values in bins of the finest level, joined where a bin above them is not crowded."""
    names, counts, low, high = (part.copy() for part in bins)
    crowded = counts > CROWDED[0] * values.size
    single = crowded & (low == high)
    names[single] = 2 * codes_of(low[single]) + 1
    crowded &= ~single
    x = np.sort(values[np.isin(codes_of(values) // WIDTH, names[crowded] // (2 * WIDTH))])
    parts = joined(gathered(2 * codes_of(x) + 1, np.ones(x.size, counts.dtype), x, x), values.size)
    kept = (part[~crowded] for part in (names, counts, low, high))
    return gathered(*(np.concatenate(both) for both in zip(kept, parts, strict=True)))


@pytest.mark.parametrize("kind", ["near", "far", "far below", "two clusters", "lattice", "any size", "equal"])
def test_divided_bins_are_those_of_plain_numpy(kind: str) -> None:
    """Names, counts, extremes and types, to the bit, of 60 blocks of 1 to 400 values."""
    rng = np.random.default_rng([5, *kind.encode()])
    for _ in range(60):
        n = int(rng.integers(1, 400))
        x, scale = rng.normal(size=n), 10.0 ** rng.integers(0, 12)
        x = {
            "near": x,
            "far": scale + x,
            "far below": -scale - x,
            "two clusters": np.where(rng.random(n) < 0.5, x, 1e6 + x),
            "lattice": np.round(1e3 + x, int(rng.integers(0, 4))),
            "any size": np.where(rng.random(n) < 0.3, np.inf, x * 10.0 ** rng.uniform(-150, 150, n)),
            "equal": np.full(n, x[0]),
        }[kind]
        coarse = gathered(named(codes_of(x) // WIDTH), np.ones(n, np.int32), x, x)
        expected, found = plainly_divided(x, coarse), divided(x.copy(), coarse)
        for one, other in zip(expected, found, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def test_joined_bins_count_the_same_values_in_any_order() -> None:
    """Joined bins have the count and the extremes of the values within their edges, at both thresholds."""
    rng = np.random.default_rng(4)
    x = np.concatenate([1e3 + rng.normal(size=3000), rng.standard_cauchy(3000)])
    coarse = gathered(named(codes_of(x) // WIDTH), np.ones(x.size, np.int32), x, x)
    parts = divided(x, coarse)
    assert parts[1].sum() == x.size
    assert levels(parts[0]).max() > 1
    for crowded in (0.1, 0.5):
        fewer = joined(parts, x.size, np.full(LEVELS, crowded))
        for name, count, low, high in zip(*fewer, strict=True):
            inside = (left_codes(name) <= codes_of(x)) & (codes_of(x) < left_codes(name) + widths(name))
            assert (count, low, high) == (inside.sum(), x[inside].min(), x[inside].max())


def test_a_bin_that_some_blocks_have_divided_has_the_shape_that_they_show() -> None:
    """Two thirds of the values are in parts at first. Then less than a tenth is: too little to show the shape."""
    whole = named(np.array([3000]))
    parts = above(whole - WIDTH + 2 * np.arange(2) * (WIDTH >> 4) + 1, 1)
    names = np.append(parts, whole)
    names.sort()
    counts = np.where(names == whole, 30, np.where(names == parts[0], 20, 40))
    got = disjoint((names, counts, names * 1.0, names * 1.0))
    np.testing.assert_array_equal(got[0], parts)
    np.testing.assert_allclose(got[1], [30, 60])
    got = disjoint((names, np.where(names == whole, 900, counts), names * 1.0, names * 1.0))
    np.testing.assert_array_equal(got[0], whole)
    assert got[1].tolist() == [960]

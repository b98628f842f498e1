"""What is left of a label, and what a normalized value means, against theory and against rules that are wrong.

z statistics are held against the normal quantile at 1e-8 / (number of conditions), in each of 8 tests: false alarms in
less than one run in 10 million. Power: each wrong claim lies at least 5 standard errors beyond the bound.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import bnstats as bn
from bnstats.sampling.populations import Population
from bnstats.statistics.normalized import normalized
from bnstats.studies.information.bayes_classifier import exact_information, rule_for
from bnstats.studies.information.class_given_normalized import normal_beliefs
from bnstats.studies.information.classes import class_index, class_probabilities

FALSE_ALARM = 1e-8


def judge(z: np.ndarray, wrong: np.ndarray) -> None:
    bound = stats.norm.isf(FALSE_ALARM / 2 / len(z))
    assert np.abs(z).max() < bound
    assert np.abs(wrong).min() > bound + 5


def test_normalized_values() -> None:
    x = np.random.default_rng(0).normal(1e8, 1.0, (50, 7))
    z, mean, std = normalized(x)
    np.testing.assert_allclose(z.mean(axis=1), 0, atol=1e-14)
    np.testing.assert_allclose(z.std(axis=1), 1)
    np.testing.assert_allclose(mean + std * z, x, rtol=1e-15)
    np.testing.assert_array_equal(normalized(np.full((1, 3), 0.1))[0], 0)
    np.testing.assert_array_equal(np.abs(normalized(x[:, :2])[0]), 1)


@pytest.mark.parametrize("cuts", [(0.0,), (-1.0, 0.0, 1.0), (-0.3, 2.0), (-1.5, -0.5, 0.5, 1.5)])
def test_exact_information_against_simulation_that_shares_no_code(cuts: tuple[float, ...]) -> None:
    """The share of labels told by frequencies in 200 intervals of z.

    Wrong: the accuracy in batches of twice the size.
    """
    rng = np.random.default_rng(7)
    for n in (2, 3, 8):
        x = rng.normal(size=(200_000, n))
        z = np.round((x[:, 0] - x.mean(axis=1)) / x.std(axis=1), 7)  # of two, rounding errors tell the size
        label = np.digitize(x[:, 0], cuts)
        edges = np.unique(np.quantile(z, np.linspace(0, 1, 201)[1:-1]))
        place = np.digitize(z, edges)
        half = len(z) // 2
        counts = np.zeros((len(edges) + 1, len(cuts) + 1))
        np.add.at(counts, (place[:half], label[:half]), 1)
        told = counts.argmax(axis=1)[place[half:]] == label[half:]
        error = told.std() / np.sqrt(half)
        exact, twice = (exact_information("normal", cuts, m)[0] for m in (n, 2 * n))
        # A rule learned from 100000 values in 200 intervals is short of the best by 0.002 at the most.
        above, below = told.mean() - exact, exact - told.mean() - 0.002
        assert max(above, below) / error < stats.norm.isf(FALSE_ALARM / 6)
        assert (twice - told.mean() - 0.002) / error > 11


def test_two_members_tell_which_is_larger() -> None:
    """P(x > 0 | x is the larger) = 3/4, in closed form; bits 1 - H(3/4)."""
    accuracy, bits = exact_information("normal", [0.0], 2)
    assert accuracy == pytest.approx(0.75, abs=1e-9)
    assert bits == pytest.approx(1 - stats.entropy([0.75, 0.25], base=2), abs=1e-9)


@pytest.mark.parametrize("n", [3, 5, 16])  # SciPy loses the noncentral t for larger ones
def test_posterior_is_a_tail_of_the_noncentral_t(n: int) -> None:
    """P(x < c | z) = P(T > z sqrt(n - 1)), T noncentral t with n - 1 degrees of freedom and noncentrality c sqrt(n)."""
    population, cut = bn.Population.of("normal"), 0.7
    rule = rule_for(population, (cut,), n, 0)
    z, _, belief = normal_beliefs((cut,), n)
    some = slice(500, -500, 501)
    tail = 1 - stats.nct.cdf(z[some] * np.sqrt(n - 1), n - 1, cut * np.sqrt(n))
    np.testing.assert_allclose(belief[some, 0], tail, atol=1e-8)
    np.testing.assert_array_equal(rule(z[some]), belief[some])
    forgets_the_batch = stats.norm.cdf((cut - z[some]) * np.sqrt(n))
    assert np.abs(forgets_the_batch - tail).max() > 0.04


@pytest.mark.parametrize("n", [3, 4, 10])
def test_law_of_a_normalized_member(n: int) -> None:
    """Thompson's law: z² / (n - 1) is Beta(1/2, (n - 2)/2), so that E max(...) can be integrated independently."""
    accuracy, _ = exact_information("normal", [0.0], n)

    def weighted(share: float) -> float:  # by symmetry, of z > 0
        z = np.sqrt((n - 1) * share)
        return stats.nct.cdf(z * np.sqrt(n - 1), n - 1, 0.0) * stats.beta.pdf(share, 0.5, (n - 2) / 2)

    independent = integrate.quad(weighted, 0, 1, limit=500)[0]
    assert accuracy == pytest.approx(independent, abs=1e-4)


def test_measured_information_agrees_with_theory() -> None:
    sizes = [2, 3, 8, 64, 512]
    right, wrong = [], []
    for cuts in ([0.0], [-1.0, 0.0, 1.0]):
        table = bn.measure_information(stats.norm(5, 2), labels=[5 + 2 * c for c in cuts], batch_sizes=sizes).table
        assert table["exact"].notna().all()
        right.append((table["value"] - table["exact"]) / table["mcse"])
        fewer = [exact_information("normal", cuts, max(2, n // 2))[i] for n in sizes for i in (0, 1)]
        apart = np.array([n == 8 for n in sizes for _ in (0, 1)])
        wrong.append(((table["value"] - fewer) / table["mcse"])[apart])
    judge(np.concatenate(right), np.concatenate(wrong))


def test_a_posterior_that_forgets_the_batch_says_less() -> None:
    """Bits by the posterior Phi((c - z) sqrt(n)), as if s were sigma, fall short of the exact ones."""
    rng, cuts, n = np.random.default_rng(3), np.array([-1.0, 0.5]), 3
    x = rng.normal(size=(200_000, n))
    z = np.round(normalized(x)[0][:, 0], 7)
    label = np.digitize(x[:, 0], cuts)
    below = stats.norm.cdf((cuts - z[:, None]) * np.sqrt(n))
    belief = np.clip(np.diff(below, axis=1, prepend=0, append=1), 1e-12, 1)
    prior = np.diff(stats.norm.cdf([-np.inf, *cuts, np.inf]))
    exact = rule_for(bn.Population.of("normal"), tuple(cuts), n, 0)(z)
    every = np.arange(len(z))
    bits = {"exact": np.log2((exact / prior)[every, label]), "forgets": np.log2((belief / prior)[every, label])}
    claim = exact_information("normal", cuts, n)[1]
    judge(*(np.array([(b.mean() - claim) / (b.std() / np.sqrt(b.size))]) for b in bits.values()))


def test_bits_of_a_rare_class_are_not_trusted_before_it_is_seen() -> None:
    """A rule. Its premise: 2^11 batches hold a class of 3e-5 with a chance of 6 %, and it has 0.0004 of 0.0005 bits."""
    given = {"labels": [4.0], "batch_sizes": 1024, "precision": None}
    table = bn.measure_information("normal", max_replicates=2**11, **given).table.set_index("measure")
    assert table.loc["bits", "mcse"] == np.inf
    seen = bn.measure_information("normal", **(given | {"labels": [3.0], "batch_sizes": 8, "precision": 0.05})).table
    assert (seen["precision_reached"] & (seen["replicates"] > 100 / stats.norm.sf(3.0))).tolist()[1]
    common = bn.measure_information("normal", max_replicates=2**11, **(given | {"labels": [0.0]})).table
    assert np.isfinite(common["mcse"]).all()


def test_results_do_not_depend_on_the_workers() -> None:
    """With the exact rule and with a learned one, for threads and processes."""
    given = {"labels": [0.5, 1.0], "batch_sizes": [2, 8], "precision": 0.05}
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        for population in ("normal", "exponential"):
            one = bn.measure_information(population, executor=1, **given).table
            assert one.equals(bn.measure_information(population, executor=2, **given).table)
            assert one.equals(bn.measure_information(population, executor=pool, **given).table)


def test_information_grows_with_the_batch_up_to_all_of_it() -> None:
    known = [exact_information("normal", [-1.0, 0.5], n) for n in (2, 3, 4, 8, 32, 256, 4096, 65536)]
    accuracy, bits = np.transpose(known)
    assert (np.diff(accuracy) > 0).all()
    assert (np.diff(bits) > 0).all()
    entropy = stats.entropy(np.diff(stats.norm.cdf([-np.inf, -1.0, 0.5, np.inf])), base=2)
    assert bits[-1] < entropy
    assert entropy - bits[-1] < 0.02
    assert accuracy[-1] > 0.995


def test_a_learned_rule_comes_near_the_exact_one() -> None:
    """An array of fine normal quantiles has no exact rule, and is told as well to 0.001, besides Monte Carlo error."""
    values = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    table = bn.measure_information(values, labels=[-1.0, 0.0, 1.0], batch_sizes=[2, 8, 64], precision=0.005).table
    assert table["exact"].isna().all()
    exact = [exact_information("normal", [-1.0, 0.0, 1.0], n)[i] for n in (2, 8, 64) for i in (0, 1)]
    short = exact - table["value"]
    assert (short < 0.001 + 6.5 * table["mcse"]).all()
    assert (short > -0.001 - 6.5 * table["mcse"]).all()  # 20000 values are not quite the normal law


def test_labels_may_be_a_function_and_a_store_serves_more_sizes(tmp_path) -> None:
    def outside(x: np.ndarray) -> np.ndarray:
        return (np.abs(x) > 1).astype(int)

    store = tmp_path / "store.sqlite"
    first = bn.measure_information("normal", labels=outside, batch_sizes=[4], store=store)
    both = bn.measure_information("normal", labels=outside, batch_sizes=[4, 9], store=store, executor=1)
    assert both.table.iloc[:2].equals(first.table)
    assert first.guess == pytest.approx(stats.norm.cdf(1) - stats.norm.cdf(-1), abs=1e-4)


@pytest.mark.parametrize("z", [0.0, 1.0])
def test_raw_value_behind_a_normalized_one(z: float) -> None:
    """Wrong: for z = 0 the spread sigma / sqrt(n - 1), for z = 1 a shift of a whole sigma."""
    sizes = [3, 8, 64]
    table = bn.measure_raw_given_normalized(stats.norm(70, 10), z, batch_sizes=sizes).table
    right = (table["value"] - table["exact"]) / table["mcse"]
    chosen = table[table["measure"] == ("raw_mean" if z else "raw_sd")]
    claim = 80 if z else 10 / np.sqrt(np.array(sizes) - 1)
    wrong = ((chosen["value"] - claim) / chosen["mcse"])[:2]
    judge(right, wrong)


@pytest.mark.parametrize(("population", "mean", "second"), [("normal", -(np.pi**-0.5), 1.0), ("exponential", 0.5, 0.5)])
def test_the_smaller_of_two_is_minus_one(population: str, mean: float, second: float) -> None:
    """E[min] of two normal values is -1/sqrt(pi), E[min²] is 1; the smaller of two exponential ones has mean 1/2.

    Four numbers within 6.5 standard errors of at most 0.003: a false alarm once in 3 billion runs, and a mean that is
    wrong by 0.04 (z formed with ddof 1 is wrong by 0.16) is missed less than once in a billion.
    """
    found = bn.measure_raw_given_normalized(population, -1.0, batch_sizes=2, precision=0.002).table.set_index("measure")
    claim = pd.Series({"raw_mean": mean, "raw_sd": np.sqrt(second - mean**2)})
    assert (abs(found["value"] - claim) < 6.5 * found["mcse"]).all()
    assert (found["mcse"] < 0.003).all()
    assert np.allclose(found["exact"], claim, equal_nan=True) == (population == "normal")


def test_raw_value_behind_by_acceptance_agrees_with_the_exact_law() -> None:
    """An array of fine normal quantiles, of which batches with |z| < 0.05 are taken; the window adds below 0.2 %."""
    values = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    table = bn.measure_raw_given_normalized(values, 0.0, batch_sizes=[8, 32], width=0.05).table
    spread = table[table["measure"] == "raw_sd"]
    assert (abs(spread["value"] - 1 / np.sqrt([8, 32])) < 0.004 / np.sqrt([8, 32]) + 6.5 * spread["mcse"]).all()


def test_batches_count_as_often_as_members_of_them_fit() -> None:
    """Exponential, n = 4, z = 1: as when one given member has to fit, by plain rejection; 6.5 standard errors of both.

    Power: to take each batch in which any member fits once gives another mean.
    """
    row = bn.measure_raw_given_normalized("exponential", 1.0, batch_sizes=4, precision=0.002).table.iloc[0]
    x = np.random.default_rng(11).standard_exponential((2_000_000, 4))
    mean, std = x.mean(axis=1), x.std(axis=1)
    fits = np.abs((x - mean[:, None]) / std[:, None] - 1.0) <= 0.1
    for chosen, right in ((fits[:, 0], True), (fits.any(axis=1), False)):
        raw = (mean + std)[chosen]
        z = abs(row["value"] - raw.mean()) / np.hypot(row["mcse"], raw.std() / np.sqrt(raw.size))
        assert (z < 6.5) == right


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bn.measure_information("normal", labels=[1.0, 0.0]), "increasing finite cuts"),
        (lambda: bn.measure_information("normal", labels=[]), "increasing finite cuts"),
        (lambda: bn.measure_information("uniform", labels=[2.0]), "one class only"),
        (lambda: bn.measure_information("normal", labels=[0.0], batch_sizes=[1]), "at least 2"),
        (lambda: bn.measure_information(stats.t(1.5), labels=[0.0]), "finite variance"),
        (lambda: bn.measure_information("normal", labels=lambda x: x), "whole numbers of the same shape"),
        (lambda: bn.measure_information("normal", labels="abc"), "increasing finite cuts, or a function; got 'abc'"),
        (
            lambda: bn.measure_information("normal", labels=[False, True]),
            r"increasing finite cuts.* got \[False, True\]",
        ),
        (lambda: bn.measure_information("normal", labels=[0.0], batch_sizes=None), "of at least 2; got None"),
        (lambda: bn.measure_raw_given_normalized("normal", "0"), "z is a normalized value, finite; got '0'"),
        (lambda: bn.measure_raw_given_normalized("normal", 3.0, batch_sizes=[4]), r"\|z\| is below"),
        (lambda: bn.measure_raw_given_normalized("normal", 0.0, batch_sizes=[2]), "exactly 1 in batches of 2"),
        (lambda: bn.measure_raw_given_normalized("uniform", 0.0, width=0.0), "above 0"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_class_that_is_too_rare_to_have_a_share_is_named():
    """It would be counted as its neighbor."""
    classes = np.array([0, 2, 5])
    np.testing.assert_array_equal(class_index(classes, np.array([5, 0, 2, 2])), [2, 0, 1, 1])
    for rare in (1, 3, 7, -4):
        with pytest.raises(ValueError, match=f"labels gave {rare}, a class rarer than 1 in 65536"):
            class_index(classes, np.array([0, rare, 2]))


def test_a_value_on_a_cut_belongs_to_the_class_above():
    """Of a law with atoms, too: P(x < 1) of a Bernoulli(0.1) value is 0.9."""
    classes, share = class_probabilities(Population.of("bernoulli"), (1.0,))
    assert classes.tolist() == [0, 1]
    np.testing.assert_allclose(share, [0.9, 0.1])


@pytest.mark.parametrize("z", [Fraction(1, 3), np.float32(0.5), np.array(0.5), 0])
def test_a_normalized_value_may_be_a_number_of_any_type(z):
    assert (
        len(bn.measure_raw_given_normalized("normal", z, batch_sizes=[4], max_replicates=64, precision=None).table) == 2
    )
    with pytest.raises(ValueError, match="z is a normalized value, finite"):
        bn.measure_raw_given_normalized("normal", 10**400, batch_sizes=[4])

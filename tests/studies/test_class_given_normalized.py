"""Classes given normalized values: simulated batches, all batches of letters and of whole grades.

Bounds of simulated proportions are five standard errors, exceeded by chance in less than one of a million runs. Wrong
formulas are rejected.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

import bnstats as bn

GRADES, CUTS = stats.norm(72, 10), (60.0, 70.0, 80.0, 90.0)


def drawn(n: int, batches: int) -> tuple[np.ndarray, np.ndarray]:
    """Normalized values and letters of simulated batches."""
    x = np.random.default_rng(n).normal(72, 10, size=(batches, n))
    z = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    return z[:, 0], np.searchsorted(CUTS, x[:, 0], side="right")


@pytest.mark.parametrize(("n", "z"), [(3, 0.0), (3, 1.0), (8, 0.0), (8, -1.2)])
def test_chances_are_those_of_simulated_batches(n: int, z: float) -> None:
    """Wrong: without the factor sqrt(n), and with the spread that a batch has on average."""
    found, letter = drawn(n, 1_500_000)
    near = letter[abs(found - z) < 0.02]
    share = np.bincount(near, minlength=5) / near.size
    exact = bn.theory.class_given_normalized(GRADES, CUTS, z, n)
    bound = 5 * np.sqrt(exact * (1 - exact) / near.size) + 1e-3
    assert (abs(share - exact) < bound).all()
    alone = np.diff(stats.norm(72 + 10 * z, 10).cdf([-np.inf, *CUTS, np.inf]))
    assert (abs(share - alone) > bound).any()
    if z:
        spread = 10 * np.sqrt((n - 1) / n)
        mean_spread = np.diff(stats.norm(72 + spread * z, 10 / np.sqrt(n)).cdf([-np.inf, *CUTS, np.inf]))
        assert (abs(share - mean_spread) > bound).any()


@pytest.mark.parametrize("n", [3, 8])
def test_the_floor_is_the_entropy_in_narrow_intervals_of_simulated_values(n: int) -> None:
    """Wrong: the entropy of letters alone, and bits."""
    z, letter = drawn(n, 1_500_000)
    place = np.searchsorted(np.quantile(z, np.arange(1, 100) / 100), z)
    counts = np.bincount(place * 5 + letter, minlength=500).reshape(100, 5)
    entropy = float((stats.entropy(counts, axis=1) * counts.sum(axis=1)).sum() / z.size)
    exact = bn.theory.entropy_given_normalized(GRADES, CUTS, n)
    assert entropy == pytest.approx(exact, abs=4e-3)
    assert entropy != pytest.approx(exact / np.log(2), abs=0.1)
    alone = stats.entropy(np.diff(GRADES.cdf([-np.inf, *CUTS, np.inf])))
    assert entropy != pytest.approx(alone, abs=0.1)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_one_letter_in_a_batch_is_as_likely_as_all_such_batches_together(n: int) -> None:
    chance = np.diff(GRADES.cdf([-np.inf, *CUTS, np.inf]))
    batches = (np.prod(chance[list(batch)]) for batch in product(range(5), repeat=n) if len(set(batch)) == 1)
    assert bn.theory.same_class_probability(GRADES, CUTS, n) == pytest.approx(sum(batches), rel=1e-9)


def test_one_whole_grade_in_a_batch() -> None:
    """1 in 35, 1,090 and 1.8e10, from all pairs and triples of rounded grades."""
    halves = np.arange(-0.5, 160)
    chance = np.diff(GRADES.cdf([-np.inf, *halves[1:], np.inf]))
    pairs = (np.outer(chance, chance) * np.eye(chance.size)).sum()
    given = [bn.theory.same_class_probability(GRADES, halves[1:], n) for n in (2, 3, 8)]
    assert given[0] == pytest.approx(pairs, rel=1e-9)
    assert [round(1 / given[0]), round(1 / given[1], -1)] == [35, 1090]
    assert f"{1 / given[2]:.1e}" == "1.8e+10"


def test_what_has_no_exact_value_is_nan() -> None:
    assert np.isnan(bn.theory.class_given_normalized("exponential", [1.0], 0.0, 3)).all()
    assert np.isnan(bn.theory.class_given_normalized("normal", [1.0], 2.0, 3)).all()
    assert np.isnan(bn.theory.entropy_given_normalized("exponential", [1.0], 3))
    with pytest.raises(ValueError, match="cuts are increasing finite cuts; got"):
        bn.theory.class_given_normalized("normal", [2.0, 1.0], 0.0, 3)

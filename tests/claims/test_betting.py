"""The confidence sequence by betting: its coverage at all looks, its width, and a wrong one that is found out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bnstats.claims import betting

DATA = Path(__file__).resolve().parent.parent / "data"

LAWS = {
    "coin": lambda rng, n: (rng.random(n) < 0.1).astype(float),
    "beta": lambda rng, n: rng.beta(8, 2, size=n),
    "constant": lambda _, n: np.full(n, 0.3),
}
MEANS = {"coin": 0.1, "beta": 0.8, "constant": 0.3}


def missed(law: str, error: float, sequences: int, wrong: float = 1.0) -> int:
    """Sequences whose interval ever misses the mean, over looks at 10, 20, 40, ... 640 values.

    A wrong formula demands a capital of `wrong` times what it should.
    """
    rng, count = np.random.default_rng(1), 0
    for _ in range(sequences):
        x = LAWS[law](rng, 640)
        intervals = (betting.interval(x[: 10 * 2**k], min(error * wrong, 1.999)) for k in range(7))
        count += any(not low <= MEANS[law] <= high for low, high in intervals)
    return count


@pytest.mark.parametrize("law", LAWS)
def test_misses_no_more_often_than_said_at_all_looks(law):
    # 300 sequences at an error of 0.1: more than 52 misses have a chance below 1e-4 if the error is right.
    max_replicates = int(stats.binom.isf(1e-4, 300, 0.1))
    assert missed(law, 0.1, 300) <= max_replicates


def test_a_wrong_threshold_is_found_out():
    # An error of 1.9 where 0.1 is claimed: capital is compared with about 1. Power: above 0.999, as most miss.
    assert missed("coin", 0.1, 300, wrong=19.0) > int(stats.binom.isf(1e-4, 300, 0.1))


def test_capital_is_fair_under_the_mean():
    # E K = 1: the mean of 20000 capitals of ten steps, within five of their standard errors (false alarm 6e-7).
    rng = np.random.default_rng(2)
    capital = []
    for _ in range(20_000):
        x = LAWS["beta"](rng, 10)
        capital.append(np.exp(betting.log_capital(x, np.full(10, 0.5), 0.8)))
    error = np.std(capital) / np.sqrt(len(capital))
    assert abs(np.mean(capital) - 1) < 5 * error
    assert abs(np.mean(capital) - 1.02) > 5 * error or error > 0.004  # a bias of 2 % would be seen


def test_narrower_than_hoeffding_where_values_hardly_vary():
    x = np.random.default_rng(3).normal(0.95, 0.01, size=500).clip(0, 1)
    low, high = betting.interval(x, 1e-5)
    assert high - low < np.sqrt(np.log(2 / 1e-5) / (2 * 500))
    assert low < 0.95 < high


def test_stakes_look_at_earlier_values_only():
    x = np.random.default_rng(4).random(50)
    other = x.copy()
    other[30:] = 0.0
    assert np.array_equal(betting.stakes_of(x, 0.01)[:31], betting.stakes_of(other, 0.01)[:31])


def test_as_the_authors_own_package():
    """Intervals of `confseq` at four looks, to within a step of its grid; other stakes give others."""
    reference = json.loads((DATA / "betting_reference.json").read_text())
    x, error = np.array(reference["x"]), reference["error"]
    own = [betting.interval(x[:n], error) for n in reference["looks"]]
    assert np.allclose(own, reference["intervals"], atol=1 / 8000, rtol=0)
    wrong = [betting.interval(x[:n], 2 * error) for n in reference["looks"]]
    assert not np.allclose(wrong, reference["intervals"], atol=1 / 8000, rtol=0)

"""Intervals of paired gains: how often they hold where gains are skewed, and what is called material by chance.

Real scores and gains are those of 3800 images that neither training nor recalibration saw, from which samples are drawn
with replacement, so that their mean is known. 2000 replicates each; coverage of .95 has a standard error of .005. The
seed is fixed and was not chosen.
"""

from typing import Any

import numpy as np
import pytest
from scipy import stats

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

from audited_networks import loader, split, unseen
from broken_models import stored
from torch import nn

import bnstats as bn
from bnstats.audit.between import class_mix, row_mean_f
from bnstats.audit.scores import Estimate, divergence, estimate

REPLICATES = 2000


def draws(rows: int, shape: float) -> np.ndarray:
    """Skewed gains with a mean of exactly exp(shape²/2) - 1: shifted log-normal values."""
    return np.random.default_rng(0).lognormal(sigma=shape, size=(REPLICATES, rows)) - 1


def coverage(rows: int, shape: float) -> tuple[float, float]:
    """How often the interval, and how often Student's, holds the mean."""
    truth = np.exp(shape**2 / 2) - 1
    x = draws(rows, shape)
    held = np.mean([e.low <= truth <= e.high for e in map(estimate, x)])
    half = stats.t.ppf(0.975, rows - 1) * x.std(axis=1, ddof=1) / rows**0.5
    return float(held), float(np.mean(np.abs(x.mean(axis=1) - truth) <= half))


def hall(x: np.ndarray) -> tuple[float, float]:
    """The interval that is corrected for skewness alone."""
    n, mean, sd = len(x), x.mean(), x.std(ddof=1)
    skewness = np.mean((x - mean) ** 3) / sd**3 / n**0.5
    t = 3 / skewness * (np.cbrt(1 + skewness * (stats.t.ppf([0.975, 0.025], n - 1) - skewness / 6)) - 1)
    low, high = mean - sd / n**0.5 * t
    return float(low), float(high)


@pytest.fixture(scope="module", params=["healthy", "averaged"])
def real(request: pytest.FixtureRequest) -> tuple[str, np.ndarray, np.ndarray]:
    """Negative log likelihoods of new images, and what recalibration brings."""
    x, y = unseen(0, "mnist")
    model = stored("convolutional", request.param, "mnist")

    def nll(model: Any) -> Any:
        with torch.no_grad():
            return nn.functional.cross_entropy(model(x).double(), y, reduction="none").numpy()

    before = nll(model)
    return request.param, before, before - nll(bn.recalibrate(model, loader(split(0, "mnist")[0])))


@pytest.mark.parametrize("rows", [100, 500])
def test_intervals_of_real_scores_and_gains_hold(real: Any, rows: int) -> None:
    """In .94 to .98. Of 100 rows of a healthy model, Student's of the score and Hall's of the gain hold in .83, .86."""
    name, *values = real
    for x, shorter in zip(values, ("student", "hall"), strict=True):
        samples = x[np.random.default_rng(0).integers(len(x), size=(REPLICATES, rows))]
        assert 0.94 <= np.mean([e.low <= x.mean() <= e.high for e in map(estimate, samples)]) <= 0.98
        if name == "healthy" and rows == 100:
            half = stats.t.ppf(0.975, rows - 1) * samples.std(axis=1, ddof=1) / rows**0.5
            student = np.stack([samples.mean(axis=1) - half, samples.mean(axis=1) + half], axis=1)
            low, high = (student if shorter == "student" else np.array([hall(sample) for sample in samples])).T
            assert np.mean((low <= x.mean()) & (x.mean() <= high)) < 0.88


@pytest.mark.parametrize(("rows", "shape"), [(100, 1.0), (100, 1.5), (500, 1.5), (500, 2.0)])
def test_intervals_of_skewed_gains_hold_nearly_as_often_as_they_say(rows: int, shape: float) -> None:
    """At least .90 of the time, where Student's interval holds .83 to .93 of the time."""
    held, student = coverage(rows, shape)
    assert 0.90 <= held <= 0.97
    assert held > student


def test_intervals_of_normal_gains_hold() -> None:
    """Five standard errors of the coverage are allowed: false alarms 6e-7; 1.7 standard errors would fail."""
    x = np.random.default_rng(0).normal(1, 2, size=(REPLICATES, 40))
    found = [estimate(rows) for rows in x]
    assert abs(np.mean([e.low <= 1 <= e.high for e in found]) - 0.95) < 5 * 0.005
    narrow = [abs(e.value - 1) < 1.7 * e.se for e in found]
    assert abs(np.mean(narrow) - 0.95) > 5 * 0.005


def test_chance_is_rarely_material() -> None:
    """Gains without a mean: paired t of at least 3.3 in less than 2 of 1000 cases, where 95 % intervals call 25."""
    x = draws(300, 1.0) - (np.exp(0.5) - 1)
    found = [estimate(rows) for rows in x]
    assert np.mean([e.material(0.0) for e in found]) < 0.002
    assert not Estimate(0.005, 0.0001, 0.0048, 0.0052).material(0.01)
    assert Estimate(0.05, 0.01, 0.03, 0.07).material(0.01)


def test_divergence_of_logits_is_that_of_kullback_and_leibler() -> None:
    rng = np.random.default_rng(0)
    output, reference = rng.normal(size=(2, 50, 4))
    found, changed = divergence(output, reference)
    p, q = (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in (reference, output))
    assert np.allclose(found, stats.entropy(p, q, axis=1))
    assert np.array_equal(changed, p.argmax(axis=1) != q.argmax(axis=1))


def test_random_batches_do_not_differ_and_grouped_ones_do() -> None:
    """Over 300 sets of random batches: both ratios are 1 within five standard errors; p below .05 in .05 of
    them (five standard errors, .063). With a tenth of each batch of one class, nearly all p-values are below .05.
    """
    rng = np.random.default_rng(0)
    mixes, fs = [], []
    for _ in range(300):
        labels = rng.integers(10, size=(37, 32))
        mixes.append(class_mix(list(labels)))
        fs.append(row_mean_f(list(rng.normal(size=(20, 8, 3))), seed=int(rng.integers(1000))))
    for found in (mixes, fs):
        ratios = np.array([b.ratio for b in found])
        assert abs(ratios.mean() - 1) < 5 * ratios.std() / 300**0.5
        assert abs(np.mean([b.p < 0.05 for b in found]) - 0.05) < 0.063
    shared = []
    for _ in range(20):
        labels = rng.integers(10, size=(37, 32))
        labels[:, :6] = rng.integers(10, size=(37, 1))
        shared.append(class_mix(list(labels)).p)
    assert np.mean(np.array(shared) < 0.05) > 0.9

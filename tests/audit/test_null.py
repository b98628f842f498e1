"""Standard errors and p-values of running statistics where nothing is wrong, and what they detect.

200 models whose weights stand still while statistics are updated: three layers of 4, 16 and 12 channels, the channels
strongly dependent. False alarms: each assertion on them has a rate of 1e-4 (normal approximation over 200 independent
models), ten of them in all. Power: the wrong formulas in `test_wrong_formulas_are_rejected` fail the same assertion.
Seeds are the models' numbers.
"""

from dataclasses import replace
from functools import cache
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

from torch import nn

from bnstats.audit.null import Comparison, compare, epoch_variance, update_weights
from bnstats.audit.tables import depth_trend
from bnstats.audit.untouched import untouched
from bnstats.audit.watch import Runner

MODELS, STEPS, K, ROWS, FALSE_ALARMS = 200, 60, 100, 8, 1e-4


def network() -> nn.Module:
    return nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(),
        nn.Linear(16, 12), nn.BatchNorm1d(12),
    )  # fmt: skip


@cache
def comparisons() -> list[list[Comparison]]:
    """Of each layer of each model."""
    torch.set_num_threads(1)
    made = []
    for seed in range(MODELS):
        torch.manual_seed(seed)
        model = network()
        with torch.no_grad():
            for _ in range(STEPS):
                model(torch.randn(ROWS, 3))
        batches = [torch.randn(ROWS, 3) for _ in range(K)]
        with untouched(model, [], seed):
            runner = Runner(model, None, batches[0], torch.device("cpu"))
            watched = runner.watch(batches, training=True)
        made.append([compare(layer, watched[layer.name], seed) for layer in runner.layers])
    return made


def within(values: Any, expected: float) -> bool:
    """Whether a mean over models is as expected."""
    values = np.asarray(values)
    return bool(
        abs(values.mean() - expected) < stats.norm.isf(FALSE_ALARMS / 2) * values.std(ddof=1) / len(values) ** 0.5
    )


def mean_squares(statistic: int) -> Any:
    """Mean z² of each model, over its channels."""
    return [np.mean(np.concatenate([c.z[statistic] for c in model]) ** 2) for model in comparisons()]


@pytest.mark.parametrize("statistic", [0, 1], ids=["mean", "variance"])
def test_z_has_the_variance_of_students_t(statistic: int) -> None:
    assert within(mean_squares(statistic), (K - 1) / (K - 3))


@pytest.mark.parametrize("statistic", [0, 1], ids=["mean", "variance"])
@pytest.mark.parametrize(
    "wrong",
    [0.1 + 1 / K, 0.1 / 1.9, 2 * (0.1 / 1.9 + 1 / K)],
    ids=["momentum instead of its plateau", "batches taken as exact", "variance doubled"],
)
def test_wrong_formulas_are_rejected(statistic: int, wrong: float) -> None:
    right = 0.1 / 1.9 + 1 / K
    assert not within(np.array(mean_squares(statistic)) * right / wrong, (K - 1) / (K - 3))


def test_p_values_of_layers_are_uniform() -> None:
    """And they reject about .05 at .05; with the resamples' z² a third too small, the last layer rejects too often."""
    p = np.array([[c.p for c in model] for model in comparisons()])
    assert all(stats.kstest(p[:, layer], "uniform").pvalue > FALSE_ALARMS for layer in range(3))
    rejected = (p < 0.05).sum(axis=0)
    assert all(stats.binomtest(int(count), MODELS, 0.05).pvalue > FALSE_ALARMS for count in rejected)
    wrong = sum(np.mean(model[2].resampled >= 1.5 * model[2].rms ** 2) < 0.05 for model in comparisons())
    assert stats.binomtest(int(wrong), MODELS, 0.05).pvalue < FALSE_ALARMS


def depth(model: list[Comparison], factors: Any = (1.0, 1.0, 1.0)) -> float:
    """How often chance makes z grow with depth by more than in a model, whose z are multiplied by factors."""
    compared = {str(place): replace(c, rms=c.rms * f) for place, (c, f) in enumerate(zip(model, factors, strict=True))}
    watched = {name: SimpleNamespace(batch=range(K)) for name in compared}
    case: Any = SimpleNamespace(live=list(compared), compared=compared, watched=watched)
    return depth_trend(case)["p"]


def test_growth_with_depth_is_judged_by_chance() -> None:
    """p is uniform where nothing grows; where z doubles from layer to layer, it is below .05 in nearly all models."""
    assert stats.kstest([depth(model) for model in comparisons()], "uniform").pvalue > FALSE_ALARMS
    assert np.mean([depth(model, (1.0, 2.0, 4.0)) < 0.05 for model in comparisons()]) > 0.9


def test_a_shift_of_four_standard_errors_in_one_layer_is_noticed() -> None:
    """All channels of a layer off by 4 standard errors: p is at its smallest, 1/1000, in nearly all models."""
    found = []
    for seed in range(10):
        torch.manual_seed(seed)
        model = network()
        with torch.no_grad():
            for _ in range(STEPS):
                model(torch.randn(ROWS, 3))
            model[4].running_mean += 4 * 0.35 * (0.1 / 1.9) ** 0.5 * model[4].running_var.sqrt()
        batches = [torch.randn(ROWS, 3) for _ in range(K)]
        with untouched(model, [], seed):
            runner = Runner(model, None, batches[0], torch.device("cpu"))
            watched = runner.watch(batches, training=True)
        found.append([compare(layer, watched[layer.name], seed).p for layer in runner.layers])
    assert np.median(np.array(found)[:, 1]) < 0.005
    assert np.median(np.array(found)[:, 2]) > 0.05


def test_weights_of_updates() -> None:
    start, weights = update_weights(0.1, 5)
    assert start == pytest.approx(0.9**5)
    assert weights == pytest.approx(0.1 * 0.9 ** np.arange(4, -1, -1))
    start, weights = update_weights(0.1, 10**6)
    assert start == pytest.approx(0)
    assert np.square(weights).sum() == pytest.approx(0.1 / 1.9, rel=1e-3)
    start, weights = update_weights(1e-4, 10**7)
    assert len(weights) < 30_000
    assert np.square(weights).sum() == pytest.approx(1e-4 / 2, rel=1e-2)
    start, weights = update_weights(None, 50)
    assert start == 0
    assert np.square(weights).sum() == pytest.approx(1 / 50)
    # A layer called twice in a pass forgets twice as fast, batch by batch.
    assert update_weights(0.1, 6, calls=2)[0] == pytest.approx(0.9**6)
    assert update_weights(0.1, 0) == (1.0, pytest.approx(np.zeros(0)))


def test_running_statistics_over_shuffled_epochs_vary_less() -> None:
    """Against simulation: means of batches that share out 20 fixed rows, an exponential average at the end of an epoch.

    4000 replicates: the relative error of a variance is 0.022; five of them are allowed (false alarms 6e-7). With
    independent batches the variance would be 1.9 times as large.
    """
    per_epoch, momentum, epochs = 10, 0.1, 6
    rng = np.random.default_rng(1)
    rows = rng.normal(size=20)
    rows -= rows.mean()
    weights = update_weights(momentum, per_epoch * epochs)[1]
    order = np.argsort(rng.random((4000, epochs, 20)), axis=2)
    batches = rows[order].reshape(4000, epochs * per_epoch, 2).mean(axis=2)
    measured = np.var(batches @ weights[-epochs * per_epoch :]) / np.var(batches)
    assert measured == pytest.approx(epoch_variance(weights, per_epoch), rel=5 * 0.022)
    assert np.square(weights).sum() > 1.5 * measured


def test_the_variance_over_a_shuffled_epoch_is_that_of_all_its_orders():
    """Three batches in each of their six orders; two epochs are independent of each other."""
    batches, weights = np.array([1.0, 2.0, 6.0]), np.array([0.1, 0.2, 0.7])
    averages = [weights @ np.array(order) for order in permutations(batches)]
    exact = np.var(averages) / np.var(batches)
    assert epoch_variance(weights, 3) == pytest.approx(exact, rel=1e-12)
    assert epoch_variance(np.concatenate([weights, weights]), 3) == pytest.approx(2 * exact, rel=1e-12)


def test_batches_that_do_not_vary_leave_nothing_to_chance() -> None:
    """The same batch again and again: statistics are exact, and so is any difference from them."""
    torch.manual_seed(0)
    model, batch = network(), torch.randn(32, 3)
    with torch.no_grad():
        for _ in range(400):
            model(batch)
    found = []
    for off in (0.0, 1e-3):
        model[1].running_mean += off
        with untouched(model, [], 0):
            runner = Runner(model, None, batch, torch.device("cpu"))
            watched = runner.watch([batch] * 60, training=True)
        found.append(compare(runner.layers[0], watched["1"], 0).p)
    assert found == [1.0, 0.0]


def test_momentum_0_compares_the_statistics_as_they_are() -> None:
    """Nothing is averaged, so that only the batches compared with have an error: p is uniform over 60 models."""
    found = []
    for seed in range(60):
        torch.manual_seed(seed)
        model = nn.BatchNorm1d(3, momentum=0.0)
        model.running_mean.copy_(torch.zeros(3))
        batches = [torch.randn(16, 3) for _ in range(60)]
        with untouched(model, [], seed):
            runner = Runner(model, None, batches[0], torch.device("cpu"))
            found.append(compare(runner.layers[0], runner.watch(batches, training=True)["model"], seed).p)
    assert stats.kstest(found, "uniform").pvalue > FALSE_ALARMS

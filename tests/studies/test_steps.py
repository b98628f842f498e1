"""Steps of training: estimates without bias, statistics of other rows, and what a contradicting batch changes.

Tests of means take five standard errors, exceeded by chance in less than one of a million runs; each asserts that a
wrong number lies further away. All other tests have fixed seeds and cannot fail by chance.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bnstats as bn
from bnstats.claims.grades import letter_grades
from bnstats.networks.network import Network
from bnstats.networks.normalizers.gradient_check import check_gradient
from bnstats.networks.other_batch import OtherBatch
from bnstats.networks.recipe import Recipe
from bnstats.normalizers import Batch
from bnstats.studies.steps.contradiction import ContradictionKey, ContradictionStudy
from bnstats.studies.steps.study import squared_length_of_mean

DATA = bn.Gaussians(classes=4, inputs=6, rows=200, test_rows=20)
HOW = {"steps": 20, "hidden": (8, 8), "progress": False}


def test_the_squared_length_of_a_mean_gradient_is_unbiased() -> None:
    """Wrong: the squared length of the mean of the gradients."""
    rng, mean = np.random.default_rng(0), np.linspace(0, 1, 20)
    samples = rng.normal(mean, 2.0, size=(4000, 6, 20)).astype(np.float32)
    means = samples.mean(axis=1, dtype=float)
    found = np.array([squared_length_of_mean(*pair) for pair in zip(samples, means, strict=True)])
    error = 5 * found.std() / np.sqrt(len(found))
    assert abs(found.mean() - mean @ mean) < error
    assert abs(np.square(means).sum(axis=1).mean() - mean @ mean) > error


def test_without_normalization_the_mean_step_is_the_descent_whatever_the_batches() -> None:
    """Cosine 1, and no offset of the loss. With batch normalization, batches of one class differ."""
    given = {"batching": bn.OneClass(), "batch_sizes": 8, "measures": ["cosine", "loss_offset"], "batches": 512}
    table = bn.measure_steps(DATA, normalizers=["none", "batch"], max_replicates=16, **given, **HOW).table
    found = table.set_index(["normalizer", "measure"])
    cosine, error = (found.loc[("none", "cosine"), name] for name in ("value", "mcse"))
    assert abs(cosine - 1) < 5 * error + 0.01
    assert found.loc[("batch", "cosine"), "value"] < 0.9
    assert abs(found.loc[("none", "loss_offset"), "value"]) < 5 * found.loc[("none", "loss_offset"), "mcse"]


def test_the_batch_of_all_rows_steps_downhill() -> None:
    given = {"batch_sizes": 200, "measures": ["cosine", "downhill", "noise", "first_layer_cosine"], "batches": 4}
    table = bn.measure_steps(DATA, step_length=0.01, max_replicates=4, **given, **HOW).table
    found = table.set_index("measure")["value"]
    assert found["cosine"] == pytest.approx(1, abs=1e-4)
    assert found["first_layer_cosine"] == pytest.approx(1, abs=1e-4)
    assert found["downhill"] == 1
    assert found["noise"] == pytest.approx(0, abs=1e-4)


def test_one_class_a_batch_steps_uphill_and_with_statistics_of_all_rows_downhill() -> None:
    """If the gradient passes through the statistics of all rows, the mean step is that of the whole data's loss.

    Its cosine is 1 but for the share of each class, which one class a batch makes equal; the constants' is near .4.
    """
    kinds = ["batch", "population", "population gradient"]
    given = {"batching": bn.OneClass(), "statistics": kinds, "measures": "cosine", "steps": 60}
    table = bn.measure_steps(max_replicates=8, batches=128, progress=False, **given).table
    found = table.set_index("statistics")[["value", "mcse"]]
    assert found.loc["batch", "value"] < -5 * found.loc["batch", "mcse"]
    assert found.loc["population", "value"] > 5 * found.loc["population", "mcse"]
    through = found.loc["population gradient"]
    assert abs(through["value"] - 1) < 5 * through["mcse"] + 0.01
    assert found.loc["population", "value"] < 1 - 5 * through["mcse"]


def test_what_noise_is_divided_by_decides_whether_batch_statistics_have_less() -> None:
    """Less than statistics of all rows as constants by the variance itself, more by what the mean step is long.

    Eight networks; each difference is more than five standard errors, and the other way round would fail.
    """
    kinds = ["batch", "population", "population gradient"]
    given = {"statistics": kinds, "measures": ["noise", "variance"], "steps": 60, "batches": 128, "max_replicates": 8}
    steps = bn.measure_steps(progress=False, **given)
    constant = steps.compare("batch", "population").set_index("measure")
    through = steps.compare("batch", "population gradient").set_index("measure")
    assert constant.loc["variance", "value"] < -5 * constant.loc["variance", "mcse"]
    assert constant.loc["noise", "value"] > 5 * constant.loc["noise", "mcse"]
    assert through.loc["variance", "value"] > 3 * through.loc["variance", "mcse"]


def test_results_are_the_same_for_any_number_of_threads() -> None:
    tables = [
        bn.measure_steps(DATA, batch_sizes=[4, 8], batches=8, max_replicates=8, executor=workers, **HOW).table
        for workers in (1, 2)
    ]
    assert tables[0].equals(tables[1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": -1}, "each of steps is a whole number"),
        ({"statistics": "running"}, "each of statistics is one of batch, population"),
        ({"measures": "angle"}, "each of measures is one of cosine"),
        ({"batches": 1}, "batches is a whole number"),
        ({"step_length": 0}, "step_length"),
        ({"batching": bn.IID()}, "batching is an object such as"),
        ({"training_batch_size": 1}, "training_batch_size"),
        ({"batch_sizes": 300}, "batch_size is from 2"),
        ({"hidden": 8}, "hidden has the units of each layer"),
        ({"measures": "loss_offset_ratio", "normalizers": "layer"}, "loss_offset_ratio takes batch normalization"),
        ({"measures": "loss_offset_ratio", "statistics": "population"}, "loss_offset_ratio takes batch normalization"),
        ({"measures": "loss_offset_ratio", "batch_sizes": 200}, "fewer than all 200 rows"),
        ({"measures": "loss_offset", "statistics": "population gradient"}, "takes batch normalization and no loss"),
        ({"normalizers": "group", "statistics": "population gradient", "measures": "loss_offset"}, "no loss offset"),
        ({"normalizers": "renorm", "statistics": "population gradient"}, "takes batch normalization and no loss"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bn.measure_steps(DATA, **{**HOW, **wrong})


# ---- statistics of other rows


@pytest.mark.parametrize("kind", ["plain", "bounded", "noisy"])
@pytest.mark.parametrize(("rows", "others"), [(3, 3), (8, 8), (4, 64)])
def test_the_gradient_passes_through_the_statistics_of_the_other_rows(kind: str, rows: int, others: int) -> None:
    check_gradient(OtherBatch(rows, others, kind), rows + others, 16, 1e-5)


def test_other_rows_that_are_the_same_rows_give_the_own_batch() -> None:
    z = np.random.default_rng(0).normal(size=(5, 3))
    values = {}
    for normalizer, batch in ((Batch(), z), (OtherBatch(5, 5), np.concatenate([z, z]))):
        value = batch.copy()
        normalizer.forward(value, normalizer.state(len(batch), 3, 1e-5, np.float64))
        values[type(normalizer)] = value
    np.testing.assert_allclose(values[OtherBatch][:5], values[Batch], rtol=1e-12)


def test_bounded_values_are_cut_where_no_own_batch_reaches() -> None:
    z = np.random.default_rng(0).normal(size=(6, 4000))
    plain, bounded = z.copy(), z.copy()
    for value, kind in ((plain, "plain"), (bounded, "bounded")):
        OtherBatch(3, 3, kind).forward(value, OtherBatch(3, 3, kind).state(6, 4000, 1e-5, np.float64))
    np.testing.assert_allclose(bounded[:3], np.clip(plain[:3], -np.sqrt(2), np.sqrt(2)), rtol=1e-12)
    assert abs(plain[:3]).max() > 10


def test_noise_has_the_size_of_the_errors_in_batches_of_normal_values() -> None:
    """Mean and standard deviation: sd / sqrt(n) and sd / sqrt(2 n). Wrong: those of batches twice as large."""
    n, others, units = 16, 64, 20_000
    z = np.random.default_rng(0).normal(size=(n + others, units))
    z[0], z[1] = 0.0, 1.0
    state = OtherBatch(n, others, "noisy").state(n + others, units, 1e-9, np.float64)
    reference = z[n:].copy()
    OtherBatch(n, others, "noisy").forward(z, state)
    mean, std = reference.mean(axis=0), reference.std(axis=0)
    stretched = 1 / ((z[1] - z[0]) * std)
    moved = -z[0] * stretched - mean / std
    for found, exact in ((stretched - 1, 1 / np.sqrt(2 * n)), (moved, 1 / np.sqrt(n))):
        assert found.std() == pytest.approx(exact, rel=0.03)
        assert found.std() != pytest.approx(exact / np.sqrt(2), rel=0.1)
        assert abs(found.mean()) < 5 * exact / np.sqrt(units)


def test_rows_that_only_give_statistics_have_no_loss() -> None:
    split = DATA.split(np.random.default_rng(0))
    network = Network.initial(Recipe((8,), OtherBatch(4, 4)), 6, 4, np.random.default_rng(1))
    other = split.y.copy()
    other[4:8] = (other[4:8] + 1) % 4
    batch = np.arange(8)[np.newaxis]
    (loss, gradient), (same, too) = (network.gradients(split.x, y, batch) for y in (split.y, other))
    np.testing.assert_array_equal(loss, same)
    np.testing.assert_array_equal(gradient, too)
    other[0] = (other[0] + 1) % 4
    assert network.gradients(split.x, other, batch)[0] != loss


# ---- a contradicting batch

STUDY = ContradictionStudy(letter_grades(), Recipe((8,)), (60.0, 60.0, 60.0), followed=1, steps=300, later=(0, 3, 50))


def test_a_contradicting_batch_moves_the_letter_and_is_forgotten() -> None:
    found = STUDY.simulate({"batch_size": 3}, _stream(), 16)
    change = {later: found[ContradictionKey(later, "change")] for later in STUDY.later}
    assert (change[0] > 0).all()
    assert change[0].mean() > change[3].mean() > change[50].mean()
    unmoved = replace(STUDY, recipe=Recipe((8,), learning_rate=1e-12))
    still = unmoved.simulate({"batch_size": 3}, _stream(), 4)
    assert abs(still[ContradictionKey(0, "change")]).max() < 1e-6


def _stream() -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(0)))


def test_no_gradient_of_equal_values_passes_below_the_normalization() -> None:
    network = Network.initial(Recipe((8,)), 1, 5, np.random.default_rng(0))
    x, y = np.full((3, 1), -1.2, np.float32), np.ones(3, dtype=np.int64)
    _, gradients = network.gradients(x, y, np.arange(3)[np.newaxis])
    parts = replace(network, parameters=gradients[0])
    assert abs(parts.weights[0]).max() < 1e-4 * abs(parts.bias).max()

"""The difference between batches' mean loss and the loss of all rows: second differences, and all batches but one row.

Nothing here can fail by chance: seeds are fixed, and batches of all rows but one are enumerated. The formula is of the
first order; what it leaves out is of relative order 1 / N, and 8 / N is allowed. Wrong formulas are rejected.
"""

from __future__ import annotations

import numpy as np
import pytest

import bnstats as bn
from bnstats.networks.loss_offset import loss_offset
from bnstats.networks.network import Network
from bnstats.networks.recipe import Recipe
from bnstats.studies.steps.study import mean_loss

ROWS = 120


def trained(activation: str = "linear", rows: int = ROWS) -> tuple[Network, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    split = bn.Gaussians(classes=3, inputs=6, rows=rows, separation=2.0).split(rng)
    start = Network.initial(Recipe((8, 8), activation=activation), 6, 3, rng)
    network, _ = start.train(split.x, split.y, bn.Shuffled().rows(rng, split.y, 20, 60))
    return network, split.x, split.y


def weighted_loss(network: Network, x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """The loss with a weight for each row, in double precision, without anything of the package."""
    share, values = weight / weight.sum(), x.astype(float)
    for k, units in enumerate(network.weights[:-1]):
        z = values @ units.astype(float)
        z -= share @ z
        z /= np.sqrt(share @ z**2 + 1e-5)
        values = z * network.scale[k] + network.shift[k]
    logits = values @ network.weights[-1].astype(float) + network.bias
    return float(share @ (np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]))


def test_the_coefficient_is_that_of_second_differences() -> None:
    """Wrong: twice as much."""
    network, x, y = trained(rows=30)
    one, h, n = np.ones(30), 1e-3, 10
    trace = sum(
        sum(factor * weighted_loss(network, x, y, one + step * h * np.eye(30)[i]) for step, factor in pieces) / h**2
        for i in range(30)
        for pieces in [((1, 1), (0, -2), (-1, 1))]
    )
    exact = 30 / 2 * trace * (30 - n) / (n * 29)
    assert loss_offset(network, x, y, n) == pytest.approx(exact, rel=1e-4)
    assert loss_offset(network, x, y, n) != pytest.approx(2 * exact, rel=0.1)


def test_all_batches_that_leave_one_row_out_have_this_offset() -> None:
    """Wrong: C / n, which is that of rows with replacement."""
    network, x, y = trained()
    batches = np.array([np.delete(np.arange(ROWS), i) for i in range(ROWS)])
    losses, _ = network.gradients(x, y, batches)
    whole, _ = network.gradients(x, y, np.arange(ROWS)[np.newaxis])
    offset = loss_offset(network, x, y, ROWS - 1)
    assert losses.mean() - whole[0] == pytest.approx(offset, rel=8 / ROWS)
    with_replacement = offset * (ROWS - 1)
    assert losses.mean() - whole[0] != pytest.approx(with_replacement, rel=0.5)


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_half_of_the_rows_in_a_batch(activation: str) -> None:
    """Shuffled epochs, whose mean varies little: without kinks the formula holds, with ReLU it misses their part."""
    network, x, y = trained(activation)
    batches = bn.Shuffled().rows(np.random.default_rng(1), y, ROWS // 2, 8000)
    offset = mean_loss(network, x, y, batches) - mean_loss(network, x, y, np.arange(ROWS)[np.newaxis])
    ratio = offset / loss_offset(network, x, y, ROWS // 2)
    assert (0.95 < ratio < 1.08) == (activation == "linear")
    assert (0.9 < ratio < 1.1) == (activation == "linear")


def test_rows_that_are_all_the_same_have_no_offset() -> None:
    """All units are constants then, in each layer; every batch has the mean loss of its labels."""
    network, x, y = trained()
    assert loss_offset(network, np.ones_like(x), y, 4) == pytest.approx(0, abs=1e-12)


def test_what_has_no_offset_is_refused() -> None:
    network, x, y = trained()
    with pytest.raises(ValueError, match="batch_size is at most the number of rows, 120; got 121"):
        loss_offset(network, x, y, ROWS + 1)
    with pytest.raises(ValueError, match="network normalizes by the batch"):
        loss_offset(Network.initial(Recipe((8,), "layer"), 6, 3, np.random.default_rng(0)), x, y, 4)
    with pytest.raises(ValueError, match="x and y fit each other and a network of sizes"):
        loss_offset(network, x[:, :5], y, 4)
    with pytest.raises(ValueError, match="x and y fit each other and a network of sizes"):
        loss_offset(network, x, y[:5], 4)

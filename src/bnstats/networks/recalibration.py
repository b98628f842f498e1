"""Recalibration: new statistics for evaluation mode at frozen weights.

The right statistics of a layer depend on the statistics of the layers below, because these make the layer's inputs.
Normalizers that use no batch statistics, such as layer normalization, keep their statistics.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnstats._checks.array_types import IntArray, RealArray
from bnstats.networks.layer_statistics import Statistics
from bnstats.networks.network import Network


def precise(network: Network, x: RealArray, batches: IntArray) -> Statistics:
    """Return statistics pooled over batches at frozen weights (Wu & Johnson 2021, arXiv 2105.07576).

    Each batch passes in training mode, normalized by its own statistics. The pooled variance is E[mu_B² + var_B] - mu².
    By the law of total variance, it is the mean of the batch variances plus the variance of the batch means.

    Parameters
    ----------
    network : Network
        Trained network.
    x : array, shape (rows, inputs)
        Training rows.
    batches : int array, shape (batches, batch size)
        Row numbers of each batch.

    Returns
    -------
    Statistics
        Pooled mean and biased variance of each hidden layer.
    """
    if not network.recipe.normalizer.uses_batch:
        return network.running
    batch = network.batch_statistics(x, batches)
    pooled = [(_moments(means), _moments(variances)) for means, variances in zip(batch.mean, batch.var, strict=True)]
    return Statistics(tuple(m[0] for m, _ in pooled), tuple(m[1] + v[0] for m, v in pooled))


def averaged(network: Network, x: RealArray, batches: IntArray) -> Statistics:
    """Return averages of batch means and unbiased batch variances, as `update_bn` of PyTorch does.

    The PyTorch function is `torch.optim.swa_utils.update_bn`.

    The averaged variance lacks the variance between the batch means. It is larger by n / (n - 1) than the average of
    the biased variances that training normalizes by.

    Parameters
    ----------
    network : Network
        Trained network.
    x : array, shape (rows, inputs)
        Training rows.
    batches : int array, shape (batches, batch size)
        Row numbers of each batch.

    Returns
    -------
    Statistics
        Averaged mean and unbiased variance of each hidden layer.
    """
    if not network.recipe.normalizer.uses_batch:
        return network.running
    batch = network.batch_statistics(x, batches)
    rows = network.recipe.normalizer.set_rows(batches.shape[1])
    means, variances = ([_moments(part)[0] for part in kind] for kind in (batch.mean, batch.var))
    return Statistics(tuple(means), tuple(np.float32(rows / (rows - 1)) * var for var in variances))


def population(network: Network, x: RealArray) -> Statistics:
    """Return statistics of all rows, layer by layer, from the bottom up.

    The layers below are normalized by their new statistics before the statistics of the next layer are computed.

    These are the statistics of the actual values of each layer in evaluation mode. In training mode, the layers below
    are normalized by statistics that vary from batch to batch.

    Parameters
    ----------
    network : Network
        Trained network.
    x : array, shape (rows, inputs)
        Training rows.

    Returns
    -------
    Statistics
        Mean and biased variance of each hidden layer.
    """
    if not network.recipe.normalizer.uses_batch:
        return network.running
    found: list[tuple[RealArray, RealArray]] = []

    def measured(_: int, z: RealArray) -> tuple[RealArray, RealArray]:
        found.append(_moments(z))
        return found[-1]

    network.evaluate(x, measured)
    return Statistics(tuple(mean for mean, _ in found), tuple(var for _, var in found))


def _moments(z: RealArray) -> tuple[RealArray, RealArray]:
    """Return mean and biased variance over rows, summed in float64."""
    mean = z.mean(axis=0, dtype=np.float64).astype(z.dtype)
    return mean, np.square(z - mean).mean(axis=0, dtype=np.float64).astype(z.dtype)


RECALIBRATIONS: dict[str, Callable[[Network, RealArray, IntArray], Statistics]] = {
    "running": lambda network, _x, _batches: network.running,
    "averaged": averaged,
    "precise": precise,
    "population": lambda network, x, _batches: population(network, x),
}
"""Recalibrations by name, each a function of a network, training rows and batches; "running" changes nothing."""

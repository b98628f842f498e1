"""Recalibration: new statistics for evaluation mode at frozen weights.

The right statistics of a layer depend on the statistics of the layers below, because these make the layer's inputs.
Normalizers that use no batch statistics, such as layer normalization, keep their statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from bnstats._checks.array_types import IntArray, RealArray
from bnstats.networks.layer_statistics import Statistics, statistics_of_layers
from bnstats.networks.network import Network
from bnstats.networks.normalizers.normalizer import Normalizer, moments
from bnstats.networks.parameters import pass_through, states_of

MeanAndVariance = tuple[RealArray, RealArray]


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
    normalizer = network.recipe.normalizer
    if not normalizer.uses_batch:
        return network.running
    if not normalizer.moments:
        return statistics_of_layers(map(normalizer.statistics, _values_in_batches(network, x, batches)))
    batch = network.batch_statistics(x, batches)
    return statistics_of_layers(map(_pooled, batch.mean, batch.var))


def averaged(network: Network, x: RealArray, batches: IntArray) -> Statistics:
    """Return averages of batch means and unbiased batch variances, as `update_bn` of PyTorch does.

    The PyTorch function is `torch.optim.swa_utils.update_bn`.

    Statistics other than moments are averaged by the normalizer's own `follow`, with weights 1, 1/2, 1/3, ...

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
    normalizer = network.recipe.normalizer
    if not normalizer.uses_batch:
        return network.running
    batch = network.batch_statistics(x, batches)
    if not normalizer.moments:
        return statistics_of_layers(map(partial(_followed, normalizer, batches), batch.mean, batch.var))
    rows = normalizer.set_rows(batches.shape[1])
    unbiased = np.float32(rows / (rows - 1))
    layers = zip(batch.mean, batch.var, strict=True)
    return statistics_of_layers((moments(mean)[0], unbiased * moments(var)[0]) for mean, var in layers)


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
    found: list[MeanAndVariance] = []

    def measured(_: int, z: RealArray) -> MeanAndVariance:
        found.append(network.recipe.normalizer.statistics(z))
        return found[-1]

    network.evaluate(x, measured)
    return statistics_of_layers(found)


def _pooled(means: RealArray, variances: RealArray) -> MeanAndVariance:
    """Return mean and biased variance of all rows from those of batches."""
    (mean, between), (within, _) = moments(means), moments(variances)
    return mean, between + within


def _followed(normalizer: Normalizer, batches: IntArray, means: RealArray, variances: RealArray) -> MeanAndVariance:
    """Return running statistics after all batches, with weights 1, 1/2, 1/3, ..."""
    state = normalizer.state(batches.shape[1], means.shape[1], 0.0)
    of_batches = (part.reshape(len(batches), -1, part.shape[1]) for part in (means, variances))
    for step, (mean, var) in enumerate(zip(*of_batches, strict=True), start=1):
        normalizer.follow(state._replace(mean=mean, var=var), 1 / step)
    return state.running_mean, state.running_var


@np.errstate(all="ignore")  # the values of a network that has diverged
def _values_in_batches(network: Network, x: RealArray, batches: IntArray) -> list[RealArray]:
    """Return the values that each hidden layer gets in training mode, shape (rows, units)."""
    found, states = [], states_of(network, batches.shape[1])

    def normalize(k: int, z: RealArray) -> RealArray:
        found.append(z.reshape(-1, z.shape[-1]).copy())
        for batch in z:
            network.recipe.normalizer.forward(batch, states[k])
        return z

    pass_through(network, x[batches], normalize)
    return found


RECALIBRATIONS: dict[str, Callable[[Network, RealArray, IntArray], Statistics]] = {
    "running": lambda network, _x, _batches: network.running,
    "averaged": averaged,
    "precise": precise,
    "population": lambda network, x, _batches: population(network, x),
}
"""Recalibrations by name, each a function of a network, training rows and batches; "running" changes nothing."""

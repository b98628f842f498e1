"""Statistics for evaluation mode that need no retraining: estimated anew, or mixed with those of what is tested.

What a layer's statistics should be depends on those of the layers below, whose output it gets. Where no statistics of
batches enter (layer normalization, say), there is nothing to estimate and nothing to mix.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnstats._checks.array_types import IntArray, RealArray
from bnstats.networks.layer_statistics import Statistics
from bnstats.networks.network import Network


def precise(network: Network, x: RealArray, batches: IntArray) -> Statistics:
    """Statistics of batches pooled at frozen weights (Wu & Johnson 2021, arXiv 2105.07576).

    Each batch passes in training mode, normalized by itself. By the law of total variance, the pooled variance
    E[mu_B² + var_B] - mu² is the mean of the batches' variances plus the variance of their means.

    Parameters
    ----------
    x : (rows, inputs) floats
    batches : (batches, batch size) ints
        Row numbers.
    """
    if not network.recipe.normalizer.uses_batch:
        return network.running
    each = network.batch_statistics(x, batches)
    pooled = [(_moments(means), _moments(variances)) for means, variances in zip(each.mean, each.var, strict=True)]
    return Statistics(tuple(m[0] for m, _ in pooled), tuple(m[1] + v[0] for m, v in pooled))


def averaged(network: Network, x: RealArray, batches: IntArray) -> Statistics:
    """Means and unbiased variances of batches, averaged: what `torch.optim.swa_utils.update_bn` makes.

    The variance between the batches' means is lost, and the unbiased variance is larger by n / (n - 1) than that by
    which training normalizes. Parameters as for `precise`.
    """
    if not network.recipe.normalizer.uses_batch:
        return network.running
    each = network.batch_statistics(x, batches)
    rows = network.recipe.normalizer.set_rows(batches.shape[1])
    means, variances = ([_moments(part)[0] for part in kind] for kind in (each.mean, each.var))
    return Statistics(tuple(means), tuple(np.float32(rows / (rows - 1)) * var for var in variances))


def population(network: Network, x: RealArray) -> Statistics:
    """Statistics of all rows, layer by layer: each layer is normalized by them before the next one's are taken.

    So they are those of what each layer really gets in evaluation mode, whereas batches that pass in training mode
    normalize the layers below by statistics that vary from batch to batch.
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
    """Mean and variance over rows, added up in float64."""
    mean = z.mean(axis=0, dtype=np.float64).astype(z.dtype)
    return mean, np.square(z - mean).mean(axis=0, dtype=np.float64).astype(z.dtype)


RECALIBRATIONS: dict[str, Callable[[Network, RealArray, IntArray], Statistics]] = {
    "running": lambda network, _x, _batches: network.running,
    "averaged": averaged,
    "precise": precise,
    "population": lambda network, x, _batches: population(network, x),
}
"""Statistics for evaluation mode, from training rows and batches of them; those of training itself first."""

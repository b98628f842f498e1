"""Models that are broken in one known way each, with the cause that an audit has to name first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from audited_networks import NETWORKS, STATES, Batch, loader, norms, one_class, split, update
from torch import nn


@dataclass
class Broken:
    """A model and what it is audited with.

    Attributes
    ----------
    cause : str
        What is wrong.
    model : Module
    loader : iterable of batches
    test : list of batches
    options : dict
        Further arguments of the audit.
    """

    cause: str
    model: nn.Module
    loader: Any
    test: list[Batch]
    options: dict[str, Any] = field(default_factory=dict)


@cache
def states() -> dict[str, Any]:
    """States of all trained networks."""
    return torch.load(STATES)


def stored(network: str, training: str, images: str = "digits") -> nn.Module:
    """A trained network, in evaluation mode."""
    torch.manual_seed(0)
    model = NETWORKS[network](8 if images == "digits" else 14, 0.7 if training == "dropout" else 0.0)
    model.load_state_dict(states()[f"{images} {network} {training}"])
    for layer in norms(model):
        layer.momentum = 0.01 if training == "few updates" else 0.1
    return model.eval()


def audited(cause: str, network: str, training: str, images: str = "digits", batch_size: int = 32) -> Broken:
    """A trained network with its own training and test rows."""
    train, test = split(0, images)
    return Broken(cause, stored(network, training, images), loader(train, batch_size), [test])


def healthy(network: str, images: str = "digits") -> Broken:
    return audited("nothing_wrong", network, "healthy", images)


def reset(network: str, images: str = "digits") -> Broken:
    """All statistics are lost."""
    broken = audited("never_updated", network, "healthy", images)
    for layer in norms(broken.model):
        layer.reset_running_stats()
    return broken


def one_layer_reset(network: str, images: str = "digits") -> Broken:
    """The statistics of one layer are lost."""
    broken = audited("never_updated", network, "healthy", images)
    norms(broken.model)[1].reset_running_stats()
    return broken


def never_counted(network: str, images: str = "digits") -> Broken:
    """Start values under a counter that says otherwise."""
    broken = reset(network, images)
    for layer in norms(broken.model):
        layer.num_batches_tracked.fill_(1000)
    return broken


def few_updates(network: str, images: str = "digits") -> Broken:
    return audited("start_remains", network, "few updates", images)


def averaged(network: str, images: str = "digits") -> Broken:
    return audited("stale", network, "averaged", images)


def other_data(network: str, images: str = "digits") -> Broken:
    """Statistics of images with less contrast."""
    broken = audited("stale", network, "healthy", images)
    x, y = split(0, images)[0]
    torch.manual_seed(0)
    update(broken.model, loader((x * 0.3, y)), 200).eval()
    return broken


def noisy(network: str, images: str = "digits") -> Broken:
    """A momentum of 0.9 over batches of 6."""
    broken = audited("noisy_average", network, "healthy", images, batch_size=6)
    torch.manual_seed(0)
    update(broken.model, broken.loader, 60, momentum=0.9).eval()
    return broken


def batches_of_2(network: str, images: str = "digits") -> Broken:
    return audited("small_batch", network, "batches of 2", images, batch_size=2)


def one_class_batches(network: str, images: str = "digits") -> Broken:
    broken = audited("grouped_batches", network, "one class", images)
    broken.loader = one_class(split(0, images)[0], 32, 0)
    return broken


def shifted(network: str, images: str = "digits") -> Broken:
    """Test images with less contrast and more noise."""
    broken = audited("shifted_test_data", network, "healthy", images)
    (x, y) = broken.test[0]
    broken.test = [(0.4 * x + 0.3 * torch.rand(x.shape, generator=torch.Generator().manual_seed(0)), y)]
    return broken


def frozen(network: str, images: str = "digits") -> Broken:
    """One layer is in evaluation mode, as it was through most of the training."""
    broken = audited("mixed_modes", network, "frozen layer", images)
    broken.model.train()
    norms(broken.model)[1].eval()
    return broken


def dropout(network: str, images: str = "digits") -> Broken:
    return audited("dropout_before", network, "dropout", images)


def eps(network: str, images: str = "digits") -> Broken:
    return audited("eps_mismatch", network, "eps", images)


def not_a_number(network: str, images: str = "digits") -> Broken:
    broken = audited("not_finite", network, "healthy", images)
    norms(broken.model)[1].running_var[0] = float("nan")
    return broken


def negative_variance(network: str, images: str = "digits") -> Broken:
    broken = audited("not_finite", network, "healthy", images)
    norms(broken.model)[0].running_var[2] = -0.1
    return broken


def nan_weights(network: str, images: str = "digits") -> Broken:
    broken = audited("not_finite", network, "healthy", images)
    next(broken.model.parameters()).data.view(-1)[0] = float("nan")
    return broken


def dead(network: str, images: str = "digits") -> Broken:
    """Filters that are zero."""
    broken = audited("dead_channels", network, "healthy", images)
    layer = next(m for m in broken.model if isinstance(m, nn.Conv2d | nn.Linear))
    layer.weight.data[:2] = 0
    torch.manual_seed(0)
    update(broken.model, broken.loader, 200).eval()
    return broken


def short_last_batch(network: str, images: str = "digits") -> Broken:
    """The last batch of each of ten epochs has two rows; statistics of momentum 0.5 were saved right after it."""
    broken = audited("short_batch", network, "healthy", images)
    x, y = split(0, images)[0]
    broken.loader = loader((x[:1186], y[:1186]), 32, drop_last=False)
    for layer in norms(broken.model):
        layer.momentum = 0.5
        layer.reset_running_stats()
    torch.manual_seed(0)
    update(broken.model, broken.loader, 38 * 10).eval()
    return broken


def batches_of_1(network: str, images: str = "digits") -> Broken:
    return audited("short_batch", network, "healthy", images, batch_size=1)


def updated_twice(network: str, images: str = "digits") -> Broken:
    broken = audited("updated_twice", network, "healthy", images)
    broken.options = {"steps": 150}
    return broken


def composition(network: str, images: str = "digits") -> Broken:
    """The loader's rows, from which statistics were made, are nearly all of two classes."""
    broken = audited("composition", network, "healthy", images)
    x, y = split(0, images)[0]
    chosen = torch.cat([torch.where(y < 2)[0], torch.where(y >= 2)[0][:100]])
    broken.loader = loader((x[chosen], y[chosen]), 32)
    torch.manual_seed(0)
    update(broken.model, broken.loader, 300).eval()
    return broken


BREAKS: dict[str, Callable[..., Broken]] = {
    f.__name__: f
    for f in (
        healthy, reset, one_layer_reset, never_counted, few_updates, averaged, other_data, noisy, batches_of_2,
        one_class_batches, shifted, frozen, dropout, eps, not_a_number, negative_variance, nan_weights, dead,
        short_last_batch, batches_of_1, updated_twice, composition,
    )
}  # fmt: skip

"""The NumPy networks as modules of PyTorch, with the same weights, statistics and faults."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy_damage import Damaged
from numpy_model import Dense, Dropout, Net, Norm, Relu, batches
from torch import Tensor, nn

from bnstats import audit
from bnstats.audit.core.result import Audit


class Twin(nn.Module):
    """A chain of layers; norms may be frozen, or be called twice or once for each stream."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.parts = nn.Sequential(*map(_layer, net.parts)).double()
        self.frozen = [k for k, part in enumerate(net.parts) if isinstance(part, Norm) and part.frozen]
        self.twice = any(norm.twice for norm in net.norms)
        self.streams = net.streams

    def train(self, mode: bool = True) -> Twin:
        super().train(mode)
        for k in self.frozen:
            self.parts[k].eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        for part in self.parts:
            if isinstance(part, nn.BatchNorm1d) and self.streams > 1:
                x = torch.cat([part(rows) for rows in x.chunk(self.streams)])
                continue
            if isinstance(part, nn.BatchNorm1d) and self.twice and part.training:
                part(x)
            x = part(x)
        return x


def _layer(part: Any) -> nn.Module:
    if isinstance(part, Dense):
        layer: Any = nn.Linear(*part.w.shape)
        values = {"weight": part.w.T, "bias": part.b}
    elif isinstance(part, Norm):
        layer = nn.BatchNorm1d(len(part.mean), part.eps, part.weight, track_running_stats=not part.always)
        values = {"weight": part.gamma, "bias": part.beta}
        if not part.always:
            counter = np.array(part.updates)
            values |= {"running_mean": part.mean, "running_var": part.var, "num_batches_tracked": counter}
    else:
        return nn.ReLU() if isinstance(part, Relu) else nn.Dropout(part.p) if isinstance(part, Dropout) else part
    layer = layer.double()
    layer.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
    return layer


def tensors(given: Any) -> list[Any]:
    return [tuple(torch.from_numpy(np.asarray(part)) for part in batch) for batch in given]


def audited(damaged: Damaged) -> Audit:
    """Audit the same damage in PyTorch."""
    options = dict(damaged.options)
    if "live" in options:
        options["live"] = Twin(options["live"])
    if "test" in options:
        options["test"] = tensors(options["test"])
    loader = batches(30, 32, 5) if damaged.loader is None else damaged.loader
    return audit(Twin(damaged.net), tensors(loader), **options)

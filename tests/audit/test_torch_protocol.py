"""PyTorch models keep the laws that copies of every framework keep."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'bnstats[torch]'")

from numpy_norms import NumPyNorms, rows
from protocol_laws import LAWS, Subject
from torch import nn

from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.audit.torch import FRAMEWORK


class Own(nn.Module):
    """A layer called twice, one of two dimensions, a frozen one, one that is never called, and a count of calls."""

    def __init__(self) -> None:
        super().__init__()
        self.planes, self.twice = nn.BatchNorm2d(3, eps=1e-3), nn.BatchNorm1d(4, momentum=0.5)
        self.first, self.second = nn.Linear(12, 4), nn.Linear(4, 4)
        self.frozen, self.unused = nn.BatchNorm1d(4, affine=False), nn.BatchNorm1d(4)
        self.calls: list[int] = []

    def train(self, mode: bool = True) -> Own:
        super().train(mode)
        self.frozen.eval()
        return self

    def forward(self, x: Any) -> Any:
        self.calls.append(len(x))
        left = self.twice(self.first(self.planes(x).flatten(1)))
        return self.frozen(left + self.twice(self.second(left)))


def array(x: Any) -> Any:
    return x.detach().numpy().astype(np.float64)


def dense(layer: Any, x: Any) -> Any:
    return x @ array(layer.weight).T + array(layer.bias)


def norm(norms: NumPyNorms, name: str, layer: Any, x: Any, **options: Any) -> Any:
    scale, shift = (array(layer.weight), array(layer.bias)) if layer.affine else (1, 0)
    return norms(name, x, scale, shift, layer.eps, **options)


def subject(model: Any, batches: list[Any], reference: Any, weights: dict[str, float], noisy: bool = False) -> Subject:
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.3, 1.5, generator=generator)

    def in_numpy(x: Any, statistics: dict[str, ChannelStatistics] | None) -> Any:
        norms = NumPyNorms(statistics)
        return reference(norms, np.asarray(x, np.float64)), norms.inputs

    def evaluate(x: Any) -> Any:
        layers = {n: m for n, m in model.named_modules() if hasattr(m, "running_mean")}
        return in_numpy(
            x, {n: ChannelStatistics(array(m.running_mean), array(m.running_var)) for n, m in layers.items()}
        )[0]

    def state() -> dict[str, Any]:
        held = {name: array(tensor) for name, tensor in model.state_dict().items()}
        modes = {f"{name} mode": np.array(module.training) for name, module in model.named_modules()}
        return held | modes | {"calls": np.array(getattr(model, "calls", []))}

    torch_batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches]
    return Subject(FRAMEWORK, model, torch_batches, evaluate, state, in_numpy, noisy, weights)


def sequential() -> Subject:
    model = nn.Sequential(
        nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 4), nn.BatchNorm1d(4, momentum=0.3)
    )

    def reference(norms: NumPyNorms, x: Any) -> Any:
        h = np.maximum(norm(norms, "1", model[1], dense(model[0], x)), 0)
        return norm(norms, "5", model[5], dense(model[4], h))

    return subject(model, rows(16, 9, 20), reference, {"1": 0.1, "5": 0.3}, noisy=True)


def own() -> Subject:
    model = Own()

    def reference(norms: NumPyNorms, x: Any) -> Any:
        h = norm(norms, "planes", model.planes, x, axis=1).reshape(len(x), -1)
        a = norm(norms, "twice", model.twice, dense(model.first, h))
        b = norm(norms, "twice", model.twice, dense(model.second, a))
        return norm(norms, "frozen", model.frozen, a + b)

    batches = [(x.reshape(-1, 3, 2, 2), y) for x, y in rows(16, 9, 20, width=12)]
    return subject(model, batches, reference, {"planes": 0.1, "twice": 0.75, "frozen": 0.0})


MODELS = {model.__name__: cache(model) for model in (sequential, own)}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("model", MODELS)
def test_a_private_copy_keeps_the_laws(model: str, law: Any) -> None:
    law(MODELS[model]())

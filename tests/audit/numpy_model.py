"""Small networks in NumPy, trained by hand-written gradients, and their adapter to the audit's protocol."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from bnstats.audit.core.protocol import BatchNormLayer, ChannelStatistics
from bnstats.statistics.moments import Moments
from bnstats.statistics.running_conventions import CONVENTIONS

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass
class Dense:
    w: Array
    b: Array

    def forward(self, x: Array, net: Net, mode: str) -> Array:
        self.x = x
        return x @ self.w + self.b

    def backward(self, g: Array, rate: float) -> Array:
        back = g @ self.w.T
        self.w -= rate * self.x.T @ g
        self.b -= rate * g.sum(0)
        return back


@dataclass
class Norm:
    """Batch norm over rows; `frozen` ignores training mode, `always` normalizes by the batch in every mode."""

    name: str
    mean: Array
    var: Array
    weight: float = 0.1
    eps: float = 1e-5
    ddof: int = 1
    updates: int = 0
    frozen: bool = False
    always: bool = False
    twice: bool = False
    gamma: Array = field(default_factory=lambda: np.ones(1))
    beta: Array = field(default_factory=lambda: np.zeros(1))

    def forward(self, x: Array, net: Net, mode: str) -> Array:
        moments = Moments.of(x, axis=0)
        net.seen.setdefault(self.name, []).append(moments)
        live = mode == "batch" or self.always or (mode == "train" and not self.frozen)
        mean, var = (moments.mean, moments.var()) if live else (self.mean, self.var)
        if mode == "train" and net.updating and not self.frozen:
            stored = moments.var(ddof=min(self.ddof, len(x) - 1))
            for _ in range(2 if self.twice else 1):
                self.mean = self.mean + self.weight * (moments.mean - self.mean)
                self.var = self.var + self.weight * (stored - self.var)
            self.updates += 1
        with np.errstate(invalid="ignore", divide="ignore"):
            self.s = np.sqrt(var + self.eps)
        self.z = (x - mean) / self.s
        return self.gamma * self.z + self.beta

    def backward(self, g: Array, rate: float) -> Array:
        z, gz = self.z, g * self.gamma
        back = (gz - gz.mean(0) - z * (gz * z).mean(0)) / self.s
        self.gamma = self.gamma - rate * (g * z).sum(0)
        self.beta = self.beta - rate * g.sum(0)
        return back


@dataclass
class Relu:
    def forward(self, x: Array, net: Net, mode: str) -> Array:
        self.on = x > 0
        return x * self.on

    def backward(self, g: Array, rate: float) -> Array:
        return g * self.on


@dataclass
class Dropout:
    p: float

    def forward(self, x: Array, net: Net, mode: str) -> Array:
        self.keep = np.ones_like(x) if mode != "train" else (net.rng.random(x.shape) >= self.p) / (1 - self.p)
        return x * self.keep

    def backward(self, g: Array, rate: float) -> Array:
        return g * self.keep


@dataclass
class Net:
    """A chain of layers. `skips` leaves out each norm with this probability, `streams` calls it once for each part.

    `counts` is whether layers tell how often they were updated.
    """

    parts: list[Any]
    convention: str = "torch"
    updating: bool = True
    skips: float = 0.0
    streams: int = 1
    counts: bool = True
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    seen: dict[str, list[Moments]] = field(default_factory=dict)

    @property
    def norms(self) -> list[Norm]:
        return [part for part in self.parts if isinstance(part, Norm)]

    def __call__(self, x: Array, mode: str) -> Array:
        x = np.asarray(x, dtype=np.float64)
        for part in self.parts:
            if isinstance(part, Norm) and self.skips and self.rng.random() < self.skips:
                continue
            if isinstance(part, Norm) and self.streams > 1:
                x = np.concatenate([part.forward(p, self, mode) for p in np.array_split(x, self.streams)])
            else:
                x = part.forward(x, self, mode)
        return x

    def step(self, x: Array, y: Array, rate: float) -> None:
        """One step of gradient descent on the mean cross-entropy."""
        out = self(x, "train")
        p = np.exp(out - out.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        p[np.arange(len(y)), y] -= 1
        g = p / len(y)
        for part in reversed(self.parts):
            g = part.backward(g, rate)


def network(
    widths: Sequence[int] = (8, 24, 24, 4),
    seed: int = 0,
    convention: str = "torch",
    dropout: float = 0.0,
    weight: float | None = None,
) -> Net:
    """An untrained network: dense, norm and ReLU, with dropout in front of each norm but the first."""
    rng, rule = np.random.default_rng(seed), CONVENTIONS[convention]
    parts: list[Any] = []
    for k, (a, b) in enumerate(pairwise(widths[:-1])):
        parts += [Dropout(dropout)] if dropout and k else []
        norm = Norm(f"norm{k}", np.zeros(b), np.ones(b), weight or rule.momentum, rule.eps, rule.ddof)
        norm.gamma, norm.beta = np.ones(b), np.zeros(b)
        parts += [Dense(rng.normal(size=(a, b)) * np.sqrt(2 / a), np.zeros(b)), norm, Relu()]
    a, b = widths[-2:]
    parts += [Dense(rng.normal(size=(a, b)) * np.sqrt(1 / a), np.zeros(b))]
    return Net(parts, convention, rng=np.random.default_rng(seed + 1))


def rows(count: int, seed: int, classes: int = 4, features: int = 8, apart: float = 0.7) -> tuple[Array, Any]:
    """Rows of classes whose centers and scales are fixed, with an offset so that start values 0 and 1 are wrong."""
    fixed, rng = np.random.default_rng(1234), np.random.default_rng(seed)
    centers = fixed.normal(size=(classes, features)) * apart
    y = rng.integers(classes, size=count)
    return (centers[y] + rng.normal(size=(count, features))) * 3 + 5, y


def batches(count: int, size: int, seed: int, **options: Any) -> list[tuple[Array, Any]]:
    """Shuffled batches of fresh rows."""
    x, y = rows(count * size, seed, **options)
    return [(x[i : i + size], y[i : i + size]) for i in range(0, count * size, size)]


def trained(
    steps: int = 300, size: int = 32, seed: int = 0, rate: float = 0.1, data: list[Any] | None = None, **options: Any
) -> Net:
    """A network after some steps; the learning rate falls to 0, so that its statistics follow its weights."""
    net = network(seed=seed, **options)
    for k, (x, y) in enumerate(data or batches(steps, size, seed + 1000)):
        net.step(x, y, rate * (1 - k / steps))
    return net


class NumpyModel:
    """The adapter of a private copy of a network."""

    def __init__(self, net: Net, example: Any, forward: Any = None) -> None:
        self._forward = forward
        self._net = copy.deepcopy(net)
        self.convention = net.convention
        self._pass(example, "eval")
        self._calls = {name: len(seen) for name, seen in self._net.seen.items()}

    def _pass(self, batch: Any, mode: str, updating: bool = False) -> Any:
        self._net.seen, self._net.updating = {}, updating
        batch = copy.deepcopy(batch)
        if self._forward is not None:
            return self._forward(lambda x: self._net(x, mode), batch)
        x = batch[0] if isinstance(batch, tuple | list) else batch["x"] if isinstance(batch, dict) else batch
        return self._net(x, mode)

    @property
    def layers(self) -> Sequence[BatchNormLayer]:
        return [
            BatchNormLayer(n.name, len(n.mean), n.eps, n.weight, updates, not n.always, self._calls[n.name])
            for n in self._net.norms
            for updates in (n.updates if self._net.counts else None,)
            if n.name in self._calls
        ]

    @property
    def never_called(self) -> Sequence[str]:
        return [n.name for n in self._net.norms if n.name not in self._calls]

    @property
    def written(self) -> Sequence[str]:
        return []

    def get(self) -> dict[str, ChannelStatistics]:
        return {
            n.name: ChannelStatistics(n.mean.copy(), n.var.copy()) for n in self._net.norms if n.name in self._calls
        }

    def set(self, statistics: Mapping[str, ChannelStatistics]) -> None:
        for n in self._net.norms:
            if n.name in statistics:
                n.mean, n.var = (np.array(s) for s in statistics[n.name])

    def train_pass(self, batch: Any) -> Any:
        return self._pass(batch, "train", updating=True)

    def eval_pass(self, batch: Any) -> Any:
        return self._pass(batch, "eval")

    def batch_pass(self, batch: Any) -> Any:
        return self._pass(batch, "batch")

    def moments(self, batch: Any, mode: str) -> dict[str, tuple[Moments, ...]]:
        self._pass(batch, mode)
        return {name: tuple(seen) for name, seen in self._net.seen.items()}

    def lockstep(self, batches: Sequence[Any]) -> dict[str, ChannelStatistics] | None:
        return None

    def to_numpy(self, tree: Any) -> Any:
        return copy.deepcopy(tree)

    def own(self, tree: Any) -> Any:
        return copy.deepcopy(tree)


class _Guard:
    shared: Sequence[str] = ()
    changed: Sequence[str] = ()


class NumpyFramework:
    """The framework of these networks."""

    name = "numpy"

    def recognizes(self, model: Any) -> bool:
        return isinstance(model, Net)

    def isolate(self, model: Any, example: Any, *, forward: Any = None, device: Any = None) -> NumpyModel:
        return NumpyModel(model, example, forward)

    @contextmanager
    def guarded(self, model: Any, loaders: Sequence[Any], seed: int) -> Iterator[_Guard]:
        yield _Guard()

    def copied(self, model: Any) -> Any:
        return copy.deepcopy(model)

    def write(self, model: Any, statistics: Mapping[str, ChannelStatistics]) -> Any:
        for n in model.norms:
            if n.name in statistics:
                n.mean, n.var = (np.array(s) for s in statistics[n.name])
        return model

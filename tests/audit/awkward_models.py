"""Models that are hard to copy, or that change when they run."""

from __future__ import annotations

import collections
import functools
import io
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune, spectral_norm

WIDTH = 4


class Net(nn.Module):
    """A layer before batch norm and one behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, 2)

    def inner(self, x: Tensor) -> Tensor:
        return functional.relu(self.norm(self.first(x)))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inner(x))


MODELS: dict[str, Callable[[], nn.Module]] = {}


def model(make: Any) -> Any:
    MODELS[make.__name__] = make
    return make


@model
def plain() -> nn.Module:
    return Net()


@model
def tensor_within_a_graph() -> nn.Module:
    net = Net()
    net.scaled = net.first.weight * 2
    return net


@model
def old_weight_norm() -> nn.Module:
    net = Net()
    net.first = torch.nn.utils.weight_norm(net.first)
    net(torch.randn(8, WIDTH))
    return net


@model
def parametrized() -> nn.Module:
    net = Net()
    net.first, net.last = parametrizations.weight_norm(net.first), parametrizations.spectral_norm(net.last)
    return net


@model
def old_spectral_norm() -> nn.Module:
    net = Net()
    net.first = spectral_norm(net.first)
    net(torch.randn(8, WIDTH))
    return net


@model
def pruned() -> nn.Module:
    net = Net()
    prune.l1_unstructured(net.first, "weight", amount=0.5)
    net(torch.randn(8, WIDTH))
    return net


@model
def with_a_lock() -> nn.Module:
    class Locked(Net):
        def forward(self, x: Tensor) -> Tensor:
            with self.lock:
                inner = self.first(x)
            return self.last(self.norm(inner))

    net = Locked()
    net.lock = threading.Lock()
    return net


@model
def with_a_generator() -> nn.Module:
    net = Net()
    net.numbers = (i for i in range(9))
    return net


@model
def with_a_thread() -> nn.Module:
    net = Net()
    net.thread = threading.current_thread()
    return net


@model
def closure_that_counts() -> nn.Module:
    net, count = Net(), 0
    seen: list[int] = []

    def hook(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        nonlocal count
        count += 1
        seen.append(count)
        net.note = count
        return output + 0 * count

    net.norm.register_forward_hook(hook)
    return net


@model
def closure_that_writes_weights() -> nn.Module:
    net = Net()

    def hook(*_: Any) -> None:
        with torch.no_grad():
            net.last.weight.mul_(0.9)

    net.norm.register_forward_hook(hook)
    return net


@model
def partial_hook() -> nn.Module:
    net = Net()
    net.norm.register_forward_hook(functools.partial(_append, []))
    return net


def _append(seen: list[Any], *_: Any) -> None:
    seen.append(1)


@model
def method_as_hook() -> nn.Module:
    class Watched(Net):
        def watch(self, *_: Any) -> None:
            self.calls += 1

    net = Watched()
    net.calls = 0
    net.norm.register_forward_hook(net.watch)
    return net


@model
def child_knows_its_parent() -> nn.Module:
    class Child(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * self.parent().factor

    class Parent(Net):
        def inner(self, x: Tensor) -> Tensor:
            return self.child(super().inner(x))

    net = Parent()
    net.child, net.factor = Child(), 2.0
    net.child.parent = weakref.ref(net)
    net.family = [net]
    return net


@model
def weak_keys() -> nn.Module:
    net = Net()
    net.table = weakref.WeakKeyDictionary({net.first: [1]})
    return net


@model
def tied_weights() -> nn.Module:
    net = Net()
    net.again = nn.Linear(WIDTH, WIDTH)
    net.again.weight = net.first.weight
    return net


@model
def views_of_one_tensor() -> nn.Module:
    net = Net()
    flat = torch.randn(2 * WIDTH * WIDTH)
    net.first.weight = nn.Parameter(flat[: WIDTH * WIDTH].view(WIDTH, WIDTH))
    net.other = nn.Parameter(flat[WIDTH * WIDTH - 3 :])
    net.flat = flat
    return net


@model
def key_encoder() -> nn.Module:
    """Training moves the weights of a second encoder, in place and by new memory."""

    class Momentum(Net):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                with torch.no_grad():
                    for key, query in zip(self.key.parameters(), self.first.parameters(), strict=True):
                        key.data = key.data * 0.9 + query.data * 0.1
                    self.other.data.mul_(0.9)
                    self.third.mul_(0.9)
            return super().forward(x) + self.key(x)[:, :2] + self.other + self.third

    net = Momentum()
    net.key, net.other, net.third = nn.Linear(WIDTH, WIDTH), nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    return net


@model
def decays_in_training() -> nn.Module:
    class Decaying(Net):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                self.last.weight.data.mul_(0.9)
            return super().forward(x)

    return Decaying()


@model
def overwrites_its_input() -> nn.Module:
    class InPlace(Net):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.mul_(3).add_(1))

    return InPlace()


@model
def counts_and_remembers() -> nn.Module:
    class Counting(Net):
        def forward(self, x: Tensor) -> Tensor:
            self.count += 1
            self.history.append(x.detach())
            self.table[self.count] = {"mean": float(x.mean())}
            self.recent.append(self.count)
            return super().forward(x) * (1 + 0.1 * (self.count - 1))

    net = Counting()
    net.count, net.history, net.table, net.recent = 0, [], {}, collections.deque(maxlen=3)
    return net


@model
def numbers_in_numpy() -> nn.Module:
    class Numpy(Net):
        def forward(self, x: Tensor) -> Tensor:
            self.seen += 1
            return super().forward(x) * float(self.seen.mean())

    net = Numpy()
    net.seen = np.zeros(3)
    return net


@model
def own_random_numbers() -> nn.Module:
    class Noisy(Net):
        def forward(self, x: Tensor) -> Tensor:
            noise = torch.randn(WIDTH, generator=self.generator) + float(self.rng.normal())
            return super().forward(x + noise)

    net = Noisy()
    net.generator, net.rng = torch.Generator().manual_seed(1), np.random.default_rng(1)
    return net


@model
def refuses_deepcopy() -> nn.Module:
    class Refusing(Net):
        def __deepcopy__(self, memo: Any) -> Any:
            raise TypeError

    return Refusing()


@model
def refuses_pickle() -> nn.Module:
    class Refusing(Net):
        def __getstate__(self) -> Any:
            raise TypeError

        def __reduce_ex__(self, protocol: Any) -> Any:
            raise TypeError

    return Refusing()


@model
def frozen_attributes() -> nn.Module:
    class Frozen(Net):
        def __setattr__(self, name: str, value: Any) -> None:
            if "closed" in self.__dict__ and name != "training":
                raise AttributeError(name)
            super().__setattr__(name, value)

    net = Frozen()
    net.closed = True
    return net


@model
def scripted_part() -> nn.Module:
    net = Net()
    net.first = torch.jit.script(nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH)))
    return net


class Counting(nn.Module):
    """Once scripted, it keeps a number, a list and a tensor in C++, which all of its passes change and use."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(WIDTH, WIDTH)
        self.count, self.seen, self.last = 0, [1.0], torch.ones(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        self.seen.append(float(self.count))
        self.last = self.last + 1
        return self.dense(x) * self.count * self.last + sum(self.seen)


@model
def counts_in_a_scripted_part() -> nn.Module:
    net = Net()
    net.first = torch.jit.script(nn.Sequential(Counting(), nn.ReLU()))
    return net


@model
def tensor_of_a_subclass() -> nn.Module:
    class Named(Tensor):
        """A tensor with a name."""

    net = Net()
    scale = torch.ones(2).as_subclass(Named)
    scale.title = ["scale"]
    net.scale = scale
    return net


@model
def rebinds_its_statistics() -> nn.Module:
    class Rebinding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("center", torch.zeros(WIDTH))
            self.register_buffer("spread", torch.ones(WIDTH))

        def forward(self, x: Tensor) -> Tensor:
            mean, var = self.center, self.spread
            if self.training:
                mean, var = x.mean(0), x.var(0, correction=0)
                self.center, self.spread = 0.8 * self.center + 0.2 * mean, 0.8 * self.spread + 0.2 * var
            return (x - mean) / (var + 1e-5).sqrt()

    net = Net()
    net.norm = Rebinding()
    return net


@model
def keeps_what_it_passes_on() -> nn.Module:
    class Keeping(Net):
        def forward(self, x: Tensor) -> Tensor:
            self.kept = self.first(x)
            return self.last(self.norm(x) + self.kept)

    return Keeping()


@model
def counter_of_a_function() -> nn.Module:
    def activation(x: Tensor, seen: list[int] = []) -> Tensor:  # noqa: B006 - it is kept on purpose
        activation.calls += 1
        seen.append(1)
        return functional.relu(x) * len(seen)

    activation.calls = 0

    class Functional(Net):
        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.activation(self.norm(self.first(x))))

    net = Functional()
    net.activation = activation
    return net


@model
def slots_and_cycles() -> nn.Module:
    class Slotted:
        __slots__ = ("count", "owner")

    class Owner(Net):
        def forward(self, x: Tensor) -> Tensor:
            self.state.count += 1
            return super().forward(x) * self.state.count

    net = Owner()
    net.state = Slotted()
    net.state.count, net.state.owner = 0, net
    return net


@model
def made_for_inference() -> nn.Module:
    with torch.inference_mode():
        return Net().requires_grad_(False)


@model
def nested_deeply() -> nn.Module:
    net: nn.Module = Net()
    for _ in range(150):
        net = nn.Sequential(net)
    return net


@model
def holds_its_optimizer() -> nn.Module:
    net = Net()
    net.optimizer = torch.optim.Adam(net.parameters())
    return net


@model
def closes_when_it_is_gone() -> nn.Module:
    class Owner(Net):
        def __del__(self) -> None:
            if "log" in vars(self):
                self.log.close()

        def forward(self, x: Tensor) -> Tensor:
            self.log.write("pass")
            return super().forward(x)

    net = Owner()
    net.log = io.StringIO()
    return net


@model
def packed_weights() -> nn.Module:
    net = Net()
    net.last = torch.ao.nn.quantized.dynamic.Linear(WIDTH, 2)
    return net

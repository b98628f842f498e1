"""Who trains: each yields seconds per step and network of one worker, again and again, after warming up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.training.task import CLASSES, INPUTS, RATE, UNITS, batches, data, layer_sizes, repeat
from bnstats.networks.kernels.choice import kernels
from bnstats.networks.network import Network
from bnstats.networks.recipe import Recipe


def ours(depth: int, n: int, least: float) -> Iterator[float]:
    """One network after the other."""
    x, y = data()
    rows = batches(n, 1000)
    network = Network.initial(Recipe((UNITS,) * depth, learning_rate=RATE), INPUTS, CLASSES, np.random.default_rng(0))
    network.train(x, y, rows)
    for taken in repeat(lambda: network.train(x, y, rows), least):
        yield taken / len(rows)


def sgemm(size: int, least: float) -> Iterator[float]:
    """Seconds of a product of square matrices."""
    a, b, out = np.ones((3, size, size), np.float32)
    kernels.multiply(a, b, out)
    yield from repeat(lambda: kernels.multiply(a, b, out), least)


def torch_loop(depth: int, n: int, least: float) -> Iterator[float]:
    """The loop that anybody would write."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    x, y = map(torch.from_numpy, data())
    hidden = [
        (nn.Linear(inputs, UNITS, bias=False), nn.BatchNorm1d(UNITS), nn.ReLU())
        for inputs in (INPUTS, *[UNITS] * (depth - 1))
    ]
    model = nn.Sequential(*[part for layer in hidden for part in layer], nn.Linear(UNITS, CLASSES))
    descent, loss = torch.optim.SGD(model.parameters(), lr=RATE), nn.CrossEntropyLoss()

    def train(rows: torch.Tensor) -> None:
        for batch in rows:
            descent.zero_grad()
            loss(model(x[batch]), y[batch]).backward()
            descent.step()

    rows = torch.from_numpy(batches(n, 100))
    train(rows)
    for taken in repeat(lambda: train(rows), least):
        yield taken / len(rows)


def torch_vmap(block: int, depth: int, n: int, least: float) -> Iterator[float]:
    """A block of networks at a time, by `torch.func.vmap` of the gradient."""
    import torch
    from torch.func import grad_and_value, vmap

    torch.set_num_threads(1)
    x, y = map(torch.from_numpy, data())
    pairs = list(zip(layer_sizes(depth)[:-1], layer_sizes(depth)[1:], strict=True))
    parameters = {f"weights {k}": torch.randn(block, i, o) * (2 / i) ** 0.5 for k, (i, o) in enumerate(pairs)}
    parameters |= {f"shift {k}": torch.zeros(block, o) for k, (_, o) in enumerate(pairs)}
    parameters |= {f"scale {k}": torch.ones(block, UNITS) for k in range(depth)}
    running = [torch.stack([torch.zeros(block, UNITS), torch.ones(block, UNITS)], dim=1) for _ in range(depth)]

    def loss(p: dict[str, torch.Tensor], rows: torch.Tensor, labels: torch.Tensor) -> Any:
        values, seen = rows, []
        for k in range(depth):
            z = values @ p[f"weights {k}"]
            mean, var = z.mean(0), z.var(0, correction=0)
            seen.append(torch.stack([mean, var * n / (n - 1)]))
            values = torch.relu((z - mean) * torch.rsqrt(var + 1e-5) * p[f"scale {k}"] + p[f"shift {k}"])
        logits = torch.log_softmax(values @ p[f"weights {depth}"] + p[f"shift {depth}"], dim=1)
        return -logits.gather(1, labels[:, None]).mean(), seen

    gradients = vmap(grad_and_value(loss, has_aux=True))

    def train(rows: torch.Tensor) -> None:
        for batch in rows:
            gradient, (_, seen) = gradients(parameters, x[batch], y[batch])
            for name, value in parameters.items():
                value -= RATE * gradient[name]
            for old, new in zip(running, seen, strict=True):
                old += 0.1 * (new - old)

    rows = torch.from_numpy(batches(n, max(2, 200 // block), block))
    train(rows)
    for taken in repeat(lambda: train(rows), least):
        yield taken / len(rows) / block


def jax_vmap(block: int, depth: int, n: int, least: float) -> Iterator[float]:
    """A block of networks at a time: `vmap` over networks, `scan` over steps, compiled."""
    import jax
    import jax.numpy as jnp

    x, y = (jnp.asarray(part) for part in data())
    sizes = layer_sizes(depth)

    def initial(key: jax.Array) -> dict[str, list[jax.Array]]:
        pairs = zip(jax.random.split(key, depth + 1), sizes[:-1], sizes[1:], strict=True)
        return {
            "weights": [jax.random.normal(k, (i, o)) * (2 / i) ** 0.5 for k, i, o in pairs],
            "shift": [jnp.zeros(size) for size in sizes[1:]],
            "scale": [jnp.ones(UNITS)] * depth,
        }

    def loss(p: dict[str, list[jax.Array]], rows: jax.Array) -> Any:
        values, seen = x[rows], []
        for w, shift, scale in zip(p["weights"][:-1], p["shift"], p["scale"], strict=False):
            z = values @ w
            mean, var = z.mean(0), z.var(0)
            seen.append((mean, var * n / (n - 1)))
            values = jax.nn.relu((z - mean) * jax.lax.rsqrt(var + 1e-5) * scale + shift)
        logits = jax.nn.log_softmax(values @ p["weights"][-1] + p["shift"][-1])
        return -jnp.take_along_axis(logits, y[rows][:, None], 1).mean(), seen

    def step(state: Any, rows: jax.Array) -> Any:
        parameters, running = state
        (value, seen), gradient = jax.value_and_grad(loss, has_aux=True)(parameters, rows)
        parameters = jax.tree.map(lambda p, g: p - RATE * g, parameters, gradient)
        return (parameters, jax.tree.map(lambda old, new: old + 0.1 * (new - old), running, seen)), value

    def losses(key: jax.Array, rows: jax.Array) -> Any:
        start = [(jnp.zeros(UNITS), jnp.ones(UNITS))] * depth
        return jax.lax.scan(step, (initial(key), start), rows)[1]

    train = jax.jit(jax.vmap(losses))
    steps = max(min(40_000 // (block * n), 1000), 20)
    keys, rows = jax.random.split(jax.random.key(0), block), jnp.asarray(batches(n, block, steps))
    train(keys, rows).block_until_ready()
    for taken in repeat(lambda: train(keys, rows).block_until_ready(), least):
        yield taken / steps / block

"""Ratios, measured in one run: trainings of bnstats against PyTorch, JAX, and the machine's own matrix products.

    python benchmarks/networks.py [--quick] [--cpu-time]

The work: networks of 64 inputs, one or four hidden layers of 64 with batch normalisation, and 10 classes, trained by
stochastic gradient descent on rows gathered by index. Microseconds a step and network, with all cores busy:

- ours: one thread a core, each trains one network after the other;
- PyTorch: the loop that anybody would write, one process a core, one thread each;
- JAX: `vmap` over a block of networks, `scan` over steps, one process a core; the best of a few block sizes;
- sgemm: rate of large products, one thread a core, and the share of it that ours reaches.

All of them take turns, so that whatever else the machine does hits them alike; medians over the rounds are printed. On
a machine shared with others, `--cpu-time` leaves out what a worker waits for a core (and for a lock: compare the two).
PyTorch and JAX are left out where they are not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing.pool import Pool

import numpy as np
from threadpoolctl import threadpool_limits

from bnstats.networks.kernels.products import multiply
from bnstats.networks.network import Network
from bnstats.networks.recipe import Recipe

INPUTS, UNITS, CLASSES, ROWS = 64, 64, 10, 1300
BATCH_SIZES = (2, 8, 32, 128)
TARGETS = {1: (80, 60, 20, 8), 4: (80, 60, 20, 5)}
RATE = 0.05
BLOCKS = (8, 32, 128)
CORES = os.cpu_count() or 1


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(CLASSES, size=ROWS)
    return (rng.normal(size=(ROWS, INPUTS)) + rng.normal(size=(CLASSES, INPUTS))[y]).astype(np.float32), y


def batches(n: int, *steps: int) -> np.ndarray:
    return np.random.default_rng(1).integers(ROWS, size=(*steps, n))


class Clock:
    """Seconds that work takes: on the wall, or of the worker's CPU, all of the process's own threads included."""

    now: Callable[[], float] = staticmethod(time.perf_counter)

    @classmethod
    def use(cls, cpu: bool, threads: bool) -> None:
        cls.now = staticmethod((time.thread_time if threads else time.process_time) if cpu else time.perf_counter)


def clock(work: Callable[..., object], *arguments: object) -> float:
    start = Clock.now()
    work(*arguments)
    return Clock.now() - start


def repeat(work: Callable[[], object], seconds: float) -> Iterator[float]:
    """Seconds that `work` takes, again and again, each time as a mean over so many seconds."""
    once = min(clock(work) for _ in range(3))
    while True:
        repeats = max(int(seconds / once), 1)
        yield clock(lambda number: [work() for _ in range(number)], repeats) / repeats


# ---- each of these yields seconds a step and network of one worker, after warming up


def ours(depth: int, n: int, seconds: float) -> Iterator[float]:
    x, y = data()
    rows = batches(n, 1000)
    network = Network.initial(Recipe((UNITS,) * depth, learning_rate=RATE), INPUTS, CLASSES, np.random.default_rng(0))
    network.train(x, y, rows)
    for taken in repeat(lambda: network.train(x, y, rows), seconds):
        yield taken / len(rows)


def pytorch(depth: int, n: int, seconds: float) -> Iterator[float]:
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
    for taken in repeat(lambda: train(rows), seconds):
        yield taken / len(rows)


def jax_block(block: int, depth: int, n: int, seconds: float) -> Iterator[float]:
    import jax
    import jax.numpy as jnp

    x, y = (jnp.asarray(part) for part in data())
    sizes = (INPUTS, *[UNITS] * depth, CLASSES)

    def initial(key: jax.Array) -> dict[str, list[jax.Array]]:
        keys = jax.random.split(key, depth + 1)
        pairs = zip(keys, sizes[:-1], sizes[1:], strict=True)
        return {
            "weights": [jax.random.normal(k, (i, o)) * (2 / i) ** 0.5 for k, i, o in pairs],
            "shift": [jnp.zeros(size) for size in sizes[1:]],
            "scale": [jnp.ones(UNITS)] * depth,
        }

    def loss(parameters: dict, rows: jax.Array) -> tuple[jax.Array, list]:
        values, seen = x[rows], []
        for w, shift, scale in zip(parameters["weights"][:-1], parameters["shift"], parameters["scale"], strict=False):
            z = values @ w
            mean, var = z.mean(0), z.var(0)
            seen.append((mean, var * n / (n - 1)))
            values = jax.nn.relu((z - mean) * jax.lax.rsqrt(var + 1e-5) * scale + shift)
        logits = jax.nn.log_softmax(values @ parameters["weights"][-1] + parameters["shift"][-1])
        return -jnp.take_along_axis(logits, y[rows][:, None], 1).mean(), seen

    def step(state: tuple, rows: jax.Array) -> tuple[tuple, jax.Array]:
        parameters, running = state
        (value, seen), gradient = jax.value_and_grad(loss, has_aux=True)(parameters, rows)
        parameters = jax.tree.map(lambda p, g: p - RATE * g, parameters, gradient)
        return (parameters, jax.tree.map(lambda old, new: old + 0.1 * (new - old), running, seen)), value

    @jax.jit
    @jax.vmap
    def train(key: jax.Array, rows: jax.Array) -> jax.Array:
        start = [(jnp.zeros(UNITS), jnp.ones(UNITS))] * depth
        return jax.lax.scan(step, (initial(key), start), rows)[1]

    steps = max(min(40_000 // (block * n), 1000), 20)
    keys, rows = jax.random.split(jax.random.key(0), block), jnp.asarray(batches(n, block, steps))
    train(keys, rows).block_until_ready()
    for taken in repeat(lambda: train(keys, rows).block_until_ready(), seconds):
        yield taken / steps / block


def sgemm(size: int, seconds: float) -> Iterator[float]:
    """Seconds a product of square matrices."""
    a, b, out = np.ones((3, size, size), np.float32)
    multiply(a, b, out)
    yield from repeat(lambda: multiply(a, b, out), seconds)


# ---- workers


class Threads:
    """A worker a core, each with a generator of its own, in threads of this process."""

    def __init__(self, measure: Callable[..., Iterator[float]], *arguments: float) -> None:
        self._pool = ThreadPoolExecutor(CORES)
        self._workers = [measure(*arguments) for _ in range(CORES)]
        list(self._pool.map(next, self._workers))

    def __call__(self) -> float:
        """Seconds a step and network of all workers together."""
        return float(np.mean(list(self._pool.map(next, self._workers)))) / CORES

    def close(self) -> None:
        self._pool.shutdown()


_mine: Iterator[float]


def _begin(name: str, barrier: object, cpu: bool, *arguments: float) -> None:
    global _mine, _barrier
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    Clock.use(cpu, threads=False)
    _mine, _barrier = globals()[name](*arguments), barrier
    next(_mine)


def _go(_: int) -> float:
    _barrier.wait()  # so that each process takes one task, and all begin together
    return next(_mine)


class Processes:
    """The same, in processes."""

    def __init__(self, cpu: bool, measure: Callable[..., Iterator[float]], *arguments: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool: Pool = context.Pool(CORES, _begin, (measure.__name__, context.Barrier(CORES), cpu, *arguments))

    def __call__(self) -> float:
        return float(np.mean(self._pool.map(_go, range(CORES), chunksize=1))) / CORES

    def close(self) -> None:
        self._pool.terminate()
        self._pool.join()


def products(depth: int, n: int) -> float:
    """Floating-point operations of a step's matrix products; the first layer passes no gradient on."""
    return 2.0 * n * ((3 * depth - 1) * INPUTS * UNITS + 3 * UNITS * CLASSES)


def compare(depth: int, n: int, seconds: float, rounds: int, blocks: tuple[int, ...], cpu: bool) -> dict[str, float]:
    """Median microseconds of each, and of the ratios of the rounds."""
    with ExitStack() as stack:
        runs: dict[str, Threads | Processes] = {"ours": Threads(ours, depth, n, seconds)}
        runs["sgemm"] = Threads(sgemm, 512, seconds / 2)
        if importlib.util.find_spec("torch"):
            runs["torch"] = Processes(cpu, pytorch, depth, n, seconds)
        if importlib.util.find_spec("jax"):
            runs |= {f"jax {block}": Processes(cpu, jax_block, block, depth, n, seconds) for block in blocks}
        for run in runs.values():
            stack.callback(run.close)
        for run in runs.values():
            run()  # all processes have begun before anything counts
        times = {name: np.empty(rounds) for name in runs}
        for r in range(rounds):
            for name, run in runs.items():
                times[name][r] = 1e6 * run()
    found = {name: float(np.median(values)) for name, values in times.items()}
    if "torch" in times:
        found["torch / ours"] = float(np.median(times["torch"] / times["ours"]))
    jax = [name for name in times if name.startswith("jax")]
    if jax:
        best = min(jax, key=found.__getitem__)
        found |= {"jax": found[best], "jax / ours": float(np.median(times[best] / times["ours"]))}
    rate = products(depth, n) / times["ours"] / (2 * 512.0**3 / times["sgemm"])
    return found | {"of sgemm": float(np.median(rate))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two batch sizes, one block size of JAX, short rounds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cpu-time", action="store_true", help="measure CPU time, on a machine that others use too")
    chosen = parser.parse_args()
    Clock.use(chosen.cpu_time, threads=True)
    for package in ("torch", "jax"):
        if not importlib.util.find_spec(package):
            print(f"{package} is not installed, so it is left out")
    seconds, blocks = (0.1, BLOCKS[1:2]) if chosen.quick else (0.3, BLOCKS)
    print(f"microseconds a step and network, {CORES} threads or processes")
    print("layers batch    ours  PyTorch     JAX  PyTorch/ours (to reach)  JAX/ours (1)  share of sgemm")
    with threadpool_limits(1):
        for depth, targets in TARGETS.items():
            for n, target in zip(BATCH_SIZES, targets, strict=True):
                if chosen.quick and n not in (2, 128):
                    continue
                found = compare(depth, n, seconds, chosen.rounds, blocks, chosen.cpu_time)
                torch, jax, against_torch, against_jax = (
                    found.get(name, np.nan) for name in ("torch", "jax", "torch / ours", "jax / ours")
                )
                print(
                    f"{depth:6d} {n:5d} {found['ours']:7.2f} {torch:8.1f} {jax:7.2f} {against_torch:12.1f} ({target})"
                    f" {against_jax:18.2f} {found['of sgemm']:17.0%}" + " (60%)" * (depth == 4 and n == 128),
                    flush=True,
                )


if __name__ == "__main__":
    main()

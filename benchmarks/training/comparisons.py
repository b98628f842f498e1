"""The rows: ours against each contestant, at several depths and batch sizes, and as a share of the machine's rate."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from itertools import product

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.frame import Benchmark, Measured, Row, Setting, turns
from benchmarks.training.contestants import jax_vmap, ours, sgemm, torch_loop, torch_vmap
from benchmarks.training.task import products
from benchmarks.training.workers import Contestant, Processes, Threads
from bnstats._arrays import FloatArray

DEPTHS = (1, 4)
BATCH_SIZES = (2, 8, 32, 128)
CONDITIONS = tuple(product(DEPTHS, BATCH_SIZES))
# Side of the matrices whose product is the machine's rate.
SQUARE = 512

Way = tuple[type[Threads] | type[Processes], Contestant, tuple[float, ...]]


def _name(what: str, depth: int, n: int) -> str:
    return f"{what}, {depth} layer{'s' * (depth > 1)}, batches of {n}"


def _times(ways: Mapping[str, Way], rounds: int) -> dict[str, FloatArray]:
    """Seconds per step and network of each, in rounds that begin when all are warm."""
    with ExitStack() as stack, threadpool_limits(1):
        runs = {}
        for name, (workers, contestant, arguments) in ways.items():
            runs[name] = workers(contestant, *arguments)
            stack.callback(runs[name].close)
        for run in runs.values():
            run()
        return turns(runs, rounds)


def _against(what: str, contestant: Contestant, blocks: tuple[int, ...], setting: Setting) -> Measured:
    """Ratios of its time to ours; if it trains several networks at a time, so many as are best for it."""
    least = setting.of(0.2, 0.001)
    found = {}
    for depth, n in setting.of(CONDITIONS, CONDITIONS[:1]):
        tried = setting.of(blocks, blocks[:1])
        given: list[tuple[float, ...]] = [(block, depth, n, least) for block in tried] or [(depth, n, least)]
        theirs: dict[str, Way] = {str(arguments): (Processes, contestant, arguments) for arguments in given}
        times = _times({"ours": (Threads, ours, (depth, n, least)), **theirs}, setting.rounds)
        best = min(np.median(times[name]) for name in theirs)
        theirs_best = next(times[name] for name in theirs if np.median(times[name]) == best)
        found[_name(what, depth, n)] = theirs_best / times["ours"]
    return found


def _share_of_sgemm(what: str, setting: Setting) -> Measured:
    """Operations per second of our steps over those of large products."""
    least = setting.of(0.2, 0.001)
    found = {}
    for depth, n in setting.of(CONDITIONS, CONDITIONS[:1]):
        ways: dict[str, Way] = {
            "ours": (Threads, ours, (depth, n, least)),
            "sgemm": (Threads, sgemm, (SQUARE, least / 2)),
        }
        times = _times(ways, setting.rounds)
        found[_name(what, depth, n)] = products(depth, n) / times["ours"] * times["sgemm"] / (2.0 * SQUARE**3)
    return found


def _rows(what: str, words: str, targets: Mapping[int, tuple[float | None, ...]]) -> tuple[Row, ...]:
    aims = [aim for depth in DEPTHS for aim in targets[depth]]
    return tuple(
        Row(_name(what, *condition), words, at_least=aim) for condition, aim in zip(CONDITIONS, aims, strict=True)
    )


LOOP, VMAP, JAX, SGEMM = "PyTorch's loop / ours", "torch.func.vmap / ours", "JAX / ours", "share of sgemm"
BENCHMARKS = (
    Benchmark(
        "torch-loop",
        _rows(
            LOOP,
            "time of a training step of one network in the usual loop, one process per core, over ours",
            {1: (80, 60, 20, 8), 4: (80, 60, 20, 5)},
        ),
        partial(_against, LOOP, torch_loop, ()),
        needs=("torch",),
    ),
    Benchmark(
        "torch-vmap",
        _rows(
            VMAP,
            "time of a training step of one network where blocks of networks are trained by vmap, over ours",
            dict.fromkeys(DEPTHS, (1.5,) * 4),
        ),
        partial(_against, VMAP, torch_vmap, (32,)),
        needs=("torch",),
    ),
    Benchmark(
        "jax",
        _rows(
            JAX,
            "time of a training step of one network where blocks of networks are trained by compiled vmap, over ours",
            dict.fromkeys(DEPTHS, (1.5,) * 4),
        ),
        partial(_against, JAX, jax_vmap, (8, 32, 128)),
        needs=("jax",),
    ),
    Benchmark(
        "sgemm",
        _rows(
            SGEMM,
            "floating-point operations of a step's matrix products per second, over those of large products",
            {1: (None,) * 4, 4: (None, None, None, 0.6)},
        ),
        partial(_share_of_sgemm, SGEMM),
    ),
)

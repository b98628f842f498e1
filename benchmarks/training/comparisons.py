"""The rows: ours against each contestant, at several depths and batch sizes, and as a share of the machine's rate."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from functools import partial
from itertools import product

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.frame import Benchmark, Measured, Row, Setting, turns
from benchmarks.training.contestants import jax_vmap, ours, sgemm, torch_loop, torch_vmap
from benchmarks.training.task import products
from benchmarks.training.workers import Contestant, Processes, Threads
from bnstats._checks.array_types import FloatArray

DEPTHS = (1, 4)
BATCH_SIZES = (2, 8, 32, 128)
CONDITIONS = tuple(product(DEPTHS, BATCH_SIZES))
# Side of the matrices whose product is the machine's rate.
SQUARE = 512


def _name(what: str, depth: int, n: int) -> str:
    return f"{what}, {depth} layer{'s' * (depth > 1)}, batches of {n}"


def _times(runs: Mapping[str, Threads | Processes], rounds: int) -> dict[str, FloatArray]:
    """Seconds per step and network of each, in rounds that begin when all are warm."""
    for run in runs.values():
        run()
    return turns(runs, rounds)


def _against(what: str, contestant: Contestant, blocks: tuple[int, ...], setting: Setting) -> Measured:
    """Ratios of its time to ours; if it trains several networks at a time, so many as are best for it."""
    least = setting.of(0.2, 0.001)
    tried: list[tuple[float, ...]] = [(block,) for block in setting.of(blocks, blocks[:1])] or [()]
    found = {}
    with ExitStack() as stack, threadpool_limits(1):
        theirs = {block: stack.enter_context(closing(Processes())) for block in tried}
        for depth, n in setting.of(CONDITIONS, CONDITIONS[:1]):
            for block, processes in theirs.items():
                processes.begin(contestant, *block, depth, n, least)
            with closing(Threads(ours, depth, n, least)) as threads:
                runs: dict[str, Threads | Processes] = {"ours": threads}
                runs |= {str(block): run for block, run in theirs.items()}
                times = _times(runs, setting.rounds)
            best = min((times[str(block)] for block in tried), key=np.median)
            found[_name(what, depth, n)] = best / times["ours"]
    return found


def _share_of_sgemm(what: str, setting: Setting) -> Measured:
    """Operations per second of our steps over those of large products."""
    least = setting.of(0.2, 0.001)
    found = {}
    with threadpool_limits(1):
        for depth, n in setting.of(CONDITIONS, CONDITIONS[:1]):
            with closing(Threads(ours, depth, n, least)) as mine, closing(Threads(sgemm, SQUARE, least / 2)) as best:
                times = _times({"ours": mine, "sgemm": best}, setting.rounds)
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

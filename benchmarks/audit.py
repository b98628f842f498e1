"""The audit's pass over batches against the model's own forward passes, in training mode, on one thread."""

from __future__ import annotations

from functools import partial

from benchmarks.frame import Benchmark, Measured, Row, Setting, timed

# Names of the models in `audited_models`, which needs PyTorch.
MODELS = ("residual, 16 channels", "residual, 64 channels", "dense, 6 layers of 512", "dense, 3 layers of 32")


def _name(model: str) -> str:
    return f"audit / forward passes, {model}"


def overhead(setting: Setting) -> Measured:
    import torch

    from benchmarks.audited_models import MADE, plain, watching

    torch.set_num_threads(1)
    torch.manual_seed(0)
    found = {}
    for name in setting.of(MODELS, MODELS[-1:]):
        model, shape = MADE[name]()
        batches = [torch.randn(shape) for _ in range(8)]
        with watching(model, batches[0]) as watch:
            times = timed({"plain": partial(plain, model, batches), "watched": partial(watch, batches)}, setting.rounds)
        found[_name(name)] = times["watched"] / times["plain"]
    return found


BENCHMARKS = (
    Benchmark(
        "audit",
        tuple(
            Row(_name(name), "the statistics of every layer and batch, over plain passes", at_most=1.3)
            for name in MODELS
        ),
        overhead,
        needs=("torch",),
    ),
)

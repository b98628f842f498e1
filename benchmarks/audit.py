"""Costs of the audit: its passes against the model's own, and a whole call against an older one, on one thread."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.frame import Benchmark, Measured, Row, Setting, turns

# Names of the models in `audited_models`, which needs PyTorch.
MODELS = ("residual, 16 channels", "residual, 64 channels", "dense, 6 layers of 512", "dense, 3 layers of 32")
OLDER = "505c59d"
"""Commit of the first edition of the audit, which a whole call is compared with."""
ROOT = Path(__file__).parents[1]
# The older package cannot import this folder's own package, so the file is run by its path.
CALL = "import runpy; print(runpy.run_path({!r})['seconds_of_call']({!r}, {!r}))"


def _row(what: str, model: str) -> str:
    return f"{what}, {model}"


def passes(setting: Setting) -> Measured:
    import torch

    from benchmarks.audited_models import MADE, isolated, plain, watched

    torch.set_num_threads(1)
    torch.manual_seed(0)
    found = {}
    for name in setting.of(MODELS, MODELS[-1:]):
        model, shape = MADE[name]()
        batches = [torch.randn(shape) for _ in range(8)]
        private = isolated(model, batches[0])
        training, evaluation = (isolated(model, batches[0]).working.module.train(mode) for mode in (True, False))
        ways = {
            "training": partial(plain, training, batches),
            "watched": partial(watched, private, batches),
            "evaluation": partial(plain, evaluation, batches),
            "lockstep": partial(private.lockstep, batches),
        }
        for way in ways.values():
            way()
        times = turns({what: partial(cpu_seconds, way) for what, way in ways.items()}, setting.rounds)
        found[_row("moments / training passes", name)] = times["watched"] / times["training"]
        found[_row("lockstep / evaluation passes", name)] = times["lockstep"] / times["evaluation"]
    return found


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of all threads; the clock on the wall would count waiting for threads of other processes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def calls(setting: Setting) -> Measured:
    """CPU seconds of a whole call in new processes; nothing where the older commit is not in the clone."""
    names = setting.of(MODELS, ())
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", OLDER, "src"], cwd=ROOT, capture_output=True, check=False)
        if archive.returncode or not names:
            return {_row("audit / older audit", name): [] for name in names}
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        ways = {
            f"{age} {name}": partial(_seconds_of_call, source, name, setting.of(60, 4))
            for name in names
            for age, source in (("new", str(ROOT / "src")), ("old", f"{folder}/src"))
        }
        times = turns(ways, setting.rounds)
    return {_row("audit / older audit", name): times[f"new {name}"] / times[f"old {name}"] for name in names}


def _seconds_of_call(source: str, name: str, batches: int) -> float:
    models = str(Path(__file__).with_name("audited_models.py"))
    command = [sys.executable, "-c", CALL.format(models, name, batches)]
    environment = {**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


BENCHMARKS = (
    Benchmark(
        "audit",
        (
            *(
                Row(_row("moments / training passes", name), "statistics of every layer and batch", at_most=1.3)
                for name in MODELS
            ),
            *(
                Row(_row("lockstep / evaluation passes", name), "population statistics of all batches", at_most=2.1)
                for name in MODELS
            ),
        ),
        passes,
        needs=("torch",),
    ),
    Benchmark(
        "audit call",
        tuple(
            Row(_row("audit / older audit", name), f"CPU time of bn.audit over that of commit {OLDER}", at_most=1.3)
            for name in MODELS
        ),
        calls,
        needs=("torch",),
    ),
)

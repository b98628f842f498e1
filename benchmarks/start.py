"""Cost of a start: the import, and the first call with and without compiled code on disk."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from benchmarks.frame import Benchmark, Measured, Row, Setting, seconds, timed

USE = "import bnstats as bn; bn.measure_convergence"
CALL = f"{USE}('normal', precision=None, max_replicates=32, progress=False)"
TRAINING = (
    "import bnstats as bn; bn.measure_mismatch('digits', batch_sizes=8, steps=50, precision=None, max_replicates=8, "
    "progress=False)"
)
# What bnstats cannot do without, and most scripts have imported anyway.
USUAL = "import numpy, pandas, scipy.stats"


def child(code: str, cache: str | None = None) -> str:
    """Return what a new process prints that runs this code, with compiled code in the folder `cache`."""
    place = {} if cache is None else {"NUMBA_CACHE_DIR": cache}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **place}).stdout


def peak(code: str) -> float:
    """Peak memory in MB of a new process that runs this code."""
    status = child(f"{code}\nprint(open('/proc/self/status').read())")
    return next(float(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def importing(setting: Setting) -> Measured:
    codes = {"nothing": "", "bnstats": "import bnstats", "use": USE, "usual": USUAL}
    times = timed({name: partial(child, code) for name, code in codes.items()}, setting.rounds)
    return {
        "import": times["bnstats"] - times["nothing"],
        "import and first name / usual imports": times["use"] / times["usual"],
        "import and first name, memory": [peak(USE) - peak(USUAL) for _ in range(setting.rounds)],
    }


def first_call(setting: Setting) -> Measured:
    """The first process fills an empty folder with compiled code, the others load it."""
    found: dict[str, list[float]] = {}
    for name, call in {"convergence": CALL, "training": TRAINING}.items():
        with tempfile.TemporaryDirectory() as folder:
            first, *others = (seconds(partial(child, call, folder)) for _ in range(1 + setting.rounds))
        found |= {f"first call, {name}, compiling": [first], f"first call, {name}, compiled before": others}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(3) as pool:
        at_once = seconds(lambda: list(pool.map(lambda _: child(TRAINING, folder), range(3))))
    return found | {"first call, training, three processes at once": [at_once]}


BENCHMARKS = (
    Benchmark(
        "import",
        (
            Row("import", "`import bnstats`, less a bare interpreter", "s", at_most=0.1),
            Row("import and first name / usual imports", f"a process with `{USE}` over one with `{USUAL}`", at_most=2),
            Row("import and first name, memory", "peak memory, less that of the usual imports", "MB", at_most=100),
        ),
        importing,
    ),
    Benchmark(
        "first-call",
        (
            Row(
                "first call, convergence, compiling", f"a process with `{CALL}`, nothing compiled yet", "s", at_most=10
            ),
            Row("first call, convergence, compiled before", "the same with compiled code on disk", "s", at_most=5),
            Row(
                "first call, training, compiling", f"a process with `{TRAINING}`, nothing compiled yet", "s", at_most=10
            ),
            Row("first call, training, compiled before", "the same with compiled code on disk", "s", at_most=5),
            Row("first call, training, three processes at once", "the same, nothing compiled yet", "s", at_most=62),
        ),
        first_call,
    ),
)

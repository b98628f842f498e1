"""What it costs to begin: the import, and the first call with and without compiled code on disk."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial

from benchmarks.frame import Benchmark, Measured, Row, Setting, seconds, timed

USE = "import bnstats as bn; bn.measure_convergence"
CALL = f"{USE}('normal', precision=None, max_replicates=32, progress=False)"
# What bnstats cannot do without, and most scripts have imported anyway.
USUAL = "import numpy, pandas, scipy.stats"


def child(code: str, cache: str | None = None) -> str:
    """What a new process prints that runs this code, with compiled code in the folder `cache`."""
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
    with tempfile.TemporaryDirectory() as folder:
        first, *others = (seconds(partial(child, CALL, folder)) for _ in range(1 + setting.rounds))
    return {"first call, compiling": [first], "first call, compiled before": others}


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
            Row("first call, compiling", "a process that measures convergence, nothing compiled yet", "s", at_most=10),
            Row("first call, compiled before", "the same with compiled code on disk", "s", at_most=5),
        ),
        first_call,
    ),
)

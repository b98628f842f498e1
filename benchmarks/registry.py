"""All benchmarks, in the order of the table. A further one is an entry of `BENCHMARKS` in a file that stands here."""

from __future__ import annotations

from benchmarks import (
    audit,
    cluster,
    convergence,
    correction,
    growth,
    memory,
    monitored_step,
    pairing,
    precision,
    replicates,
    start,
    training,
)
from benchmarks.frame import Benchmark

_FILES = (
    convergence,
    precision,
    training,
    growth,
    memory,
    start,
    audit,
    monitored_step,
    cluster,
    pairing,
    replicates,
    correction,
)
BENCHMARKS: dict[str, Benchmark] = {b.name: b for file in _FILES for b in file.BENCHMARKS}

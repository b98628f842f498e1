"""bnstats against what a user would pick instead, and against itself: `python -m benchmarks [NAME ...]`."""

import sys

from bnstats.cli.interrupts import interruptible

if sys.argv[:1] == ["-m"]:  # this package is about to be run, and has not yet been imported
    interruptible("python -m benchmarks")

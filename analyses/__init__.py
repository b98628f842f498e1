"""One script a figure: `python -m analyses` runs all, `python -m analyses.NAME` one."""

import sys

from bnstats.cli.interrupts import interruptible

if sys.argv[:1] == ["-m"]:  # this package is about to be run, and has not yet been imported
    interruptible("python -m analyses")

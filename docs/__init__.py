"""The site: `python -m docs` builds it into docs/_build/html."""

import sys

from bnstats.cli.interrupts import interruptible

if sys.argv[:1] == ["-m"]:  # this package is about to be run, and has not yet been imported
    interruptible("python -m docs")

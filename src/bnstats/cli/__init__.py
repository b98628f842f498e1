"""Command line: the package's functions, each with its options, a progress bar and a table."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bnstats.cli.interrupts import STATUS, interruptible


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its status.

    The status is 0 on success, 1 if a claim is undecided or an audit has the verdict of --fail-on, 2 for bad arguments,
    and 130 after a Ctrl-C.

    >>> main(["claims", "same-as-whole-data-at-3"])
    1 claim by evidence: 0 supported, 1 refuted, 0 undecided.
    Any of the verdicts is wrong with a probability of at most 0.001.
    refuted: For 95 % of normal values, normalizing by a batch of 3 differs by at most 0.2 from normalizing by the
    population.
    Estimate 0.2148 (0.2084 to 0.2213); true if at least 0.95.
    0
    """
    if argv is None:
        interruptible("bnstats")
    try:
        from bnstats.cli.commands import main as run

        return run(argv)
    except KeyboardInterrupt:
        print("\nbnstats: interrupted", file=sys.stderr)
        return STATUS

"""Results of campaigns, as rows that the site shows: `benchmarks/measured/NAME.csv`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from benchmarks.machine import machine

COLUMNS = ("command", "fault", "outcome", "number", "seconds")


def add_to(parser: argparse.ArgumentParser) -> None:
    """The option that names the CSV file to write."""
    parser.add_argument("--to", type=Path, help="write the counts to this CSV file too")


def rows(command: str, fault: str, counts: Mapping[str, int], seconds: float) -> list[dict[str, object]]:
    """One row for each outcome of a kind of fault, the most frequent first.

    >>> rows("faults.py --kills 3", "SIGKILL", {"same": 1, "refused": 2}, 0.4)[0]["outcome"]
    'refused'
    """
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return [dict(zip(COLUMNS, (command, fault, what, n, round(seconds)), strict=True)) for what, n in ordered]


def save(to: Path | None, found: list[dict[str, object]]) -> None:
    """Write the rows, with the processor they were measured on."""
    if to is not None:
        to.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(found).assign(processor=machine()["processor"]).to_csv(to, index=False)

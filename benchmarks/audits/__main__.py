"""Share of models in which an audit names what is wrong: `python -m benchmarks.audits`.

Rows are appended to a file and are not made again, so that a campaign can be interrupted. Two processes divide it by
`--part 1/2` and `--part 2/2`. Seeds 1 to 5 are held out: no threshold was chosen on them. Seeds from 100 on are those
on which the audit was developed. Seed 0 was looked at before the last changes, so that it counts as one of these.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

from benchmarks.audits.auditing import run
from benchmarks.audits.jobs import TABLES, jobs
from benchmarks.audits.judged import confusion, judged, rates

MEASURED = Path(__file__).parents[1] / "measured" / "audits.csv"


def main(argv: list[str] | None = None) -> None:
    """Run a campaign and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audits", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="seeds of the models (default: 1 to 5)"
    )
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--kinds", nargs="*", help="only kinds whose name contains one of these")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="the Kth of N parts")
    parser.add_argument("--to", type=Path, default=MEASURED, help="file of rows (default: the committed one)")
    parser.add_argument("--table", type=Path, metavar="FILE", help="only print what this file holds")
    chosen = parser.parse_args(argv)
    if chosen.table is None:
        import torch

        torch.set_num_threads(1)
        part, parts = map(int, chosen.part.split("/"))
        run(_part(jobs(chosen.tables, chosen.seeds), chosen.kinds, part, parts), chosen.to)
    print(shown(pd.read_csv(chosen.table or chosen.to)))


def _part(all_jobs: list, kinds: list[str] | None, part: int, parts: int) -> list:  # type: ignore[type-arg]
    """Return every so manieth group of one framework, seed and family."""
    groups = list(dict.fromkeys((job.framework, job.seed, job.family) for job in all_jobs))
    mine = {group for place, group in enumerate(groups) if place % parts == part - 1}
    return [
        job
        for job in all_jobs
        if (job.framework, job.seed, job.family) in mine and (not kinds or any(k in job.kind for k in kinds))
    ]


def shown(rows: pd.DataFrame) -> str:
    """Return the confusion table, what missed, and the bounded proportions, as a terminal shows them."""
    table = judged(rows)
    bad = table[table["outcome"].isin(["wrong", "missed", "false alarm", "error"])]
    columns = ["framework", "kind", "family", "seed", "batches", "true_gain", "verdict", "cause", "outcome", "said"]
    lines = [confusion(rows).to_string(), "", bad[columns].to_string(index=False), ""]
    lines += [f"{name}: {r.value:.1%} of {r.audits:,} ({r.word} {r.bound:.0%})" for name, r in rates(rows).items()]
    lines += ["", f"{len(rows)} audits, {rows['seconds'].sum() / 60:.0f} CPU minutes"]
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])

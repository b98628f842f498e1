"""All benchmarks, or the named ones, in one table with machine and versions: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import pandas as pd

from benchmarks.frame import Setting
from benchmarks.machine import machine
from benchmarks.registry import BENCHMARKS

MEASURED = Path(__file__).parent / "measured" / "speed"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="in which all ways take turns (default: %(default)s)")
    parser.add_argument("--tiny", action="store_true", help="least work, to see that it runs; the numbers mean nothing")
    parser.add_argument(
        "--to",
        type=Path,
        help="save TO.csv, beside rows of other benchmarks, and TO.json (default: if all are run, the committed ones)",
    )
    chosen = parser.parse_intermixed_args(argv)
    unknown = [name for name in chosen.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]}; there are: {', '.join(BENCHMARKS)}")
    if chosen.rounds < 1:
        parser.error(f"--rounds is at least 1; got {chosen.rounds}")
    to = chosen.to or (None if chosen.names or chosen.tiny else MEASURED)
    record = {"rounds": chosen.rounds} | machine()
    table = run(chosen.names or list(BENCHMARKS), Setting(chosen.rounds, chosen.tiny))
    if to is not None:
        to.parent.mkdir(parents=True, exist_ok=True)
        _joined(to.with_suffix(".csv"), table).to_csv(to.with_suffix(".csv"), index=False, float_format="%.4g")
        to.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")


def run(names: list[str], setting: Setting) -> pd.DataFrame:
    """The table of these benchmarks, each printed as soon as it is measured."""
    tables = []
    for name in names:
        start = time.perf_counter()
        tables.append(BENCHMARKS[name].table(setting))
        print(f"\n{name}, {time.perf_counter() - start:.0f} s", flush=True)
        print(printed(tables[-1]), flush=True)
    return pd.concat(tables, ignore_index=True)


def _joined(saved: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The rows with those of other benchmarks that the file holds already, in the order of the registry."""
    if saved.exists():
        old = pd.read_csv(
            saved, keep_default_na=False, na_values={str(name): [""] for name in table.select_dtypes("number")}
        )
        table = pd.concat([old[~old["benchmark"].isin(table["benchmark"])], table], ignore_index=True)
    place = {name: i for i, name in enumerate(BENCHMARKS)}
    return table.sort_values("benchmark", key=lambda names: names.map(place), kind="stable", ignore_index=True)


def printed(table: pd.DataFrame) -> str:
    """The table as a terminal shows it."""
    columns = ["comparison", "unit", "median", "minimum", "maximum", "target", "reached"]
    return str(table[columns].to_string(index=False, float_format="{:.3g}".format, na_rep=""))


if __name__ == "__main__":
    main(sys.argv[1:])

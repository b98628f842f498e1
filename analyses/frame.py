"""What the analyses share: the options, and how a figure, its numbers and its provenance are written."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

FIGURES = Path(__file__).resolve().parent.parent / "figures"
Defaults = Mapping[str, Any]


def options() -> argparse.ArgumentParser:
    """The parent parser of every analysis."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--quick", action="store_true", help="a small version in seconds, written to OUT/quick")
    parser.add_argument("--seed", type=_seed, default=0, help="seed of all random streams (default: %(default)s)")
    parser.add_argument(
        "--jobs", type=_jobs, default=None, help="threads; results do not depend on it (default: all cores)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=None,
        metavar="OUT",
        help="folder for NAME.png, NAME.csv, NAME.json (default: figures)",
    )
    parser.add_argument(
        "--precision", type=_precision, default=None, help="relative Monte Carlo standard error to reach"
    )
    parser.add_argument(
        "--store", type=Path, default=None, help="folder for SQLite files, so that a run can be resumed"
    )
    parser.add_argument("--replot", action="store_true", help="draw again from the saved CSV, without simulating")
    return parser


def _seed(text: str) -> int:
    return _whole(text, "a whole number of at least 0", 0)


def _jobs(text: str) -> int:
    return _whole(text, "a number of threads, at least 1", 1)


def _whole(text: str, what: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{what}; got {text}")
    return int(text)


def _precision(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"a relative standard error between 0 and 1; got {text}")
    return value


class Options(argparse.Namespace):
    """The parsed options of a run."""

    quick: bool
    seed: int
    jobs: int | None
    out: Path | None
    precision: float | None
    store: Path | None
    replot: bool

    def study(self, name: str, *, full: float | Defaults, quick: float | Defaults) -> dict[str, Any]:
        """Keyword arguments for a `measure_...` call, whose store is called `name`.

        `full` and `quick` are the analysis's own: a precision, or keyword arguments with or without one, such as
        `{"precision": 0.01, "steps": 1000}`. A precision from the command line takes the place of it.
        """
        own = quick if self.quick else full
        defaults = dict(own) if isinstance(own, Mapping) else {"precision": own}
        wanted = {} if self.precision is None else {"precision": self.precision}
        if self.store is not None:
            self.store.mkdir(parents=True, exist_ok=True)
        store = None if self.store is None else self.store / f"{name}{'-quick' if self.quick else ''}.sqlite"
        return {"seed": self.seed, "executor": self.jobs, "store": store} | defaults | wanted


def run(
    name: str,
    simulate: Callable[[Options], pd.DataFrame],
    plot: Callable[[pd.DataFrame], Figure],
    argv: Sequence[str] | None = None,
    description: str | None = None,
) -> Path:
    """The `main` of an analysis: read its options, and `produce` what they say."""
    parser = argparse.ArgumentParser(prog=f"python -m analyses.{name}", parents=[options()], description=description)
    return produce(name, simulate, plot, parser.parse_args(argv, namespace=Options()))


def produce(
    name: str, simulate: Callable[[Options], pd.DataFrame], plot: Callable[[pd.DataFrame], Figure], chosen: Options
) -> Path:
    """Simulate (or read the saved numbers), draw, and write NAME.csv, NAME.json and NAME.png; returns the last."""
    folder = chosen.out or FIGURES
    folder = folder / "quick" if chosen.quick else folder
    folder.mkdir(parents=True, exist_ok=True)
    saved = folder / f"{name}.csv"
    if chosen.replot:
        if not saved.exists():
            raise SystemExit(f"{name}: --replot needs {saved}, which is not there; run once without --replot")
        frame = pd.read_csv(saved)
    else:
        frame = simulate(chosen)
        _write(saved, lambda path: frame.to_csv(path, index=False))
        _write(folder / f"{name}.json", lambda path: path.write_text(_provenance(name, chosen)))
    mpl.use("Agg")
    figure = plot(frame)
    _write(folder / f"{name}.png", lambda path: figure.savefig(path, format="png", metadata={"Software": None}))
    plt.close(figure)
    return folder / f"{name}.png"


def _provenance(name: str, chosen: Options) -> str:
    arguments = {key: value for key, value in vars(chosen).items() if key in ("quick", "seed", "precision")}
    record = {
        "analysis": name,
        "arguments": arguments,
        "versions": {"python": platform.python_version(), **_versions()},
    }
    return json.dumps(record, indent=2) + "\n"


def _versions() -> dict[str, str]:
    """Of bnstats, and of all that it and its analyses require."""
    required = [r for r in requires("bnstats") or () if "extra ==" not in r or "analyses" in r.partition(";")[2]]
    found = {}
    for package in ("bnstats", *(re.split(r"[^\w.-]", r)[0] for r in required)):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    """Write beside the target and rename, so that a reader or an interruption never meets half a file."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    os.close(handle)
    try:
        write(Path(temporary))
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)

"""What the analyses share: the options, and how a figure, its numbers and its provenance are written."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

FIGURES = Path(__file__).resolve().parent.parent / "figures"
PACKAGES = ("bnstats", "numpy", "scipy", "pandas", "statsmodels", "numba", "matplotlib", "seaborn", "scikit-learn")


def options() -> argparse.ArgumentParser:
    """The parent parser of every analysis."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--quick", action="store_true", help="a small version in seconds, written to figures/quick")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random streams (default: %(default)s)")
    parser.add_argument(
        "--jobs", type=int, default=None, help="threads; results do not depend on it (default: all cores)"
    )
    parser.add_argument(
        "--out", type=Path, default=None, help="folder for NAME.png, NAME.csv, NAME.json (default: figures)"
    )
    parser.add_argument("--precision", type=float, default=None, help="relative Monte Carlo standard error to reach")
    parser.add_argument(
        "--store", type=Path, default=None, help="folder for SQLite files, so that a run can be resumed"
    )
    parser.add_argument("--replot", action="store_true", help="draw again from the saved CSV, without simulating")
    return parser


class Options(argparse.Namespace):
    """The parsed options of a run."""

    quick: bool
    seed: int
    jobs: int | None
    out: Path | None
    precision: float | None
    store: Path | None
    replot: bool

    def study(self, name: str, *, full: float, quick: float) -> dict[str, Any]:
        """Keyword arguments for a `measure_...` call: precision as wanted, else `full` or `quick`; `name` its store."""
        if self.store is not None:
            self.store.mkdir(parents=True, exist_ok=True)
        return {
            "precision": self.precision or (quick if self.quick else full),
            "seed": self.seed,
            "executor": self.jobs,
            "store": None if self.store is None else self.store / f"{name}{'-quick' if self.quick else ''}.sqlite",
        }


def run(
    name: str,
    simulate: Callable[[Options], pd.DataFrame],
    plot: Callable[[pd.DataFrame], Figure],
    argv: Sequence[str] | None = None,
    description: str | None = None,
) -> Path:
    """Simulate (or read the saved numbers), draw, and write NAME.csv, NAME.json and NAME.png; returns the last."""
    parser = argparse.ArgumentParser(prog=f"python -m analyses.{name}", parents=[options()], description=description)
    chosen = parser.parse_args(argv, namespace=Options())
    folder = chosen.out or (FIGURES / "quick" if chosen.quick else FIGURES)
    folder.mkdir(parents=True, exist_ok=True)
    saved = folder / f"{name}.csv"
    if chosen.replot:
        if not saved.exists():
            parser.error(f"--replot needs {saved}, which is not there; run once without --replot")
        frame = pd.read_csv(saved)
    else:
        frame = simulate(chosen)
        _write(saved, lambda path: frame.to_csv(path, index=False))
        _write(folder / f"{name}.json", lambda path: path.write_text(_provenance(name, chosen)))
    mpl.use("Agg")
    figure = plot(frame)
    _write(folder / f"{name}.png", lambda path: figure.savefig(path, format="png", metadata={"Software": None}))
    return folder / f"{name}.png"


def _provenance(name: str, chosen: Options) -> str:
    arguments = {key: value for key, value in vars(chosen).items() if key in ("quick", "seed", "precision")}
    versions = {package: version(package) for package in PACKAGES}
    record = {"analysis": name, "arguments": arguments, "versions": {"python": platform.python_version(), **versions}}
    return json.dumps(record, indent=2) + "\n"


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

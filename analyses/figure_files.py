"""The three files of a figure: NAME.csv (its numbers), NAME.json (their provenance) and NAME.png."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "figures"
# Fewer than a float holds, so that what another machine rounds otherwise does not show.
DIGITS, DECIMALS = 6, 12
# A quick version claims nothing for all of what it shows.
QUICK_TITLE = "A quick version with few replicates, to see that it runs; the full one says what holds"


def produce(
    name: str,
    simulate: Callable[[], pd.DataFrame],
    plot: Callable[[pd.DataFrame], Figure],
    folder: Path,
    arguments: Mapping[str, Any],
) -> Path:
    """Simulate, and write NAME.csv, NAME.json and NAME.png, which is drawn from the CSV; returns the last.

    The provenance holds the arguments, the commit, versions, and the processor time that it took. Where the numbers are
    those that were there, their provenance stays.
    """
    start = _processor_time()
    numbers = as_csv(simulate())
    seconds = _processor_time() - start
    saved, provenance = folder / f"{name}.csv", folder / f"{name}.json"
    if not _made_before(saved, provenance, numbers, arguments):
        _write(saved, lambda path: path.write_bytes(numbers.encode()))
        record = {"analysis": name, "arguments": dict(arguments), "commit": _commit()}
        record |= {"cpu_seconds": float(f"{seconds:.2g}")}
        record |= {"versions": {"python": platform.python_version(), **_versions()}}
        _write(provenance, lambda path: path.write_text(json.dumps(record, indent=2) + "\n"))
    return _draw(name, plot, pd.read_csv(saved), folder, arguments["quick"])


def _made_before(saved: Path, provenance: Path, numbers: str, arguments: Mapping[str, Any]) -> bool:
    """Whether the same numbers, from the same arguments, are there with their provenance."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        made_with = json.loads(provenance.read_text())["arguments"]
        return saved.read_bytes() == numbers.encode() and dict(made_with) == dict(arguments)
    return False


def as_committed(figure: Path) -> bool:
    """Whether figure, numbers and provenance are, to the byte, those of the commit that is checked out."""
    files = [figure.with_suffix(ending) for ending in (".png", ".csv", ".json")]
    return all(file.read_bytes() == _committed(file) for file in files)


def _committed(file: Path) -> bytes | None:
    """What the file holds in the commit that is checked out; None if it is not in a repository, or not committed."""
    command = ["git", "-C", str(file.parent), "show", f"HEAD:./{file.name}"]
    with suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(command, capture_output=True, check=True).stdout
    return None


def _processor_time() -> float:
    """Seconds of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


def draw_again(name: str, plot: Callable[[pd.DataFrame], Figure], folder: Path, quick: bool) -> Path:
    """Draw NAME.png from the saved NAME.csv.

    Raises
    ------
    SystemExit
        With a sentence, if there is none or it is not what this analysis writes.
    """
    saved = folder / f"{name}.csv"
    if not saved.exists():
        raise SystemExit(f"{name}: --replot needs {saved}, which is not there; run once without --replot")
    try:
        return _draw(name, plot, pd.read_csv(saved), folder, quick)
    except Exception as error:  # a table that was edited may lack anything
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise SystemExit(
            f"{name}: {saved} is not a table that this analysis writes ({reason}); run once without --replot"
        ) from error


def expected_seconds(name: str) -> float | None:
    """Processor time that the committed figure took, None where there is none."""
    with suppress(OSError, ValueError, KeyError):
        return float(json.loads((FIGURES / f"{name}.json").read_text())["cpu_seconds"])
    return None


def as_csv(numbers: pd.DataFrame) -> str:
    """The numbers as a CSV file has them.

    >>> import numpy as np
    >>> as_csv(pd.DataFrame({"value": [1 / 3, 2.0**40, -4e-17, np.inf], "name": "x"})).split()
    ['value,name', '0.333333,x', '1099511627776,x', '0,x', 'inf,x']
    """
    return str(numbers.to_csv(index=False, float_format=_rounded))


def _rounded(value: float) -> str:
    """Six significant digits and twelve decimals; whole numbers as they are."""
    short = round(float(value), DECIMALS) + 0.0  # never -0
    return f"{short:.0f}" if short.is_integer() else f"{short:.{DIGITS}g}"


def _draw(name: str, plot: Callable[[pd.DataFrame], Figure], numbers: pd.DataFrame, folder: Path, quick: bool) -> Path:
    mpl.use("Agg")
    figure = plot(numbers)
    if quick:
        figure.suptitle(QUICK_TITLE)
    _write(folder / f"{name}.png", lambda path: figure.savefig(path, format="png", metadata={"Software": None}))
    plt.close(figure)
    return folder / f"{name}.png"


def _commit() -> str | None:
    """The commit whose code is running, with a plus where it was changed; None outside of a repository."""
    try:
        commit = _git("rev-parse", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--", "src", "analyses") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


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

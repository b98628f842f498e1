"""The files of a figure: NAME.csv (its numbers), NAME.json (their provenance), NAME.png and NAME.narrow.png."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analyses.file_sets import place
from analyses.layout import fit_titles, stack

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "figures"
# Where a provenance has SHA-256 of the numbers and of the picture.
DIGESTS = "sha256"
# Fewer than a float holds, so that what another machine rounds otherwise does not show.
DIGITS, DECIMALS = 6, 12
NARROW_PNG, DPI = "narrow.png", 144
# A quick version claims nothing for all of what it shows.
QUICK_TITLE = "A quick version with few replicates, to see that it runs; the full one says what holds"


def produce(
    name: str,
    simulate: Callable[[], pd.DataFrame],
    plot: Callable[[pd.DataFrame], Figure],
    folder: Path,
    arguments: Mapping[str, Any],
) -> Path:
    """Simulate, and write NAME.csv, NAME.json and the two pictures, which are drawn from the CSV; return NAME.png.

    The provenance holds the arguments, the commit, versions, the processor time that it took, and digests of the other
    files. Where the numbers are those that were there, their provenance stays. All are put in place together.
    """
    start = _processor_time()
    numbers = as_csv(simulate())
    seconds = _processor_time() - start
    record = _kept(name, folder, numbers.encode(), arguments)
    if record is None:
        record = {"analysis": name, "arguments": dict(arguments), "commit": _commit()}
        record |= {"cpu_seconds": float(f"{seconds:.2g}")}
        record |= {"versions": {"python": platform.python_version(), **_versions()}, DIGESTS: {}}
    pictures = _drawn(plot, pd.read_csv(io.StringIO(numbers)), arguments["quick"])
    return _placed(name, folder, {"csv": numbers.encode(), **pictures}, record)


def _kept(name: str, folder: Path, numbers: bytes, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """The provenance of the same numbers from the same arguments, if that is there."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        record = dict(_record(name, folder) or {})
        same = (folder / f"{name}.csv").read_bytes() == numbers and dict(record["arguments"]) == dict(arguments)
        return record if same and _describes(record, "csv", numbers) else None
    return None


def _record(name: str, folder: Path) -> dict[str, Any] | None:
    """The provenance that is there; None if there is none, or a damaged one."""
    with suppress(OSError, ValueError):
        record = json.loads((folder / f"{name}.json").read_text())
        readable = isinstance(record, dict) and isinstance(record.get(DIGESTS, {}), dict)
        return record if readable else None
    return None


def _describes(record: Mapping[str, Any], ending: str, content: bytes) -> bool:
    """Return whether a provenance belongs to this content, as far as the provenance says."""
    return DIGESTS not in record or record[DIGESTS].get(ending) == hashlib.sha256(content).hexdigest()


def _placed(name: str, folder: Path, contents: Mapping[str, bytes], record: Mapping[str, Any]) -> Path:
    """Put files in place together, the provenance last; it gets their digests, unless it is one that has none."""
    if DIGESTS in record:
        digests = {ending: hashlib.sha256(content).hexdigest() for ending, content in contents.items()}
        record = {**record, DIGESTS: {**record[DIGESTS], **digests}}
    files = {folder / f"{name}.{ending}": content for ending, content in contents.items()}
    if record != _record(name, folder):
        files |= {folder / f"{name}.json": (json.dumps(record, indent=2) + "\n").encode()}
    place(files)
    return folder / f"{name}.png"


def belongs_to(name: str, folder: Path) -> bool:
    """Return whether files called NAME in a folder were made by this analysis, as their provenance says."""
    record = _record(name, folder)
    return record is not None and record.get("analysis") == name


def as_committed(figure: Path) -> bool:
    """Return whether figure, numbers and provenance are the same to the byte as in the commit that is checked out."""
    files = [figure.with_suffix(ending) for ending in (".png", f".{NARROW_PNG}", ".csv", ".json")]
    return all(file.read_bytes() == _committed(file) for file in files)


def _committed(file: Path) -> bytes | None:
    """Return a file's bytes in the commit that is checked out; None outside a repository, or if not committed."""
    command = ["git", "-C", str(file.parent), "show", f"HEAD:./{file.name}"]
    with suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(command, capture_output=True, check=True).stdout
    return None


def _processor_time() -> float:
    """Seconds of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


def draw_again(name: str, plot: Callable[[pd.DataFrame], Figure], folder: Path, quick: bool) -> Path:
    """Draw the pictures from the saved NAME.csv.

    Raises
    ------
    SystemExit
        With a sentence, if there is none or it is not what this analysis writes.
    """
    saved = folder / f"{name}.csv"
    if not saved.exists():
        raise SystemExit(f"{name}: --replot needs {saved}, which is not there; run once without --replot")
    record = _record(name, folder)
    if record is not None and not _describes(record, "csv", saved.read_bytes()):
        raise SystemExit(f"{name}: {saved} is not what {name}.json describes; run once without --replot")
    try:
        pictures = _drawn(plot, pd.read_csv(saved), quick)
    except Exception as error:  # a table that was edited may lack anything
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise SystemExit(
            f"{name}: {saved} is not a table that this analysis writes ({reason}); run once without --replot"
        ) from error
    if record is None:
        place({folder / f"{name}.{ending}": picture for ending, picture in pictures.items()})
        return folder / f"{name}.png"
    return _placed(name, folder, pictures, record)


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


def _drawn(plot: Callable[[pd.DataFrame], Figure], numbers: pd.DataFrame, quick: bool) -> dict[str, bytes]:
    """The pictures by their endings, as PNG files have them: for the site, and for a phone."""
    mpl.use("Agg")
    figure = plot(numbers)
    if quick:
        figure.suptitle(QUICK_TITLE)
    fit_titles(figure)
    pictures = {"png": _png(figure), NARROW_PNG: _narrow(figure)}
    plt.close(figure)
    return pictures


def _narrow(figure: Figure) -> bytes:
    """The picture for a phone; the panels of the figure stay below each other."""
    stack(figure)
    fit_titles(figure)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    """Return what `savefig` would write, without drawing twice."""
    held, dpi = io.BytesIO(), figure.dpi
    figure.set_dpi(DPI)
    FigureCanvasAgg(figure).print_png(held, metadata={"Software": None})
    figure.set_dpi(dpi)
    return held.getvalue()


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
    """Return the versions of bnstats and of all packages that it and its analyses require."""
    required = [r for r in requires("bnstats") or () if "extra ==" not in r or "analyses" in r.partition(";")[2]]
    found = {}
    for package in ("bnstats", *(re.split(r"[^\w.-]", r)[0] for r in required)):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found

"""Frame of benchmarks: a function measures, round by round, the numbers of some rows of the table."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from bnstats._checks.array_types import FloatArray


@dataclass(frozen=True)
class Setting:
    """Number and length of measurements.

    Attributes
    ----------
    rounds : int
        Rounds in which all ways that are compared take turns.
    tiny : bool
        Least work, to see that it runs; the numbers mean nothing.
    """

    rounds: int = 5
    tiny: bool = False

    def of(self, full: Any, tiny: Any) -> Any:
        """The first, or the second in a tiny setting."""
        return tiny if self.tiny else full


@dataclass(frozen=True)
class Row:
    """A number of the table.

    Attributes
    ----------
    comparison, what : str
        Its name, and what is measured, in words.
    unit : str
        "times" for a ratio.
    at_least, at_most : float, optional
        The target.
    """

    comparison: str
    what: str
    unit: str = "times"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def target(self) -> str:
        """The target in words, empty if there is none."""
        ends = (("at least", self.at_least), ("at most", self.at_most))
        return ", ".join(f"{word} {end:g}" for word, end in ends if end is not None)

    def reached(self, median: float) -> str:
        """Return "yes" if the median reaches the target, else "no"; empty without a target."""
        if not self.target or np.isnan(median):
            return ""
        low = -np.inf if self.at_least is None else self.at_least
        high = np.inf if self.at_most is None else self.at_most
        return "yes" if low <= median <= high else "no"


Measured = Mapping[str, Sequence[float] | FloatArray]


@dataclass(frozen=True)
class Benchmark:
    """Rows that are measured together.

    Attributes
    ----------
    name : str
        On the command line.
    rows : tuple of Row
    measure : callable (Setting) -> mapping
        The numbers of each row, by the name of its comparison, one per round.
    needs : tuple of str
        Packages without which its rows say "not installed".
    """

    name: str
    rows: tuple[Row, ...]
    measure: Callable[[Setting], Measured]
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """The packages that it needs and that are not installed."""
        return [package for package in self.needs if importlib.util.find_spec(package) is None]

    def table(self, setting: Setting) -> pd.DataFrame:
        """One line per row: benchmark, comparison, what, unit, median, minimum, maximum, rounds, target, reached."""
        measured = {} if self.missing else self.measure(setting)
        names = {row.comparison for row in self.rows}
        if not set(measured) <= names or (names > set(measured) and not (self.missing or setting.tiny)):
            raise ValueError(f"{self.name} measured {sorted(measured)}; its rows are {sorted(names)}")
        lines = []
        for row in self.rows:
            line: dict[str, Any] = {
                "benchmark": self.name,
                "comparison": row.comparison,
                "what": row.what,
                "unit": row.unit,
            }
            values = pd.Series(measured.get(row.comparison, []), dtype=float)
            line |= {"median": values.median(), "minimum": values.min(), "maximum": values.max(), "rounds": len(values)}
            reached = f"{', '.join(self.missing)} not installed" if self.missing else row.reached(values.median())
            lines.append(line | {"target": row.target, "reached": reached})
        return pd.DataFrame(lines)


def seconds(work: Callable[[], object]) -> float:
    """Seconds on the wall that `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def turns(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, FloatArray]:
    """Return what each way returns in each round; all take turns, so that other load on the machine hits them alike."""
    found = {name: np.empty(rounds) for name in ways}
    for r in range(rounds):
        for name, way in ways.items():
            found[name][r] = way()
    return found


def timed(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, FloatArray]:
    """Seconds of each way in each round, after one that does not count."""
    for way in ways.values():
        way()
    return turns({name: partial(seconds, way) for name, way in ways.items()}, rounds)

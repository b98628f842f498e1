"""Elements of a figure: exact values as lines, Monte Carlo estimates as points with bars of two standard errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MARKERS = "osD^vPX*<>hdp"


@contextmanager
def theme() -> Iterator[list[Any]]:
    """The package's look: yields the palette, colours that differ in hue and in lightness."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    settings: dict[Any, Any] = {"axes.titlesize": 11, "axes.labelsize": 10, "figure.dpi": 110, "savefig.dpi": 150}
    palette = sns.color_palette("colorblind")
    with sns.axes_style("ticks", {"axes.grid": True, "grid.alpha": 0.3}), plt.rc_context(settings):
        yield [palette[i] for i in (0, 1, 2, 4, 3, 5, 7, 8, 9, 6)]


def series(
    ax: Axes,
    frame: pd.DataFrame,
    x: str,
    *,
    color: Any,
    marker: str = "o",
    label: str | None = None,
    bars: float = 2.0,
    joined: bool = False,
) -> None:
    """Draw one series: column `value` as points with bars of `bars` times `mcse`, column `exact` as a line.

    Where both are known, the line must run through the points: what the eye checks is the theory. Points that no theory
    goes with can be `joined`, to lead the eye.
    """
    frame = frame.sort_values(x)
    value, error = frame["value"].to_numpy(float), bars * frame["mcse"].to_numpy(float)
    shown = np.isfinite(value) & np.isfinite(error)
    ax.errorbar(
        frame[x].to_numpy()[shown],
        value[shown],
        error[shown],
        fmt=f"{marker}-" if joined else marker,
        linewidth=1,
        color=color,
        markersize=4.5,
        elinewidth=1,
        label=label,
        zorder=3,
    )
    known = np.isfinite(frame["exact"].to_numpy(float))
    if known.any():
        ax.plot(frame[x][known], frame["exact"][known], color=color, linewidth=1.2, alpha=0.8, zorder=2)


def panels(
    count: int, *, width: float = 4.2, height: float = 3.6, columns: int = 4, **kwargs: Any
) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels in rows of at most `columns`."""
    import matplotlib.pyplot as plt

    wide = min(count, columns)
    rows = -(-count // wide)
    figure, axes = plt.subplots(
        rows, wide, figsize=(width * wide, height * rows), squeeze=False, layout="constrained", **kwargs
    )
    for ax in axes.flat[count:]:
        ax.set_visible(False)
    return figure, list(axes.flat[:count])


def in_percent(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with `value`, `mcse` and `exact` in percent."""
    return rows.assign(**{column: 100 * rows[column] for column in ("value", "mcse", "exact")})


def log2_ticks(ax: Axes, sizes: Sequence[int]) -> None:
    """A logarithmic axis of batch sizes, marked at some of them."""
    from matplotlib.ticker import NullLocator

    ax.set_xscale("log", base=2)
    marks = sorted(set(sizes))
    step = -(-len(marks) // 6)
    ax.set_xticks(marks[::step], [f"{m}" for m in marks[::step]])
    ax.xaxis.set_minor_locator(NullLocator())


def log_errors(ax: Axes) -> None:
    """A logarithmic axis of errors, with numbers that can be read."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())

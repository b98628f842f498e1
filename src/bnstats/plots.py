"""Figures from tidy frames: exact values as lines, Monte Carlo estimates as points with bars of two standard errors."""

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

MEASURES = {
    "bias": "bias",
    "se": "standard error",
    "rmse": "root mean squared error",
    "median_abs_error": "median absolute error",
}


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


def compared(ax: Axes, claims: pd.DataFrame, palette: Sequence[Any]) -> None:
    """A line a claim from the top: `published` open, `value` filled with bars of two `mcse`, by its `verdict`."""
    looks = {"agrees": (palette[2], "o"), "undecided": ("0.45", "s"), "disagrees": (palette[3], "X")}
    ax.axvline(0, color="0.35", linewidth=1, zorder=1)
    place = -np.arange(len(claims))
    ax.plot(claims["published"], place, "D", color="0.2", markerfacecolor="white", markersize=6, label="published")
    for verdict, (color, marker) in looks.items():
        here = (claims["verdict"] == verdict).to_numpy()
        if here.any():
            rows = claims[here]
            ax.errorbar(
                rows["value"], place[here], xerr=2 * rows["mcse"], fmt=marker, color=color, label=f"here: {verdict}"
            )
    ax.set_yticks(place, claims["claim"].tolist(), fontsize=8)
    ax.set_ylim(-len(claims) + 0.4, 0.6)


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


def convergence(table: pd.DataFrame, measure: str = "rmse") -> Figure:
    """Error against batch size, a panel an estimator, a colour a population: the table of `measure_convergence`."""
    rows = _rows_of(table, measure)
    series_of = ["population", "batching"] if rows["batching"].nunique() > 1 else ["population"]
    estimators = list(dict.fromkeys(rows["estimator"]))
    with theme() as palette:
        figure, axes = panels(len(estimators))
        for ax, estimator in zip(axes, estimators, strict=True):
            chosen = rows[rows["estimator"] == estimator]
            for i, (name, part) in enumerate(chosen.groupby(series_of, sort=False)):
                label = ", ".join(map(str, name))
                drawn = part.assign(value=part["value"].abs(), exact=part["exact"].abs())
                series(ax, drawn, "batch_size", color=palette[i % len(palette)], marker=MARKERS[i % 13], label=label)
            log2_ticks(ax, chosen["batch_size"].tolist())
            log_errors(ax)
            ax.set(title=estimator, xlabel="batch size")
        axes[0].set_ylabel(f"{MEASURES[measure]} (unit of the estimate)")
        axes[-1].legend(fontsize=8)
    return figure


SCORES = {
    "accuracy": "accuracy",
    "nll": "negative log-likelihood (nats)",
    "ece": "expected calibration error",
    "flips": "share of predictions unlike those with population statistics",
    "diverged": "share of networks that diverged",
}


def mismatch(table: pd.DataFrame, metric: str = "accuracy") -> Figure:
    """A score against batch size, a colour a kind of statistics, a panel a condition: the table of `measure_mismatch`.

    Where the table has a single training batch size, against the size of test batches.
    """
    if metric not in SCORES:
        raise ValueError(f"metric is one of {', '.join(SCORES)}; got {metric!r}.")
    rows = table[table["metric"] == metric]
    x = "batch_size" if rows["batch_size"].nunique() > 1 else "test_batch_size"
    conditions = list(rows.columns[: rows.columns.get_loc("statistics")])
    if (rows["test_batch_size"] == rows["batch_size"]).all():
        conditions.remove("test_batch_size")
    told = [c for c in conditions if c != x and rows[c].nunique(dropna=False) > 1]
    parts = [((), rows)] if not told else list(rows.groupby(told, sort=False, dropna=False))
    kinds = {kind: i for i, kind in enumerate(dict.fromkeys(rows["statistics"]))}
    with theme() as palette:
        figure, axes = panels(len(parts), sharey=True)
        for ax, (values, part) in zip(axes, parts, strict=True):
            for name, one in part.groupby("statistics", sort=False):
                i = kinds[name]
                series(ax, one, x, color=palette[i % len(palette)], marker=MARKERS[i % 13], label=name, joined=True)
            best = part["best"].max()
            if np.isfinite(best):
                ax.axhline(best, color="0.3", linestyle=":", label="best possible")
            log2_ticks(ax, part[x].tolist())
            title = ", ".join(f"{c.replace('_', ' ')} {v}" for c, v in zip(told, values, strict=True))
            ax.set(title=title or rows["dataset"].iloc[0], xlabel=x.replace("_", " "))
        axes[0].set_ylabel(SCORES[metric])
        axes[-1].legend(fontsize=8, title="statistics of")
    return figure


def running(table: pd.DataFrame, measure: str = "rmse") -> Figure:
    """Error against steps, a panel a statistic, a colour a convention: the table of `measure_running`."""
    rows = _rows_of(table, measure)
    statistics = list(dict.fromkeys(rows["statistic"]))
    with theme() as palette:
        figure, axes = panels(len(statistics))
        for ax, statistic in zip(axes, statistics, strict=True):
            chosen = rows[rows["statistic"] == statistic].groupby(["convention", "momentum"], sort=False, dropna=False)
            for i, ((name, momentum), part) in enumerate(chosen):
                label = name if np.isnan(momentum) else f"{name}, momentum {momentum:.3g}"
                drawn = part.assign(value=part["value"].abs(), exact=part["exact"].abs())
                series(ax, drawn, "step", color=palette[i % len(palette)], marker=MARKERS[i % 13], label=label)
            ax.set(xscale="log", yscale="log", title=f"running {statistic}", xlabel="steps")
        axes[0].set_ylabel(f"{MEASURES[measure]} (unit of the statistic)")
        axes[-1].legend(fontsize=8)
    return figure


def _rows_of(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    if measure not in MEASURES:
        raise ValueError(f"measure is one of {', '.join(MEASURES)}; got {measure!r}.")
    return table[table["measure"] == measure]

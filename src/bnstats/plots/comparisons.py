"""Figures that compare alternatives: maps of the best correction, and changes with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import interval, number
from bnstats._checks.values import instance, named, optional, word
from bnstats.plots.arguments import as_many, axes, color, column, literal, table_with
from bnstats.plots.figure import panels, shown_once, theme, wrapped


@checked(name=word)
def spoken(name: str) -> str:
    """Return a correction's name as figures show it.

    Parameters
    ----------
    name : str
        Name of the correction, with its parameters.

    Returns
    -------
    str
        The name in words.

    Raises
    ------
    ValueError
        If the name is not a text.

    Examples
    --------
    >>> spoken("moving_average(window=3)")
    'moving average (window 3)'
    """
    return name.replace("_", " ").replace("(", " (").replace("=", " ")


@checked(change=number)
def signed(change: float) -> str:
    """Return a change in whole numbers, with its sign.

    Parameters
    ----------
    change : float
        Change to write.

    Returns
    -------
    str
        The rounded change, with a minus sign or a plus.

    Raises
    ------
    ValueError
        If the change is not a finite number.

    Examples
    --------
    >>> signed(-2.6), signed(13.2)
    ('−3', '+13')
    """
    return f"{change:+.0f}".replace("-", "−")


@checked(increase=interval("[-inf, inf]"))
def percent(increase: float) -> str:
    """Return a relative increase in percent, with enough digits to distinguish it from 0.

    Parameters
    ----------
    increase : float
        Relative increase: 0.1 is 10 %. inf stands for an exact number.

    Returns
    -------
    str
        The increase in percent.

    Raises
    ------
    ValueError
        If the increase is not a number.

    Examples
    --------
    >>> percent(0.284), percent(0.004), percent(0.0002), percent(np.inf)
    ('+28%', '+0.4%', '<0.1%', 'exact')
    """
    if increase == np.inf:
        return "exact"
    if increase < 0.0005:
        return "<0.1%"
    return f"+{100 * increase:.{0 if increase >= 0.0095 else 1}f}%"


@checked(ax=axes, rows=table_with("best", "clear", numbers=("value", "margin")), x=word, y=word)
def best_correction_map(ax: Axes, rows: pd.DataFrame, x: str, y: str, colors: Mapping[str, Any]) -> None:
    r"""Draw one field per condition: the best correction, and how much worse the second best is.

    The margin is in percent of the best correction's error.

    A field is pale, with an approximation sign, if the margin is within Monte Carlo error.

    Parameters
    ----------
    ax : Axes
        Axes to draw on.
    rows : DataFrame
        One row per field, with the columns named by `x` and `y`, and `best` (name of the best correction), `value`
        (its error), `margin` (distance to the second best, in the unit of `value`), `clear` (True if the margin exceeds
        Monte Carlo error).
    x, y : str
        Columns of `rows` on the horizontal and the vertical axis.
    colors : mapping
        Color of each correction, by name.

    Raises
    ------
    ValueError
        If columns are missing, or a correction has no color.

    Examples
    --------
    >>> figure, (ax,) = panels(1)
    >>> rows = pd.DataFrame({"batch_size": [2, 8], "effect_size": 1.0, "best": ["none", "center"], "clear": True})
    >>> rows = rows.assign(value=0.5, margin=0.1)
    >>> best_correction_map(ax, rows, "batch_size", "effect_size", {"none": "C0", "center": "C1"})
    >>> [text.get_text() for text in ax.texts]
    ['none\n+20%', 'center\n+20%']
    """
    column("x", x, rows), column("y", y, rows)
    instance("colors", colors, Mapping, "{'center': 'C0', 'none': 'C1'}")
    colors = {
        name: color("each of colors", named("correction", name, colors, "none")) for name in rows["best"].unique()
    }
    across, up = sorted(rows[x].unique()), sorted(rows[y].unique())
    image = np.ones((len(up), len(across), 4))
    for _, row in rows.iterrows():
        down, right = up.index(row[y]), across.index(row[x])
        image[down, right] = [*to_rgb(colors[row["best"]]), 0.55 if row["clear"] else 0.2]
        relative = row["margin"] / abs(row["value"]) if row["value"] != 0 else np.inf
        text = [*literal(spoken(row["best"])).split(" ", 1), percent(relative) if row["clear"] else "≈"]
        ax.text(right, down, "\n".join(text), ha="center", va="center", fontsize=6.5)
    ax.imshow(image, origin="lower", aspect="auto")
    ax.set_xticks(range(len(across)), [f"{value:g}" for value in across])
    ax.set_yticks(range(len(up)), [f"{value:g}" for value in up])
    ax.grid(visible=False)


CONDITIONS = ("effect", "effect_size", "smoothness", "labels", "design")


@shown_once
@checked(rows=table_with(*CONDITIONS, "best", "clear", numbers=("batch_size", "value", "margin")))
def best_corrections(rows: pd.DataFrame) -> Figure:
    """Draw maps of the best correction over batch size and effect size: `Corrected.best_corrections`.

    The vertical axis is the smoothness if it takes more values than the effect size. Each other condition has a panel.
    Conditions that are the same in all panels are not named.

    Parameters
    ----------
    rows : DataFrame
        One row per field, with the columns `effect`, `effect_size` (standard deviations), `smoothness`, `labels`,
        `design`, `batch_size`, `best`, `value`, `margin` and `clear`.

    Returns
    -------
    Figure
        Matplotlib figure.

    Raises
    ------
    ValueError
        If columns are missing, or columns of numbers hold something else.

    Examples
    --------
    >>> rows = pd.DataFrame({"batch_size": [2, 8], "effect_size": 1.0, "best": ["none", "center"], "clear": True})
    >>> rows = rows.assign(value=0.5, margin=0.1)
    >>> rows = rows.assign(effect="distinct", smoothness=0.0, labels="nuisance", design="balanced")
    >>> best_corrections(rows).axes[0].get_xlabel()
    'batch size'
    """
    up = max(("effect_size", "smoothness"), key=lambda column: rows[column].nunique())
    others = [c for c in CONDITIONS if c != up]
    named = [c for c in others if rows[c].nunique() > 1]
    parts = [(name, part) for name, part in rows.groupby(others, sort=False)]
    with theme() as palette:
        colors = {name: palette[i % len(palette)] for i, name in enumerate(rows["best"].unique())}
        figure, axes = panels(len(parts))
        for ax, (name, part) in zip(axes, parts, strict=True):
            best_correction_map(ax, part, "batch_size", up, colors)
            values = dict(zip(others, name, strict=True))
            ax.set_title(wrapped(", ".join(f"{c.replace('_', ' ')} {literal(values[c])}" for c in named), 34))
            ax.set(xlabel="batch size", ylabel="effect size (σ)" if up == "effect_size" else up)
        title = "The best correction, and by how much the second best is worse"
        figure.suptitle(fill(title, int(figure.get_figwidth() * 9)), fontsize=11)
    return figure


@checked(ax=axes, rows=table_with(numbers=("value", "low", "high")), about=optional(number))
def intervals(
    ax: Axes, rows: pd.DataFrame, labels: Sequence[str], colors: Sequence[Any], about: float | None = 0.0
) -> None:
    """Draw one line per row, from the top: column `value` as a point, `low` to `high` as a bar.

    Parameters
    ----------
    ax : Axes
        Axes to draw on.
    rows : DataFrame
        Columns `value`, `low` and `high`.
    labels : list of str
        Label of each row.
    colors : list of colors
        Color of each row.
    about : float, optional
        Position of a vertical reference line; None draws no line.

    Raises
    ------
    ValueError
        If columns are missing, or there is not one label and one color for each row.

    Examples
    --------
    >>> figure, (ax,) = panels(1)
    >>> rows = pd.DataFrame({"value": [1.0, -0.5], "low": [0.5, -1.0], "high": [1.5, 0.0]})
    >>> intervals(ax, rows, ["center", "shrink"], ["C0", "C1"])
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['center', 'shrink']
    """
    height, labels = -np.arange(len(rows)), as_many("labels", labels, len(rows))
    colors = [color("each of colors", one) for one in as_many("colors", colors, len(rows))]
    if about is not None:
        ax.axvline(about, color="0.35", linewidth=1, zorder=1)
    for y, own, (_, row) in zip(height, colors, rows.iterrows(), strict=True):
        ax.plot([row["low"], row["high"]], [y, y], color=own, linewidth=2.2, zorder=2)
        ax.plot(row["value"], y, "o", color=own, markersize=6, zorder=3)
    ax.set_yticks(height, labels, fontsize=8)

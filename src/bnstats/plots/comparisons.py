"""Figures that compare alternatives, from tidy frames: maps of winners, changes with intervals, training beside new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import interval, number
from bnstats._checks.values import instance, named, optional, word
from bnstats.plots.arguments import as_many, axes, color, column, literal, table_with
from bnstats.plots.elements import panels, shown_once, theme, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@checked(name=word)
def spoken(name: str) -> str:
    """A correction's name as figures show it.

    >>> spoken("moving_average(window=3)")
    'moving average (window 3)'
    """
    return name.replace("_", " ").replace("(", " (").replace("=", " ")


@checked(change=number)
def signed(change: float) -> str:
    """A change in whole numbers, with its sign.

    >>> signed(-2.6), signed(13.2)
    ('−3', '+13')
    """
    return f"{change:+.0f}".replace("-", "−")


@checked(share=interval("[-inf, inf]"))
def percent(share: float) -> str:
    """By how many percent something is larger, with enough digits to distinguish it from 0.

    >>> percent(0.284), percent(0.004), percent(0.0002), percent(np.inf)
    ('+28%', '+0.4%', '<0.1%', 'exact')
    """
    if share == np.inf:
        return "exact"
    return f"+{100 * share:.0f}%" if share >= 0.0095 else f"+{100 * share:.1f}%" if share >= 0.0005 else "<0.1%"


@checked(ax=axes, rows=table_with("winner", "clear", numbers=("value", "margin")), x=word, y=word)
def best_correction_map(ax: Axes, rows: pd.DataFrame, x: str, y: str, colors: Mapping[str, Any]) -> None:
    """One cell per condition: the winner, and by how many percent of its value the second best is worse.

    Pale, with a sign of equality, where the margin is within Monte Carlo error.

    Parameters
    ----------
    rows : DataFrame
        x, y, winner, value, margin, clear.
    colors : mapping of winners to colors
    """
    from matplotlib.colors import to_rgb

    column("x", x, rows), column("y", y, rows)
    instance("colors", colors, Mapping, "{'center': 'C0', 'none': 'C1'}")
    colors = {name: color("each of colors", named("winner", name, colors, "none")) for name in rows["winner"].unique()}
    across, up = sorted(rows[x].unique()), sorted(rows[y].unique())
    image = np.ones((len(up), len(across), 4))
    for _, row in rows.iterrows():
        place = up.index(row[y]), across.index(row[x])
        image[place] = [*to_rgb(colors[row["winner"]]), 0.55 if row["clear"] else 0.2]
        share = row["margin"] / abs(row["value"]) if row["value"] != 0 else np.inf
        text = percent(share) if row["clear"] else "≈"
        ax.text(
            place[1],
            place[0],
            "\n".join([*literal(spoken(row["winner"])).split(" ", 1), text]),
            ha="center",
            va="center",
            fontsize=6.5,
        )
    ax.imshow(image, origin="lower", aspect="auto")
    ax.set_xticks(range(len(across)), [f"{value:g}" for value in across])
    ax.set_yticks(range(len(up)), [f"{value:g}" for value in up])
    ax.grid(visible=False)


CONDITIONS = ("effect", "effect_size", "smoothness", "labels", "design")


@shown_once
@checked(rows=table_with(*CONDITIONS, "winner", "clear", numbers=("batch_size", "value", "margin")))
def regions(rows: pd.DataFrame) -> Figure:
    """Maps of winners over batch sizes and effect sizes, or smoothness if that takes more values: `Corrected.regions`.

    One panel per other condition; what all of them share is not named.
    """
    up = max(("effect_size", "smoothness"), key=lambda column: rows[column].nunique())
    others = [c for c in CONDITIONS if c != up]
    named = [c for c in others if rows[c].nunique() > 1]
    parts = [(name, part) for name, part in rows.groupby(others, sort=False)]
    with theme() as palette:
        colors = {name: palette[i % len(palette)] for i, name in enumerate(rows["winner"].unique())}
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
    """One line per row from the top: column `value` as a point, `low` to `high` as a bar, about a line at `about`."""
    height, labels = -np.arange(len(rows)), as_many("labels", labels, len(rows))
    colors = [color("each of colors", one) for one in as_many("colors", colors, len(rows))]
    if about is not None:
        ax.axvline(about, color="0.35", linewidth=1, zorder=1)
    for y, own, (_, row) in zip(height, colors, rows.iterrows(), strict=True):
        ax.plot([row["low"], row["high"]], [y, y], color=own, linewidth=2.2, zorder=2)
        ax.plot(row["value"], y, "o", color=own, markersize=6, zorder=3)
    ax.set_yticks(height, labels, fontsize=8)

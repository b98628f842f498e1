"""Figure of a ledger: each claim's interval beside its region."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnstats.plots.arguments import literal
from bnstats.plots.figure import panels, shown_once, theme

# Color and mark of each verdict: of claims, and of published signs.
CLAIMS = {"supported": (0, "o"), "refuted": (3, "X"), "undecided": (7, "s")}
SIGNS = {"the same here": (2, "^"), "opposite here": (4, "v"), "undecided here": (7, "D")}


@shown_once
def ledger(table: pd.DataFrame) -> Figure:
    """Draw one row per claim: the distance of its interval into its region, and the verdict.

    The horizontal axis is in the unit of the quantity. Distances are measured from the nearer edge of the region: right
    of 0 is inside. Colors and markers distinguish verdicts, in gray print too.

    Parameters
    ----------
    table : DataFrame
        Table of a ledger, as `bn.check_claims` returns it.

    Returns
    -------
    Figure
        Matplotlib figure.
    """
    rows = pd.concat([_placed(row) for _, row in table.iterrows()], axis=1).T.reset_index(drop=True)
    with theme() as palette:
        figure, (ax,) = panels(1, width=10.5, height=0.22 * len(rows) + 1.5)
        _draw(ax, rows, palette)
        figure.legend(loc="outside lower center", ncols=6, fontsize=8)
        ax.set_title("\n".join(filter(None, (_counted(table, CLAIMS, "claims"), _counted(table, SIGNS, "signs")))))
    return figure


def _counted(table: pd.DataFrame, verdicts: dict[str, Any], name: str) -> str:
    """Return a text such as "2 claims: 1 supported, 1 refuted, 0 undecided", empty without claims."""
    counts = table["verdict"].value_counts()
    found = {verdict: int(counts.get(verdict, 0)) for verdict in verdicts}
    said = ", ".join(f"{number} {verdict}" for verdict, number in found.items())
    return f"{sum(found.values())} {name}: {said}" if any(found.values()) else ""


def _placed(row: pd.Series) -> pd.Series:
    """Return the claim with distances into its region, which are positive inside."""
    ends = [float(part) for part in str(row["region"]).replace("at least", "").replace("at most", "").split(" to ")]
    if str(row["region"]).startswith("at least"):
        edge, sign = ends[0], 1.0
    elif str(row["region"]).startswith("at most"):
        edge, sign = ends[0], -1.0
    else:
        low_is_nearer = abs(row["estimate"] - ends[0]) <= abs(row["estimate"] - ends[1])
        edge, sign = (ends[0], 1.0) if low_is_nearer else (ends[1], -1.0)
    inside = sorted(sign * (np.array([row["low"], row["high"]]) - edge))
    placed = {"from": inside[0], "to": inside[1], "at": sign * (row["estimate"] - edge)}
    return pd.Series(row.to_dict() | placed)


def _draw(ax: Axes, rows: pd.DataFrame, palette: Any) -> None:
    place = np.arange(len(rows))[::-1]
    ax.axvspan(0, 2, color="0.5", alpha=0.12, linewidth=0, zorder=0)
    ax.axvline(0, color="0.3", linewidth=1, zorder=1)
    for kind, (color, mark) in (CLAIMS | SIGNS).items():
        chosen = (rows["verdict"] == kind).to_numpy()
        part, y = rows[chosen], place[chosen]
        low, high = (part[end].astype(float).clip(-2, 2) for end in ("from", "to"))
        ax.hlines(y, low, high, color=palette[color % len(palette)], linewidth=2)
        if chosen.any():
            ax.plot(part["at"].astype(float), y, mark, color=palette[color % len(palette)], label=kind, ls="none")
    ax.set_yticks(place, rows["claim"].map(literal), fontsize=7)
    ax.set_xscale("symlog", linthresh=0.01)
    ax.set(
        xlim=(-1.2, 1.2),
        ylim=(-1, len(rows)),
        xlabel="distance into the claim's region (shaded), in the quantity's unit",
    )
    ax.set_xticks([-1, -0.1, -0.01, 0, 0.01, 0.1, 1], ["−1", "−0.1", "−0.01", "edge", "0.01", "0.1", "1"])

"""One color for each mode, each kind of statistics and each normalizer, in all figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl

EVALUATION = "#0173B2"
"""Color of evaluation mode: blue."""
TRAINING = "#DE8F05"
"""Color of training mode: orange."""
REFERENCE = "0.35"
"""Color of lines to compare with: guessing, chance, the best possible."""

STATISTICS: Mapping[str, str] = {
    "running": EVALUATION,
    "batch": TRAINING,
    "precise": "#44AA99",
    "population": "#332288",
    "averaged": "#7A5230",
}
"""Color of each kind of statistics at test time."""

NORMALIZERS: Mapping[str, str] = {
    "batch": EVALUATION,
    "renorm": "#CC78BC",
    "ghost": "#CA9161",
    "frozen": "#56B4E9",
    "batch then group": "#882255",
    "group": "#029E73",
    "layer": "#D55E00",
    "rms": "#999933",
    "none": "#6E6E6E",
}
"""Color of each normalizer in evaluation mode. Batch norm in training mode has the color of that mode."""

OTHERS = ("#0173B2", "#DE8F05", "#029E73", "#CC78BC", "#D55E00", "#CA9161", "#949494", "#ECE133", "#56B4E9", "#FBAFE4")
"""Colors of all else, in the order of use: Okabe and Ito's for the color-blind, as seaborn has them."""


def colors_of(names: Iterable[Any], fixed: Mapping[str, str]) -> dict[Any, str]:
    """Return a color for each name: its fixed color, or the next of the others that no name has.

    A name with parameters has the color of its kind.

    >>> colors_of(["running", "batch", "my own"], STATISTICS)
    {'running': '#0173B2', 'batch': '#DE8F05', 'my own': '#029E73'}
    >>> colors_of(["Ghost(size=4)"], NORMALIZERS)
    {'Ghost(size=4)': '#CA9161'}
    """
    by_kind = {_kind(name): color for name, color in fixed.items()}
    names = list(dict.fromkeys(names))
    known = {name: by_kind[_kind(name)] for name in names if _kind(name) in by_kind}
    free = [color for color in OTHERS if color not in known.values()] or list(OTHERS)
    new = (name for name in names if name not in known)
    return known | {name: free[i % len(free)] for i, name in enumerate(new)}


def _kind(name: Any) -> str:
    return str(name).partition("(")[0].replace(" ", "").lower()


def shades(count: int) -> Sequence[Any]:
    """Return colors for an ordered quantity, such as the batch size, from light to dark.

    >>> [sum(shade) for shade in shades(3)] == sorted((sum(shade) for shade in shades(3)), reverse=True)
    True
    """
    scale = mpl.colormaps["viridis_r"]
    return [scale(0.15 + 0.85 * i / max(count - 1, 1))[:3] for i in range(count)]

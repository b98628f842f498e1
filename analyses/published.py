"""Published numbers to set beside those measured here: orderings and signs compare, values do not."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

SOURCE = Path(__file__).with_suffix(".csv")


def published(reference: str, setting: str = "") -> pd.DataFrame:
    """Rows whose reference and setting begin so: reference, setting, quantity, value, unit.

    >>> published("Ioffe 2017", "16 labels x 2; batch norm; running")["value"].tolist()
    [67.0]
    """
    rows = _all()
    chosen = rows["reference"].str.startswith(reference) & rows["setting"].str.startswith(setting)
    if not chosen.any():
        known = "; ".join(rows["reference"].unique())
        raise ValueError(f"no published number of {reference!r} in a setting {setting!r}; references are {known}.")
    return rows[chosen].reset_index(drop=True)


@cache
def _all() -> pd.DataFrame:
    return pd.read_csv(SOURCE)

"""Published numbers to compare with the numbers measured here, by their signs and not their values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import ClassVar

import pandas as pd

from bnstats.claims.claim import SIGNS, Claim

Setting = tuple[str, str, str]
"""Published gain: the reference, the setting that is ahead, and the setting that is behind."""


@dataclass(frozen=True)
class PublishedSign(Claim):
    """Claim that a difference in small networks has its published sign.

    The verdict is about small networks only.

    Attributes
    ----------
    sources : tuple of (reference, setting, other setting)
        Publications of the difference, at least one.
    """

    sources: tuple[Setting, ...] = ()
    words: ClassVar = SIGNS

    @property
    def gains(self) -> tuple[float, ...]:
        """Published gains of the first settings over the second settings, in percentage points of accuracy."""
        return tuple(accuracy_gain(*source) for source in self.sources)


def published(reference: str, setting: str = "") -> pd.DataFrame:
    """Return the published numbers whose reference and setting begin with the given texts.

    Parameters
    ----------
    reference : str
        Beginning of the reference, such as "Ioffe 2017".
    setting : str
        Beginning of the setting; by default all settings.

    Returns
    -------
    DataFrame
        Columns reference, setting, quantity ("accuracy" or an error), value, and unit of the value.

    Raises
    ------
    ValueError
        If no published number has this reference and setting.

    Examples
    --------
    >>> published("Ioffe 2017", "16 labels x 2; batch norm; running")["value"].tolist()
    [67.0]
    """
    rows = _all()
    chosen = rows["reference"].str.startswith(reference) & rows["setting"].str.startswith(setting)
    if not chosen.any():
        known = "; ".join(rows["reference"].unique())
        raise ValueError(f"no published number of {reference!r} in a setting {setting!r}; references are {known}.")
    return rows[chosen].reset_index(drop=True)


def accuracy_gain(reference: str, one: str, other: str) -> float:
    """Return the gain of the first setting over the second setting, in percentage points of accuracy.

    >>> round(accuracy_gain("Wu & He", "group norm; 2 images", "batch norm; 2 images"), 1)
    10.6
    """
    better, worse = (published(reference, setting).iloc[0] for setting in (one, other))
    sign = 1 if better["quantity"] == "accuracy" else -1
    return sign * float(better["value"] - worse["value"])


@cache
def _all() -> pd.DataFrame:
    with files("bnstats.claims").joinpath("published.csv").open() as file:
        return pd.read_csv(file)

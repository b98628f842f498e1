"""Published numbers to set beside those measured here: signs are compared, values are not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import ClassVar

import pandas as pd

from bnstats.claims.claim import Claim
from bnstats.claims.counts import SIGNS

Setting = tuple[str, str, str]
"""A published gain: reference, the setting that is said to be ahead, the other one."""


@dataclass(frozen=True)
class PublishedSign(Claim):
    """A claim that a difference has here the sign that others published; its verdict is about small networks alone.

    Attributes
    ----------
    sources : tuple of (reference, setting, other setting)
        Published, once or several times.
    """

    sources: tuple[Setting, ...] = ()
    words: ClassVar = MappingProxyType(SIGNS)

    @property
    def gains(self) -> tuple[float, ...]:
        """Points of accuracy by which each first setting was published to be ahead."""
        return tuple(accuracy_gain(*source) for source in self.sources)


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


def accuracy_gain(reference: str, one: str, other: str) -> float:
    """Points of accuracy by which the first setting is ahead of the other.

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

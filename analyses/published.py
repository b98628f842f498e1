"""Published numbers to set beside those measured here, and one rule for whether signs agree."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

SOURCE = Path(__file__).with_suffix(".csv")
# Those that disagree come first.
VERDICTS = ("disagrees", "undecided", "agrees")


def published(reference: str, setting: str = "") -> pd.DataFrame:
    """Rows whose reference and setting begin so: reference, setting, quantity, value, unit.

    >>> published("Ioffe 2017", "16 labels x 2; batch norm; running")["value"].tolist()
    [67.0]
    """
    rows = table()
    chosen = rows["reference"].str.startswith(reference) & rows["setting"].str.startswith(setting)
    if not chosen.any():
        known = "; ".join(rows["reference"].unique())
        raise ValueError(f"no published number of {reference!r} in a setting {setting!r}; references are {known}.")
    return rows[chosen].reset_index(drop=True)


@cache
def table() -> pd.DataFrame:
    """All published numbers."""
    return pd.read_csv(SOURCE)


def gain(reference: str, before: str, after: str) -> float:
    """By how many points of accuracy the setting `after` is better than `before`, where errors are published, too.

    >>> gain("Wu & He 2018", "batch norm; 2 images", "group norm; 2 images").__round__(1)
    10.6
    """
    one, other = (published(reference, setting) for setting in (before, after))
    if len(one) != 1 or len(other) != 1:
        raise ValueError(f"a gain is from one published number to one; got {len(one)} and {len(other)}.")
    change = float(other["value"].item() - one["value"].item())
    return change if one["quantity"].item() == "accuracy" else -change


def verdicts(claims: pd.DataFrame) -> pd.DataFrame:
    """The claims with their verdict: whether what is measured here has the sign that is published.

    Parameters
    ----------
    claims : DataFrame
        published, value and mcse of a difference. It is undecided where zero is within its interval, 95 % jointly for
        all claims (Bonferroni).

    Returns
    -------
    DataFrame
        With the columns verdict, low and high; those that disagree first.

    >>> claims = pd.DataFrame({"published": 2.0, "value": [1.0, -1.0, 0.1], "mcse": 0.1})
    >>> verdicts(claims)[["value", "verdict"]].values.tolist()
    [[-1.0, 'disagrees'], [0.1, 'undecided'], [1.0, 'agrees']]
    """
    half = stats.norm.isf(0.025 / len(claims)) * claims["mcse"]
    same = np.sign(claims["value"]) == np.sign(claims["published"])
    verdict = np.where(claims["value"].abs() > half, np.where(same, "agrees", "disagrees"), "undecided")
    judged = claims.assign(verdict=verdict, low=claims["value"] - half, high=claims["value"] + half)
    return judged.sort_values("verdict", key=lambda column: column.map(VERDICTS.index), kind="stable")

"""Published numbers to set beside those measured here: orderings and signs compare, values do not."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

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


def verdicts(claims: pd.DataFrame) -> pd.DataFrame:
    """The claims with their verdict: whether what is measured here has the sign that is published.

    Parameters
    ----------
    claims : DataFrame
        published, value and mcse of a difference. It is undecided where zero is within its interval, 95 % jointly for
        all claims (Bonferroni).

    >>> claims = pd.DataFrame({"published": 2.0, "value": [1.0, -1.0, 0.1], "mcse": 0.1})
    >>> verdicts(claims)["verdict"].tolist()
    ['agrees', 'disagrees', 'undecided']
    """
    sure = claims["value"].abs() > stats.norm.isf(0.025 / len(claims)) * claims["mcse"]
    same = np.sign(claims["value"]) == np.sign(claims["published"])
    return claims.assign(verdict=np.where(sure, np.where(same, "agrees", "disagrees"), "undecided"))


@cache
def _all() -> pd.DataFrame:
    return pd.read_csv(SOURCE)

"""One rule for whether a difference that is measured has the sign that is published."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

# Those that disagree come first.
VERDICTS = ("disagrees", "undecided", "agrees")


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

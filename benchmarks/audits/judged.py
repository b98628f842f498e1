"""Worth of an audit's answer, given what is wrong with the model; and the bounds of a campaign."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

EFFECT = 0.01
"""Gain in nats that `fine` excludes."""


def outcome(row: Any) -> str:
    """Return what the answer is: right, off, not judged, refused, harmless, or wrong, missed, false alarm.

    `off` is a verdict without a cause; `harmless` is `fine` where mending the damage gains less than `effect`.
    """
    verdict, cause, expected = row["verdict"], row["cause"], row["expected"]
    if verdict in ("refused", "error"):
        return str(verdict)
    if verdict == "not_judged":
        return "not judged"
    if not expected:
        return "right" if verdict == "fine" else "false alarm" if not row["costly"] else "off"
    if verdict == "fine":
        return "missed" if row["costly"] or row["always"] else "harmless"
    if not cause:
        return "off"
    return "right" if cause in (expected, *str(row["also"]).split()) else "wrong"


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with `costly`, true where the true gain surely exceeds `effect`, and `outcome`."""
    texts = {name: rows[name].astype(object).where(rows[name].notna(), "") for name in ("cause", "expected", "also")}
    rows = rows.assign(**texts)
    rows["costly"] = rows["true_gain"] - 2 * rows["true_se"] > EFFECT
    rows["outcome"] = rows.apply(outcome, axis=1)
    return rows


class Rate(NamedTuple):
    """A proportion of so many audits, and the bound that it is held to: "at least" or "at most" this."""

    value: float
    audits: int
    word: str
    bound: float

    @property
    def reached(self) -> bool:
        return self.value >= self.bound if self.word == "at least" else self.value <= self.bound


def rates(rows: pd.DataFrame) -> dict[str, Rate]:
    """Return the proportions that are bounded."""
    table = judged(rows)
    broken = table[(table["table"] == "broken") & (table["expected"] != "")]
    asked = broken[broken["costly"] | broken["always"]]
    sound = table[table["table"] == "sound"]

    def part(of: pd.DataFrame, outcomes: tuple[str, ...], word: str, bound: float) -> Rate:
        return Rate(float(of["outcome"].isin(outcomes).mean()) if len(of) else np.nan, len(of), word, bound)

    return {
        "right cause": part(asked, ("right",), "at least", 0.80),
        "right cause or off": part(asked, ("right", "off"), "at least", 0.95),
        "wrong cause": part(broken, ("wrong",), "at most", 0.02),
        "fine though it costs more than the effect": part(table, ("missed",), "at most", 0.0),
        "sound models: fine": part(sound, ("right",), "at least", 0.95),
        "sound models: off": part(sound, ("false alarm", "off", "wrong"), "at most", 0.01),
        "errors from deep inside": part(table, ("error",), "at most", 0.0),
        "original or loader changed": Rate(float(table["changed"].mean()), len(table), "at most", 0.0),
    }


def missed(rows: pd.DataFrame) -> list[str]:
    """Return the proportions that are beyond their bounds."""
    return [name for name, rate in rates(rows).items() if not rate.reached]


def confusion(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how often each cause was answered in each way."""
    table = judged(rows)
    table = table[table["table"] == "broken"]
    named = table["cause"].where(table["cause"] != "", table["verdict"])
    return pd.crosstab(table["expected"].replace("", "sound"), named)

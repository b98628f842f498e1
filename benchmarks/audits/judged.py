"""Worth of an audit's answer, given what is wrong with the model; and the bounds of a campaign."""

from __future__ import annotations

from typing import Any

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


def rates(rows: pd.DataFrame) -> dict[str, tuple[float, float, str]]:
    """Return the proportions that are bounded: what was measured, the bound, and "at least" or "at most"."""
    table = judged(rows)
    broken = table[(table["table"] == "broken") & (table["expected"] != "")]
    asked = broken[broken["costly"] | broken["always"]]
    sound = table[table["table"] == "sound"]
    named = table[table["expected"] != ""]

    def part(of: pd.DataFrame, *outcomes: str) -> float:
        return float(of["outcome"].isin(outcomes).mean()) if len(of) else np.nan

    return {
        "right cause": (part(asked, "right"), 0.80, "at least"),
        "right cause or off": (part(asked, "right", "off"), 0.95, "at least"),
        "wrong cause": (part(named, "wrong"), 0.02, "at most"),
        "fine though it costs more than the effect": (part(table, "missed"), 0.0, "at most"),
        "sound models: fine": (part(sound, "right"), 0.95, "at least"),
        "sound models: off": (part(sound, "false alarm", "off", "wrong"), 0.01, "at most"),
        "errors from deep inside": (part(table, "error"), 0.0, "at most"),
        "original or loader changed": (float(table["changed"].mean()), 0.0, "at most"),
    }


def missed(rows: pd.DataFrame) -> list[str]:
    """Return the proportions that are beyond their bounds."""
    found = rates(rows).items()
    return [name for name, (part, bound, word) in found if not (part >= bound if word == "at least" else part <= bound)]


def confusion(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how often each cause was answered in each way."""
    table = judged(rows)
    table = table[table["table"] == "broken"]
    named = table["cause"].where(table["cause"] != "", table["verdict"])
    return pd.crosstab(table["expected"].replace("", "sound"), named)

"""Counts of verdicts, separately for claims by evidence, claims by algebra and published signs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bnstats.claims.claim import REFUTED, SUPPORTED, UNDECIDED, VERDICTS
from bnstats.claims.interval_methods import BY_ALGEBRA

SIGNS = {SUPPORTED: "the same here", REFUTED: "opposite here", UNDECIDED: "undecided here"}
"""Verdicts of published signs; an opposite sign in small networks refutes no published measurement."""


def counts(table: pd.DataFrame) -> list[str]:
    """Return a sentence for each kind of claim in the table, with the count of each verdict.

    >>> table = pd.DataFrame({"interval_method": ["bounded", "by algebra"], "verdict": ["refuted", "supported"]})
    >>> counts(table)
    ['1 claim by evidence: 0 supported, 1 refuted, 0 undecided.', '1 claim by algebra: 1 supported, 0 refuted.']
    """
    sign = table["verdict"].isin(SIGNS.values())
    algebra = (table["interval_method"] == BY_ALGEBRA) & ~sign
    kinds: tuple[tuple[str, pd.Series, Mapping[str, str]], ...] = (
        ("claim{} by evidence", ~algebra & ~sign, VERDICTS),
        ("claim{} by algebra", algebra, VERDICTS),
        ("published sign{}", sign, SIGNS),
    )
    return [_counted(name, table[chosen], words) for name, chosen, words in kinds if chosen.any()]


def _counted(name: str, table: pd.DataFrame, words: Mapping[str, str]) -> str:
    found = table["verdict"].value_counts()
    # A computed claim is undecided only without any evidence.
    said = [word for word in words.values() if found.get(word, 0) or not (word == UNDECIDED and "algebra" in name)]
    plural = "" if len(table) == 1 else "s"
    return f"{len(table)} {name.format(plural)}: {', '.join(f'{found.get(word, 0)} {word}' for word in said)}."


def undecided(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of undecided claims and undecided published signs."""
    return table[table["verdict"].isin((UNDECIDED, SIGNS[UNDECIDED]))]

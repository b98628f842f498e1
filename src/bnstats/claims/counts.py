"""Counts of verdicts, apart for claims that are decided by evidence, those by algebra, and published signs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bnstats.claims.claim import REFUTED, SUPPORTED, UNDECIDED, VERDICTS
from bnstats.claims.interval_methods import BY_ALGEBRA

SIGNS = {SUPPORTED: "the same here", REFUTED: "opposite here", UNDECIDED: "undecided here"}
"""Words for a published sign: small networks here can have another one, and refute nothing that others measured."""


def counts(table: pd.DataFrame) -> list[str]:
    """Sentences that count the verdicts of each kind of claims there is.

    >>> table = pd.DataFrame({"grounds": ["bounded", "by algebra"], "verdict": ["refuted", "supported"]})
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
    # What is computed is undecided only where there is no evidence at all.
    said = [word for word in words.values() if found.get(word, 0) or not (word == UNDECIDED and "algebra" in name)]
    plural = "" if len(table) == 1 else "s"
    return f"{len(table)} {name.format(plural)}: {', '.join(f'{found.get(word, 0)} {word}' for word in said)}."


def undecided(table: pd.DataFrame) -> pd.DataFrame:
    """The claims that are not decided, in whatever words."""
    return table[table["verdict"].isin((UNDECIDED, SIGNS[UNDECIDED]))]

"""Reasons why replicates failed, with the number of replicates of each."""

from __future__ import annotations

from collections.abc import Mapping

MOST_REASONS = 50
"""Reasons that are counted one by one, at most."""
OTHER = "other reasons"

FailureReasons = Mapping[str, int]


def counted(*reasons: FailureReasons | None) -> FailureReasons | None:
    """Return how often each reason occurs in all; beyond MOST_REASONS, together as `OTHER`.

    None stands for replicates of a study whose replicates do not fail.

    >>> counted({"singular": 2}, {"singular": 1, "slow": 4})
    {'singular': 3, 'slow': 4}
    """
    given = [part for part in reasons if part is not None]
    found: dict[str, int] = {}
    for part in given:
        for reason, count in part.items():
            name = reason if reason in found or len(found) < MOST_REASONS else OTHER
            found[name] = found.get(name, 0) + count
    return found if given else None


def in_words(reasons: FailureReasons) -> str:
    """Return the reasons with their counts, the most frequent first.

    >>> in_words({"singular": 2, "slow": 4})
    'slow (4), singular (2)'
    """
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    listed = [f"{reason} ({count})" for reason, count in ordered[:5]]
    return ", ".join(listed + ([f"{len(ordered) - 5} other reasons"] if len(ordered) > 5 else []))

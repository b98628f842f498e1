"""The table of published signs: every published number has its place, no measurement counts twice, one rule for all."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

from analyses.published_signs import CLAIMS, NOT_MEASURED
from analyses.verdicts import verdicts
from bnstats.claims.published import accuracy_gain, published


def test_every_published_number_is_compared_or_said_not_to_be() -> None:
    named = [(reference, setting) for sources, _ in CLAIMS.values() for reference, *pair in sources for setting in pair]
    assert [len(published(*name)) for name in named] == [1] * len(named)
    rows = pd.concat([published(*name) for name in [*named, *NOT_MEASURED]])
    missing = published("").merge(rows.drop_duplicates(), how="left", indicator=True).query("_merge == 'left_only'")
    assert missing["setting"].tolist() == []


def test_no_measurement_and_no_published_difference_counts_twice() -> None:
    keys = [key for _, key in CLAIMS.values()]
    assert len(set(keys)) == len(keys)
    shifted = Counter(
        (statistics, batching, size, shift)
        for figure, statistics, *rest in keys
        if figure == "shift"
        for batching, size, *shifts in [rest]
        for shift in shifts
    )
    assert max(shifted.values()) == 1
    sources = [source for sources, _ in CLAIMS.values() for source in sources]
    assert len(set(sources)) == len(sources)


def test_papers_that_share_a_line_have_the_same_sign() -> None:
    for sources, _ in CLAIMS.values():
        assert len({np.sign(accuracy_gain(name, after, before)) for name, before, after in sources}) == 1


def test_those_that_disagree_come_first_and_intervals_hold_for_all_lines_together() -> None:
    """Bonferroni: two standard errors decide one line of one, and not one of twenty."""
    claims = pd.DataFrame({"published": 1.0, "value": [5.0, -5.0, 2.2, -2.2], "mcse": 1.0})
    judged = verdicts(claims)
    assert judged["verdict"].tolist() == ["disagrees", "undecided", "undecided", "agrees"]
    assert verdicts(claims[2:3])["verdict"].tolist() == ["agrees"]
    assert ((judged["low"] > 0) | (judged["high"] < 0)).tolist() == [True, False, False, True]

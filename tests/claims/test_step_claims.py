"""Claims about the steps of training: true ones are supported, those that people say and that are false refuted.

False alarm: 1e-3 for each call. Power: the quantities lie at 0, or at 1, of the chances that are claimed.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

import bnstats as bn
from bnstats.claims.claim import Region
from bnstats.claims.registry import CLAIMS

VERDICTS = {
    "d-at-zero-at-3": "supported",
    "equal-grades-are-rare-at-3": "supported",
    "contradiction-turns-network": "refuted",
    "contradiction-changes-little": "supported",
    "one-class-steps-uphill-at-20": "supported",
    "larger-one-class-batches-help": "refuted",
    "one-class-downhill-with-statistics-of-all": "supported",
    "batch-statistics-halve-gradient-noise": "refuted",
    "diverges-without-projection": "refuted",
}


def test_verdicts() -> None:
    table = bn.check_claims(list(VERDICTS)).table.set_index("claim")
    assert table["verdict"].to_dict() == VERDICTS


@pytest.mark.parametrize("name", ["one-class-steps-uphill-at-20", "contradiction-changes-little"])
def test_the_opposite_is_refuted(name: str) -> None:
    opposite = replace(CLAIMS[name], region=Region.below(0.5))
    assert bn.check_claims([opposite]).table["verdict"].item() == "refuted"


@pytest.mark.parametrize(
    "name", ["shuffled-steps-downhill", "one-class-steps-uphill-at-64", "loss-offset-as-predicted"]
)
def test_scopes_say_whose_weights(name: str) -> None:
    assert "60 steps" in CLAIMS[name].evidence.scope

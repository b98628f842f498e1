"""The ledger's table on the site: what was measured, with what, and how many of each kind of claims."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from bnstats.claims.ledger import check_claims
from bnstats.claims.registry import CLAIMS
from docs.extensions import ledger_table


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a formula's claim, one that is measured and refuted, and a published sign that nothing decides."""
    decided = check_claims(["zero-at-3", "same-as-whole-data-at-3"]).table
    sign = check_claims("group-norm-at-2", max_replicates=0).table
    pd.concat([decided, sign]).to_csv(tmp_path / "claims.csv", index=False)
    monkeypatch.setattr(ledger_table, "FIGURES", tmp_path)
    ledger_table.write_ledger(tmp_path / "table.html")
    return (tmp_path / "table.html").read_text()


def test_each_row_shows_quantity_and_scope(page: str) -> None:
    headings = re.findall(r"<button type=\"button\">([^<]*)</button>", page)
    assert headings[:5] == ["verdict", "claim", "statement", "quantity", "scope"]
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in page.split("<tbody>")[1].split("</tr>") if "<td>" in row]
    for row in rows:
        claim = CLAIMS[row[1]]
        assert row[3:5] == [claim.quantity, claim.evidence.scope]


def test_kinds_of_claims_are_counted_apart_and_verdicts_are_marked(page: str) -> None:
    assert re.findall(r"<li>(.*?)</li>", page) == [
        "1 claim by evidence: 0 supported, 1 refuted, 0 undecided.",
        "1 claim by algebra: 1 supported, 0 refuted.",
        "1 published sign: 0 the same here, 0 opposite here, 1 undecided here.",
    ]
    assert re.findall(r'<tr id="[^"]*" class="(\w+)">', page) == ["supported", "refuted", "undecided"]

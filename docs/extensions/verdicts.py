"""The role `verdict`: the verdict of a claim beside a sentence, one click from its evidence in the ledger."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from docutils import nodes
from sphinx.util.docutils import SphinxRole

from bnstats.claims.registry import CLAIMS

SAVED = Path(__file__).resolve().parents[2] / "figures" / "claims.csv"
NOT_YET = "not judged yet"


@cache
def verdicts(ledger: Path = SAVED) -> dict[str, str]:
    """Return the verdict of each claim in a saved ledger."""
    table = pd.read_csv(ledger)
    return dict(zip(table["claim"], table["verdict"], strict=True))


class Verdict(SphinxRole):
    """The verdict of a claim, as a link to its row in the ledger.

    A claim that the package does not know is an error. One that was not judged yet is shown as such.
    """

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        self.env.note_dependency(str(SAVED))
        if self.text not in CLAIMS:
            text = f"There is no claim {self.text!r}."
            return [], [self.inliner.reporter.error(text, line=self.lineno)]
        verdict = verdicts().get(self.text, NOT_YET)
        address = f"{'../' * self.env.docname.count('/')}ledger.html" + f"#{self.text}" * (verdict != NOT_YET)
        return [nodes.reference("", verdict, refuri=address, classes=["verdict", verdict.split()[0]])], []


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what this file adds."""
    app.add_role("verdict", Verdict())
    return {"parallel_read_safe": True, "parallel_write_safe": True}

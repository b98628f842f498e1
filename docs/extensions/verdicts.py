"""The role `verdict`: the verdict of a claim beside a sentence, one click from its evidence in the ledger."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from docutils import nodes
from sphinx.util.docutils import SphinxRole

SAVED = Path(__file__).resolve().parents[2] / "figures" / "claims.csv"


@cache
def verdicts(ledger: Path = SAVED) -> dict[str, str]:
    """Return the verdict of each claim in a saved ledger."""
    table = pd.read_csv(ledger)
    return dict(zip(table["claim"], table["verdict"], strict=True))


class Verdict(SphinxRole):
    """The verdict of a claim, as a link to its row in the ledger.

    A claim without a verdict is an error, so that no sentence promises evidence that is not there.
    """

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        self.env.note_dependency(str(SAVED))
        verdict = verdicts().get(self.text)
        if verdict is None:
            text = f"The claim {self.text!r} has no verdict in {SAVED.name}."
            return [], [self.inliner.reporter.error(text, line=self.lineno)]
        address = f"{'../' * self.env.docname.count('/')}ledger.html#{self.text}"
        return [nodes.reference("", verdict, refuri=address, classes=["verdict", verdict.split()[0]])], []


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what this file adds."""
    app.add_role("verdict", Verdict())
    return {"parallel_read_safe": True, "parallel_write_safe": True}

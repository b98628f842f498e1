"""The findings of an audit as HTML: in a notebook, and as a page that needs no other file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bnstats.audit.core.judging.findings import Findings
from bnstats.audit.reports.plain import plain
from bnstats.audit.reports.text import sentences, title, trial
from bnstats.plots.page import NO_MARKUP, page, safe

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def findings_page(found: Findings, figure: Figure) -> str:
    """Return the whole page, and close the figure that is drawn on it."""
    heading, evidence = title(found), found.evidence
    tables = {
        "Scores, with 95 % intervals": found.scores,
        "The gap between running and batch statistics, step by step": found.gap,
        "Layers": found.layers,
        "Evidence": pd.DataFrame({"evidence": [*evidence], "value": [str(plain(v)) for v in evidence.values()]}),
    }
    shows = f"{heading}. Layers, steps of the gap, and scores."
    return page(heading, findings_in_html(found), figure, shows, tables, "There was nothing to measure.")


def findings_in_html(found: Findings) -> str:
    """Return the report in words, with the fix as code."""
    lead, *rest = filter(None, sentences(found))
    parts = [f"<p><strong>{safe(lead)}</strong></p>", *(f"<p>{safe(text)}</p>" for text in rest)]
    if found.fix is not None:
        parts += [f"<pre><code>{safe(found.fix.text)}</code></pre>", f"<p>{safe(trial(found))}</p>"]
    if found.notes:
        parts.append(f"<ul>{''.join(f'<li>{safe(note)}</li>' for note in found.notes)}</ul>")
    return f'<div class="{NO_MARKUP}">{"".join(parts)}</div>'

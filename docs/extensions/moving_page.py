"""Markup and exact numbers of the page on which one draws batches."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from scipy import stats

import bnstats as bn
from bnstats.claims.grades import CUTS

MEAN, STD = 72.0, 10.0
LETTERS = ("F", "D", "C", "B", "A")
SIZES = (3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
MOMENTA = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
BATCHINGS = {"shuffled": "shuffled", "one_letter": "one letter a batch", "sorted": "sorted by grade"}
PICTURES = {
    "batch": (
        *(200, "Grades of the batch, and where its normalized axis lies"),
        "Grades in points, above; the same batch normalized, below",
    ),
    "letters": (165, "Share of batches in which 0 stood for each letter", "Letters that 0 has stood for"),
    "running": (
        *(160, "Means of batches, and the running mean that follows them"),
        "Points: means of batches. Line: running mean. Dashes: mean of all grades",
    ),
}
"""Height, description and caption of each picture."""
MANY = 100
SORTED_ROWS = 1000


def facts() -> dict[str, Any]:
    """Return everything that the script needs to know, exact chances of each letter at a normalized 0 included."""
    return {
        "mean": MEAN,
        "std": STD,
        "cuts": CUTS,
        "letters": LETTERS,
        "articles": [f"{'an' if letter in 'FA' else 'a'} {letter}" for letter in LETTERS],
        "sizes": SIZES,
        "momenta": MOMENTA,
        "many": MANY,
        "sorted_rows": SORTED_ROWS,
        "exact": {str(n): letters_at_zero(n) for n in SIZES},
    }


def letters_at_zero(batch_size: int) -> list[float]:
    """Return the exact chance of each letter, given that a grade is normalized to 0 by its shuffled batch."""
    return bn.theory.class_given_normalized(stats.norm(MEAN, STD), CUTS, 0.0, batch_size).tolist()


def write_moving_page(path: Path) -> None:
    """Write the controls, empty pictures and the numbers; the script fills the pictures."""
    said = markup()
    if not path.exists() or path.read_text() != said:
        path.write_text(said)


def markup() -> str:
    """Return the page's part that moves, as HTML."""
    rules = "".join(
        f'<label><input type="radio" name="batching" value="{value}"{" checked" if value == "shuffled" else ""}> '
        f"{html.escape(label)}</label>"
        for value, label in BATCHINGS.items()
    )
    pictures = "\n".join(_picture(name, *described) for name, described in PICTURES.items())
    return f"""<div class="batch-page">
<script type="application/json">{json.dumps(facts())}</script>
<noscript><p>This page draws batches with JavaScript, which is switched off here.</p></noscript>
<fieldset><legend>Batches</legend>{rules}</fieldset>
{_slider("size", "Batch size", len(SIZES), SIZES.index(8))}
{_slider("momentum", "Momentum of the running statistics", len(MOMENTA), MOMENTA.index(0.1))}
<p><button type="button" data-part="draw">Draw a batch</button>
<button type="button" data-part="draw-many">Draw {MANY}</button>
<button type="button" data-part="again">Start over</button></p>
<p data-part="sentence" aria-live="polite"></p>
<div class="pictures">
{pictures}
</div>
<p data-part="letters-sentence"></p>
</div>
"""


def _slider(name: str, label: str, steps: int, start: int) -> str:
    return (
        f'<p><label for="batch-{name}">{html.escape(label)}: <output data-part="{name}-value"></output></label><br>'
        f'<input id="batch-{name}" data-part="{name}" type="range" min="0" max="{steps - 1}" step="1" '
        f'value="{start}"></p>'
    )


def _picture(name: str, height: int, described: str, caption: str) -> str:
    return (
        f'<figure><svg data-part="{name}" viewBox="0 0 400 {height}" role="img" aria-label="{html.escape(described)}">'
        f"</svg><figcaption>{html.escape(caption)}</figcaption></figure>"
    )

"""Pages of the gallery."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from code_blocks import ROOT, pages

GALLERY = [page for page in pages() if page.parent.name == "gallery" and page.stem != "index"]
SECTIONS = ["What was measured", "Measure it", "Try this next"]


def test_every_figure_has_a_page() -> None:
    """But for the ledger's, which has one of its own beside the gallery."""
    figures = {path.stem for path in (ROOT / "figures").glob("*.csv")}
    assert figures - {"claims"} == {page.stem for page in GALLERY}


@pytest.mark.parametrize("page", GALLERY, ids=lambda page: page.stem)
def test_a_page_has_the_question_the_answer_the_figure_and_what_measures_it(page: Path) -> None:
    text = page.read_text()
    assert re.match(r"# .+\?\n\n[A-Z]", text), "the question, then the answer"
    assert f"](../../figures/{page.stem}.png)" in text.partition("## ")[0]
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")][:3] == SECTIONS
    assert f"```{{measured}} {page.stem}\n" in text
    assert "{code-cell} python" in text.partition("## Measure it")[2].partition("## Try")[0]


@pytest.mark.parametrize("page", GALLERY, ids=lambda page: page.stem)
def test_lines_that_measure_less_than_the_figure_say_so(page: Path) -> None:
    first = page.read_text().partition("## Measure it\n\n")[2].partition("```")[0]
    assert re.search(r"\b(fewer|two|three|four|narrower|leave out|one|in place of)\b", first), first


def test_each_page_has_a_thumbnail_and_a_place_in_the_contents() -> None:
    index = (ROOT / "docs" / "gallery" / "index.md").read_text()
    assert sorted(re.findall(r"figures/(\w+)\.png\) .+\]\(\1\.md\)", index)) == sorted(page.stem for page in GALLERY)
    contents = index.partition("```{toctree}")[2].partition("```")[0].split()
    assert sorted(word for word in contents if not word.startswith(":") and word != "1") == sorted(
        p.stem for p in GALLERY
    )

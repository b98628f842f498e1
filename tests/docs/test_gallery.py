"""The lines on each page of the gallery: they run as they stand there."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

GALLERY = Path(__file__).resolve().parent.parent.parent / "docs" / "gallery"
PAGES = sorted(path.stem for path in GALLERY.glob("*.md") if path.stem != "index")


def lines(page: str) -> str:
    """The Python block of a page."""
    (block,) = re.findall(r"^```python\n(.*?)^```", (GALLERY / f"{page}.md").read_text(), re.DOTALL | re.MULTILINE)
    return str(block)


# Under heavy tails some errors are not known, and the run says so.
@pytest.mark.filterwarnings("ignore::bnstats.exceptions.PrecisionWarning")
@pytest.mark.parametrize("page", PAGES)
def test_the_lines_on_a_page_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = lines(page)
    if "import torch" in code:
        pytest.importorskip("torch", reason="needs PyTorch: pip install bnstats[torch]")
    script = tmp_path / f"{page}.py"
    script.write_text(code)
    monkeypatch.setattr(plt, "show", lambda: None)
    runpy.run_path(str(script))
    assert "print(" not in code or capsys.readouterr().out.strip()


def test_every_figure_has_a_page() -> None:
    """But for the ledger's, which has one of its own beside the gallery."""
    figures = {path.stem for path in (GALLERY.parent.parent / "figures").glob("*.png")}
    assert figures - {"claims"} == set(PAGES)

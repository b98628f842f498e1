"""Pages of the gallery."""

from __future__ import annotations

from code_blocks import ROOT, pages


def test_every_figure_has_a_page() -> None:
    """But for the ledger's, which has one of its own beside the gallery."""
    figures = {path.stem for path in (ROOT / "figures").glob("*.png")}
    gallery = {page.stem for page in pages() if page.parent.name == "gallery" and page.stem != "index"}
    assert figures - {"claims"} == gallery

"""Files that the site is made from and that are made themselves."""

from __future__ import annotations

from pathlib import Path


def write(path: Path, text: str) -> None:
    """Write a file only where that changes anything, so that Sphinx builds no page twice."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)

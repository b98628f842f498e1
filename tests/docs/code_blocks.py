"""Blocks of code in README, CONTRIBUTING, CHANGELOG and the pages of the docs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FENCE = re.compile(r"^( *)(```+|~~~+|:::+)([^\n`]*)\n(.*?)^\1\2 *$", re.DOTALL | re.MULTILINE)
# Lines at the head of a cell that say how it is shown.
OPTIONS = re.compile(r"\A(?::\w+:.*\n)+")
# What building the site leaves in docs, and what no commit holds.
BUILT = {"_build", "_static", "api", "measured"}


def pages() -> list[Path]:
    """All of them, as they are committed."""
    docs = [path for path in (ROOT / "docs").rglob("*.md") if not BUILT & set(path.relative_to(ROOT).parts)]
    return sorted([*ROOT.glob("*.md"), *docs])


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line of the page on which it begins, its kind and its text."""

    page: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> Iterator[Block]:
    """Those of all pages, each kind by the first word behind the fence; "doctest" where there are prompts."""
    for page in pages():
        text = page.read_text()
        for found in FENCE.finditer(text):
            kind = found[3].strip().partition(" ")[0]
            kind = "doctest" if found[4].lstrip().startswith(">>>") else kind
            code = OPTIONS.sub("", found[4]) if kind == "{code-cell}" else found[4]
            yield Block(page.relative_to(ROOT).as_posix(), text[: found.start()].count("\n") + 1, kind, code)

"""First lines of docstrings: noun phrases or imperatives, that end in a full stop."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bnstats

PACKAGE = Path(bnstats.__file__).parent
ROOT = Path(__file__).resolve().parents[1]
# A sentence that begins so is a fragment: it names neither the thing nor what a function does.
FRAGMENTS = frozenset({"What", "How", "Which", "Of", "By", "Whether", "Within"})


def checked_files() -> dict[str, list[Path]]:
    """Return the files of each room, and of the folders beside the package."""
    rooms: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE)
        rooms.setdefault(parts.parts[0] if len(parts.parts) > 1 else "bnstats", []).append(path)
    return rooms | {name: sorted((ROOT / name).rglob("*.py")) for name in ("analyses", "benchmarks", "docs")}


ROOMS = checked_files()


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each docstring, those below an attribute or a constant included."""
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        owner = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for before, part in zip([None, *body], body, strict=False):
            text = part.value.value if isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) else None
            first = before is None and owner
            if isinstance(text, str) and (first or isinstance(before, ast.Assign | ast.AnnAssign)):
                yield part.lineno, text


def faults(source: str) -> list[str]:
    """Return a line for each docstring whose first line is a fragment or has no full stop."""
    found = []
    for line, text in docstrings(source):
        first = text.strip().split("\n")[0]
        if first.partition(" ")[0] in FRAGMENTS or not first.endswith("."):
            found.append(f"line {line}: {first}")
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_first_lines_of_docstrings_are_plain(room):
    files = ROOMS[room]
    found = [f"{path.relative_to(ROOT)}, {fault}" for path in files for fault in faults(path.read_text("utf-8"))]
    assert not found, "\n".join(found)


def test_fragments_and_missing_full_stops_are_found():
    source = '''
"""A module"""
LIMIT = 3
"""How many there are."""
class Thing:
    """Thing of a kind."""
    size = 2
    """Which size.

    It has a second paragraph.
    """
    def value(self):
        """Of the thing."""
        if self:
            "no docstring"
'''
    assert [fault.partition(":")[0] for fault in faults(source)] == ["line 2", "line 4", "line 8", "line 13"]

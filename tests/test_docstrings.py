"""First lines of docstrings: imperatives for functions, noun phrases for classes; each ends in a full stop."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import bnstats

PACKAGE = Path(bnstats.__file__).parent
ROOT = Path(__file__).resolve().parents[1]
# A sentence that begins so is a fragment: it names neither the thing nor what a function does.
FRAGMENTS = frozenset({"What", "How", "Which", "Of", "By", "Whether", "Within"})

# First words of functions of the package; a new one is added here.
VERBS = {
    *("Accept", "Add", "Align", "Apply", "Assert", "Audit", "Call", "Cancel", "Check", "Choose", "Close"),
    *("Collect", "Commit", "Compare", "Compile", "Complete", "Compute", "Continue", "Copy", "Count"),
    *("Declare", "Describe", "Do", "Draw", "Estimate", "Exit", "Exponentiate", "Fail", "Fetch", "Fill"),
    *("Find", "Finish", "Fit", "Give", "Go", "Group", "Ignore", "Import", "Join", "Judge", "Keep", "Leave"),
    *("Let", "Limit", "Load", "Lock", "Loop", "Make", "Measure", "Merge", "Move", "Normalize", "Plot"),
    *("Predict", "Print", "Put", "Raise", "Read", "Record", "Refuse", "Register", "Remember", "Remove"),
    *("Replace", "Report", "Reset", "Return", "Run", "Scale", "Score", "See", "Send", "Set", "Share", "Show"),
    *("Simulate", "Split", "Standardize", "Start", "Store", "Submit", "Sum", "Summarize", "Switch", "Take"),
    *("Train", "Turn", "Update", "Wait", "Warn", "Watch", "Write", "Yield"),
}
# Nouns, too, with which the line of a class may begin.
NOUNS = {"Count", "Fit", "Group", "Limit", "Measure", "Record", "Run", "Set", "Store", "Sum"}


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


def verbless(source: str) -> list[str]:
    """Return a line for each function whose docstring begins with no verb, and each class whose docstring does."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef) or not (text := ast.get_docstring(node)):
            continue
        word = text.split()[0].rstrip(",.:;")
        if any("property" in ast.unparse(decorator) for decorator in node.decorator_list):
            continue  # an attribute
        wrong = word in VERBS - NOUNS if isinstance(node, ast.ClassDef) else word not in VERBS
        if wrong:
            found.append(f"line {node.lineno}: {text.splitlines()[0]}")
    return found


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


@pytest.mark.parametrize("room", sorted(set(ROOMS) - {"analyses", "benchmarks", "docs"}))
def test_functions_begin_with_a_verb_and_classes_with_a_noun(room):
    files = ROOMS[room]
    found = [f"{path.relative_to(ROOT)}, {fault}" for path in files for fault in verbless(path.read_text("utf-8"))]
    assert not found, "\n".join(found)


def test_missing_verbs_are_found():
    source = '''
class Watch:
    """Watch a loop."""
    @property
    def size(self):
        """Number of rows."""
    def rows(self):
        """Rows of the loop."""
    def read(self):
        """Return the rows."""
'''
    assert [fault.partition(":")[0] for fault in verbless(source)] == ["line 2", "line 7"]


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


def names_of_classes() -> Counter[str]:
    """Count the public classes of the package by name."""
    trees = [
        ast.parse(path.read_text("utf-8")) for files in ROOMS.values() for path in files if PACKAGE in path.parents
    ]
    return Counter(
        node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef) if node.name[0] != "_"
    )


def test_no_two_classes_have_one_name():
    assert not [name for name, count in names_of_classes().items() if count > 1]

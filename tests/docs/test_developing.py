"""Files, functions and folders that the page for developers names exist, and its picture has the real imports."""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path

import pytest

import docs.extensions.imports
from docs.extensions.imports import GROUND, NAMESPACES, below, essential, imports, picture, room_of, rows

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "developing.md").read_text("utf-8")
NAMES = sorted(set(re.findall(r"`([\w/]+\.py(?::[\w.]+)?)`", PAGE)))
GRAPH = imports()
# Above all folders stand the files of public names.
FOLDERS = set(GRAPH) - {NAMESPACES}


def exists(name: str) -> bool:
    """Return True if a file, below the package or the repository, defines the function, class or method."""
    path, _, inside = name.partition(":")
    file = next((base / path for base in (ROOT / "src" / "bnstats", ROOT) if (base / path).exists()), None)
    if file is None:
        return False
    scope: ast.AST = ast.parse(file.read_text("utf-8"))
    for part in filter(None, inside.split(".")):
        body = getattr(scope, "body", [])
        found = [node for node in body if getattr(node, "name", None) == part]
        if not found:
            return False
        scope = found[0]
    return True


@pytest.mark.parametrize("name", NAMES)
def test_what_the_page_names_exists(name):
    assert exists(name)


def test_names_are_many_and_wrong_ones_are_found():
    assert len(NAMES) > 40
    assert not exists("simulation/stop.py")
    assert not exists("simulation/run.py:runs")
    assert not exists("studies/convergence/study.py:ConvergenceStudy.simulates")


def table() -> dict[str, tuple[set[str], set[str]]]:
    """Return the folders that each folder may use, and that it does not know, from the table of the page."""
    lines = PAGE.partition("| folder | holds |")[2].split("\n\n")[0].splitlines()[2:]
    found: dict[str, tuple[set[str], set[str]]] = {}
    for line in lines:
        name, _, uses, unknown = (cell.strip() for cell in line.strip("|").split("|"))
        named = [set(map(room_of, re.findall(r"`(\w+)`", cell.partition(":")[0]))) for cell in (uses, unknown)]
        place = room_of(re.findall(r"`(\w+)`", name)[0])
        used = named[0].union(*(found[other][0] for other in named[0] if other in found), {GROUND}) - {place}
        found[place] = (used | (FOLDERS & set(found) if uses.startswith("all folders") else set()), named[1])
    return found


TABLE = table()


def test_the_table_has_every_folder():
    assert set(TABLE) == FOLDERS


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_a_folder_uses_what_it_may_and_does_not_know_the_others(folder):
    may, unknown = TABLE[folder]
    assert GRAPH[folder] <= may
    assert not GRAPH[folder] & unknown


def test_the_picture_has_every_folder_and_no_arrow_upwards():
    drawn = picture(GRAPH)
    assert all(f">{folder}</text>" in drawn for folder in GRAPH)
    row = {folder: place for place, folders in enumerate(rows(GRAPH)) for folder in folders}
    assert all(row[one] < row[other] for one, others in GRAPH.items() for other in others)
    assert drawn.count("marker-end") == sum(len(others - {GROUND}) for others in essential(GRAPH).values())


def test_arrows_that_follow_from_others_are_left_out_and_no_import_is_lost():
    few = essential(GRAPH)
    assert all(below(few, folder) == below(GRAPH, folder) for folder in GRAPH)
    assert sum(map(len, few.values())) < sum(map(len, GRAPH.values()))


def test_examples_of_the_functions_hold():
    found = doctest.testmod(docs.extensions.imports)
    assert found.attempted >= 3
    assert not found.failed

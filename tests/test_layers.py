"""Imports point downwards, and none goes in a circle: the layers stand in pyproject.toml."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


SOURCE = ROOT / "src"


def modules(root: Path) -> dict[str, Path]:
    """The files of a package by the names of their modules; a package's own file has the package's name."""
    found = {}
    for file in root.rglob("*.py"):
        *folders, name = file.relative_to(root.parent).with_suffix("").parts
        found[".".join(folders if name == "__init__" else [*folders, name])] = file
    return found


def imported(file: Path, known: dict[str, Path]) -> Iterator[str]:
    """Modules that a file imports, also in functions and for annotations."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in known else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def circles(root: Path) -> list[list[str]]:
    """Modules that import each other, directly or through others."""
    known = modules(root)
    names = sorted(known)
    place = {name: i for i, name in enumerate(names)}
    pairs = [(place[name], place[other]) for name in names for other in imported(known[name], known) if other in place]
    reached = np.zeros((len(names), len(names)), bool)
    for one, other in pairs:
        reached[one, other] = one != other
    for _ in range(len(names).bit_length()):  # each time over ways twice as long
        reached |= (reached.astype(np.float32) @ reached.astype(np.float32)) > 0
    mutual = reached & reached.T
    groups = {tuple(np.flatnonzero(row)): [names[i] for i in np.flatnonzero(row)] for row in mutual}.values()
    return sorted(group for group in groups if len(group) > 1)


def test_no_imports_go_in_a_circle():
    """Imports in functions, and for annotations alone, count."""
    assert circles(SOURCE / "bnstats") == []


@pytest.mark.parametrize(
    "late",
    ["def f():\n    from own import a\n", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import own.a\n"],
)
def test_a_circle_of_late_imports_is_found(tmp_path, late):
    package = tmp_path / "own"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "a.py").write_text("from own.b import f\n")
    (package / "b.py").write_text(late)
    assert circles(package) == [["own.a", "own.b"]]
    (package / "b.py").write_text("")
    assert circles(package) == []


def lint(config: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--config", str(config), "--no-cache"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_no_import_points_upwards():
    pytest.importorskip("importlinter")
    done = lint(ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout


def test_the_check_fails_on_layers_the_other_way_round(tmp_path):
    pytest.importorskip("importlinter")
    upside_down = tmp_path / "pyproject.toml"
    upside_down.write_text(
        '[tool.importlinter]\nroot_package = "bnstats"\n[[tool.importlinter.contracts]]\n'
        'name = "upside down"\ntype = "layers"\nlayers = ["bnstats.sampling", "bnstats.studies"]\n'
    )
    done = lint(upside_down)
    assert done.returncode != 0
    assert "upside down" in done.stdout


def test_imports_in_functions_are_seen(tmp_path):
    """A result is drawn by plots, which it imports late."""
    pytest.importorskip("importlinter")
    forbidden = tmp_path / "pyproject.toml"
    forbidden.write_text(
        '[tool.importlinter]\nroot_package = "bnstats"\n[[tool.importlinter.contracts]]\nname = "late"\n'
        'type = "forbidden"\nsource_modules = ["bnstats.simulation"]\nforbidden_modules = ["bnstats.plots"]\n'
    )
    done = lint(forbidden)
    assert done.returncode != 0
    assert "bnstats.simulation.result -> bnstats.plots.results" in done.stdout


MOST_FILES = 14


def crowded(root: Path) -> dict[str, int]:
    """Return the folders of a package with more than MOST_FILES Python files, and how many."""
    counts = Counter(file.parent.relative_to(root.parent).as_posix() for file in root.rglob("*.py"))
    return {folder: count for folder, count in counts.items() if count > MOST_FILES}


def test_a_folder_has_few_files(tmp_path):
    assert not crowded(SOURCE / "bnstats")
    for number in range(MOST_FILES + 1):
        (tmp_path / f"file{number}.py").touch()
    assert crowded(tmp_path) == {tmp_path.name: MOST_FILES + 1}

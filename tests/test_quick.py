"""The tests of the loop while working are a part of every room; workers get whole files, the longest first."""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

TESTS = Path(__file__).parent
CONFTEST = runpy.run_path(str(TESTS / "conftest.py"))
QUICK, LONGEST = CONFTEST["QUICK"], CONFTEST["LONGEST"]


def test_quick_tests_reach_every_room() -> None:
    rooms = {path.parent.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")}
    assert set(QUICK) == rooms
    assert all(QUICK.values())


def test_quick_files_and_the_longest_are_there() -> None:
    listed = [*QUICK.items(), *LONGEST.items()]
    missing = [f"{room}/test_{name}.py" for room, names in listed for name in names]
    assert [path for path in missing if not (TESTS / path).exists()] == []


def test_the_longest_files_come_first() -> None:
    names = ["audit/test_copier.py", "sampling/test_populations.py", "recipes/test_recipes.py", "test_layers.py"]
    items = [SimpleNamespace(path=TESTS / name, get_closest_marker=str, add_marker=str) for name in names]
    CONFTEST["pytest_collection_modifyitems"](items)
    assert [item.path for item in items] == [TESTS / names[i] for i in (2, 1, 0, 3)]


def test_a_worker_gets_whole_files(tmp_path: Path) -> None:
    """In a suite of four files, with this project's conftest, on two workers that may be given parts of files."""
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    test = "def test(i): print(f'ran:{__file__}:{os.getpid()}')"
    body = f"import os, pytest\n@pytest.mark.parametrize('i', range(9))\n{test}\n"
    for name in "abcd":
        (tmp_path / f"test_{name}.py").write_text(body)
    command = [sys.executable, "-m", "pytest", "-n", "2", "-rP", "-q", "-p", "no:cacheprovider", "-p", "xdist"]
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    said = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True, check=True).stdout
    ran = {tuple(line.split(":")[1:]) for line in said.splitlines() if line.startswith("ran:")}
    assert len(ran) == 4  # a worker for each file
    assert len({worker for _, worker in ran}) == 2

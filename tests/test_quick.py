"""The tests of the loop while working: a part of every room, in files that there are."""

import runpy
from pathlib import Path

TESTS = Path(__file__).parent
QUICK = runpy.run_path(str(TESTS / "conftest.py"))["QUICK"]


def test_quick_tests_reach_every_room() -> None:
    rooms = {path.parent.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")}
    assert set(QUICK) == rooms
    assert all(QUICK.values())


def test_quick_files_are_there() -> None:
    missing = [f"{room}/test_{name}.py" for room, names in QUICK.items() for name in names]
    assert [path for path in missing if not (TESTS / path).exists()] == []

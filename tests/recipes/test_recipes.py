"""CONTRIBUTING's recipes, followed in a copy of the package: each addition is one file or entry, and tests find it.

Its own tests pass. Those of a wrong one of the same kind fail: nothing else tells a test that has found it from none.
Where the added variants are random, their tests have the false alarms and the power of the files that they stand in.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

from .additions import ADDITIONS, Addition

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
# A summary's own replicates are of one kind; the package's own summaries of the others are judged beside it, elsewhere.
OF_OTHERS = [
    f"tests/simulation/test_summaries.py::test_values_and_errors_are_those_of_a_known_law[{kind}]"
    for kind in ("events", "estimates", "positive", "relative")
]
# A plugin for pytest that runs nothing more of an addition that a test has found wrong.
ONE_FAILURE = f"""
import pytest

NAMES, FOUND = {[addition.name.lower() for addition in ADDITIONS]}, set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    FOUND.update(name for name in NAMES if report.failed and name in item.name.lower())
    return report


def pytest_runtest_setup(item):
    if any(name in item.name.lower() for name in FOUND):
        pytest.skip("another test of this wrong addition has failed")
"""
RECIPES = {text.partition(".** ")[0].partition("** ")[0]: text for text in TEXT.split("\n**")[1:]}


def recipe(addition: Addition) -> str:
    """The recipe of this kind; a recipe may be that of several kinds."""
    (found,) = [text for name, text in RECIPES.items() if addition.recipe.split()[-1] in name.split("** ")[0]]
    return found


def command(addition: Addition) -> tuple[list[str], str]:
    """Files of tests, and the expression that selects some of them, in the recipe's command."""
    found = re.search(r"`python -m pytest ([\w/. \n]+?) -k ('[^']+'|NAME)`", recipe(addition))
    assert found, f"the recipe of {addition.recipe} says which tests to run"
    return found[1].split(), found[2].strip("'").replace("NAME", addition.name)


def copied(folder: Path) -> Path:
    """A copy of the package with its compiled code, and of the tests, which need the analyses' data sets."""
    for name in ("src", "tests", "analyses"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.egg-info", "recipes"))
    for name in ("pyproject.toml", "conftest.py", "figures", "docs", "README.md"):
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    return folder


def outcomes(folder: Path, *options: str) -> tuple[Counter[str], Counter[str], str]:
    """Count passed and failed tests of each addition in one run of the recipes' commands."""
    commands = [command(addition) for addition in ADDITIONS]
    paths = sorted({path for files, _ in commands for path in files})
    chosen = " or ".join(f"({expression})" for _, expression in commands)
    report = folder / "report.xml"
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *paths,
            "-k",
            chosen,
            "-o",
            "addopts=",
            "-q",
            "--tb=line",
            f"--junitxml={report}",
            *(f"--deselect={test}" for test in OF_OTHERS),
            *options,
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    passed, failed = Counter(), Counter()  # type: ignore[var-annotated]
    for case in ET.parse(report).iter("testcase"):
        title = f"{case.get('classname')}::{case.get('name')}"
        for addition in ADDITIONS:
            named = addition.name.lower() in title.lower()
            if named or ("known_law" in title and addition.recipe == "A summary"):
                bad = case.find("failure") is not None or case.find("error") is not None
                if bad or case.find("skipped") is None:
                    (failed if bad else passed)[addition.name] += 1
    return passed, failed, run.stdout[-6000:]


@pytest.mark.parametrize("addition", ADDITIONS, ids=lambda a: a.name)
def test_a_recipe_says_what_is_added_and_which_tests_to_run(addition: Addition) -> None:
    files, expression = command(addition)
    assert all((ROOT / file).exists() for file in files)
    assert addition.name in expression
    place = addition.path if addition.before else str(Path(addition.path).parent)
    assert place in recipe(addition)


@pytest.mark.slow
def test_additions_are_found_by_tests_that_they_pass(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    for addition in ADDITIONS:
        addition.write(folder / "src/bnstats")
    passed, failed, said = outcomes(folder)
    assert not failed, said
    assert min(passed[addition.name] for addition in ADDITIONS) >= 1, (passed, said)
    script = """
import bnstats as bn
print(bn.__file__)
print(bn.corrections.median_center()([1.0, 2.0, 6.0, 8.0], [0, 0, 1, 1]))
print(bn.batching.Stratified(), bn.batching.Systematic(), bn.normalizers.NORMALIZERS["median_mad"])
print(bn.effects.Jump(), bn.shifts.Inversion(1.0).name, bn.ESTIMATORS['gini']([1.0, 4.0]), bn.POPULATIONS['triangular'])
"""
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    told = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    place, *rest = told.stdout.splitlines()
    assert folder in Path(place).parents
    assert rest == [
        "[3.75 4.75 3.25 5.25]",
        "Stratified() Systematic() MedianMad()",
        "Jump() inversion 1 3.0 Population(name='triangular')",
    ]


@pytest.mark.slow
def test_wrong_additions_are_found_out(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    for addition in ADDITIONS:
        addition.write(folder / "src/bnstats", wrong=True)
    (folder / "one_failure.py").write_text(ONE_FAILURE)
    _, failed, said = outcomes(folder, "-p", "one_failure")
    assert {addition.name for addition in ADDITIONS} == set(failed), said

"""The plugin of pytest, in runs of its own: off unless asked for, seeds, one rate for all tests, xdist."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from contextvars import copy_context
from importlib.metadata import entry_points
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import pytest

INSTALLED = [point.value for point in entry_points(group="pytest11", name="bnstats")] == ["bnstats.testing.plugin"]
PLUGIN = [] if INSTALLED else ["-p", "bnstats.testing.plugin"]
MINE = Path(__file__).parents[2] / "docs" / "tutorials" / "test_mine.py"

SUITE = """
import pytest
from bnstats.testing.suite import CURRENT, rate_of

@pytest.mark.random
@pytest.mark.parametrize("k", [1, 2])
def test_rates(k):
    rates = [rate_of(None) for _ in range(200)]
    assert rate_of(0.3) == 0.3
    print("rate", CURRENT.get().false_alarm, sum(rates) <= CURRENT.get().false_alarm)

@pytest.mark.random(false_alarm=0.002)
def test_own():
    print("rate", CURRENT.get().false_alarm)

def test_unmarked():
    assert CURRENT.get() is None
    assert rate_of(None) == 1e-6

def test_draws(rng):
    print("draw", rng.random())

def test_fails(rng):
    assert rng.random() < 0
"""


def command(folder: Path, text: str, options: tuple[str, ...]) -> list[str]:
    (folder / "test_suite.py").write_text(text)
    return [*PLUGIN, "-p", "no:cacheprovider", "-rA", *options]


def run_apart(folder: Path, text: str, *options: str) -> str:
    """Run a suite in a process of its own."""
    line = [sys.executable, "-m", "pytest", *command(folder, text, options)]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def run(folder: Path, text: str, *options: str) -> str:
    """Run a suite in this process, which takes a tenth of the time; what waits for garbage at the end is left out."""
    alone = ["--import-mode=importlib", "--capture=sys", "-p", "no:unraisableexception", "-p", "no:threadexception"]
    line, out = [*alone, *command(folder, text, options), str(folder)], StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(out):
        patch.chdir(folder)
        for name in ("PYTEST_CURRENT_TEST", "PYTEST_VERSION"):  # the run within removes them
            patch.setenv(name, "")
        sys.modules.pop("test_suite", None)
        copy_context().run(pytest.main, line)
    return out.getvalue()


def test_one_rate_is_split_over_the_tests_of_a_suite(tmp_path: Path) -> None:
    shown = run(tmp_path, SUITE, "--bnstats-false-alarm", "0.01")
    rates = re.findall(r"^rate (\S+)( True| False)?", shown, re.MULTILINE)
    assert [float(rate) for rate, _ in rates] == pytest.approx([0.004, 0.004, 0.002])
    assert [fits for _, fits in rates] == [" True", " True", ""]
    assert "1 failed, 5 passed" in shown
    seed = re.search(r"--bnstats-seed=(\d+)\.", shown)
    assert seed
    again = run(tmp_path, SUITE, f"--bnstats-seed={seed[1]}", "-k", "draws")
    assert re.findall(r"draw \S+", again) == re.findall(r"draw \S+", shown)
    assert re.findall(r"draw \S+", run(tmp_path, SUITE, "--bnstats", "-k", "draws")) != re.findall(r"draw \S+", shown)


def test_it_is_off_unless_asked_for(tmp_path: Path) -> None:
    """A suite with a fixture and a mark of the same names runs as before."""
    plain = "import pytest\n@pytest.fixture\ndef rng():\n    return 3\ndef test_rng(rng):\n    assert rng == 3\n"
    shown = run_apart(tmp_path, plain)
    assert "1 passed" in shown
    assert "bnstats:" not in shown
    assert "fixture 'rng' not found" in run(tmp_path, "def test_rng(rng):\n    pass\n")
    assert "1 passed" in run(tmp_path, plain, "--bnstats")  # one's own fixture comes first


@pytest.mark.skipif(find_spec("xdist") is None, reason="needs pytest-xdist")
def test_workers_share_seed_and_rate(tmp_path: Path) -> None:
    alone = run(tmp_path, SUITE, "--bnstats-seed", "7", "--bnstats-false-alarm", "0.01")
    shared = run_apart(tmp_path, SUITE, "--bnstats-seed", "7", "--bnstats-false-alarm", "0.01", "-n", "2")
    for pattern in (r"^rate \S+", r"^draw \S+"):
        assert sorted(re.findall(pattern, alone, re.M)) == sorted(re.findall(pattern, shared, re.M))
    new = run_apart(tmp_path, SUITE, "--bnstats", "-n", "2")
    assert new.count("the suite has 0.001: state smaller rates") >= 3  # a sentence in workers, too
    assert len(set(re.findall(r"--bnstats-seed=(\d+)\.", new))) == 1


def test_the_file_of_the_tutorial_says_what_it_could_have_detected(tmp_path: Path) -> None:
    shown = run(tmp_path, MINE.read_text(), "--bnstats-false-alarm", "0.001")
    assert "6 passed" in shown
    assert "false-alarm rate 0.001 in all" in shown
    assert re.search(
        r"test_dice: the mean of dice is within 0.2 of .* draws; a mean farther away would have been", shown
    )
    assert "waiting_time and expon are equal within 0.05" in shown


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (SUITE, ["--bnstats-false-alarm", "0.7"], "above 0 and below 0.5; got 0.7"),
        (SUITE, ["--bnstats-seed", "-1"], "--bnstats-seed is a whole number of at least 0"),
        (SUITE, ["--bnstats-false-alarm", "0.002"], "state false-alarm rates of 0.002 in all, and the suite has 0.002"),
        ("import pytest\n@pytest.mark.random(0.1)\ndef test_a(): pass\n", ["--bnstats"], "takes false_alarm= only"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, text: str, options: list[str], message: str) -> None:
    shown = run(tmp_path, text, *options)
    assert message in shown
    assert "Traceback" not in shown


def test_the_setting_in_a_configuration_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nbnstats_false_alarm = 0.02\n")
    assert "false-alarm rate 0.02 in all" in run(tmp_path, "def test_a(rng): pass\n")


def test_the_plugin_imports_nothing_heavy() -> None:
    heavy = ("numpy", "numba", "scipy", "pandas")
    code = f"import sys, bnstats.testing.plugin\nprint([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""Ctrl-C ends programs in a sentence: while they import, while other processes start, and while these work.

Each test waits until what it interrupts is under way, as long as that takes; a minute or several are for what never is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT = 300
"""Seconds for what takes a few on an idle machine."""

# A module that is imported until Ctrl-C, and then fails in another way, as some do.
ENDLESS = """
import pathlib, time
pathlib.Path({there!r}).touch()
try:
    for _ in range(100 * {limit}):
        time.sleep(0.01)
except KeyboardInterrupt:
    raise ImportError("swallowed") from None
"""


def default_interrupts() -> None:
    """Background jobs of a shell ignore Ctrl-C, and so would what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(*command: str, **environment: str) -> subprocess.Popen[str]:
    """A process and group of its own."""
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | environment,
        start_new_session=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=default_interrupts,
    )


def interrupted(running: subprocess.Popen[str], under_way: Callable[[], bool]) -> list[str]:
    """Press Ctrl-C, which reaches the whole group, once it is under way; what it says until it ends."""
    try:
        end = time.monotonic() + LIMIT
        while not under_way():
            assert running.poll() is None, running.communicate()[1]
            assert time.monotonic() < end
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGINT)
        said = running.communicate(timeout=LIMIT)[1]
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode != 0
    assert "Traceback" not in said
    return said.splitlines()


@pytest.mark.parametrize(
    ("program", "module"),
    [
        ("bnstats", "numpy"),
        ("analyses", "numpy"),
        ("analyses.drift", "numpy"),
        ("docs", "sphinx"),
        ("benchmarks", "numpy"),
    ],
)
def test_ctrl_c_while_modules_are_imported(program: str, module: str, tmp_path: Path) -> None:
    there = tmp_path / "there"
    (tmp_path / f"{module}.py").write_text(ENDLESS.format(there=str(there), limit=LIMIT))
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    said = interrupted(started("-m", program, PYTHONPATH=paths), there.exists)
    assert said[-1].endswith(f"{program.partition('.')[0]}: interrupted while it was starting")


def test_ctrl_c_while_a_command_works(tmp_path: Path) -> None:
    """A module of the user's, which takes long."""
    pytest.importorskip("torch")
    there = tmp_path / "there"
    (tmp_path / "mine.py").write_text(
        f"import pathlib, time\ndef model():\n    pathlib.Path({str(there)!r}).touch()\n    time.sleep({LIMIT})\n"
    )
    said = interrupted(started("-m", "bnstats", "audit", "mine:model", PYTHONPATH=str(tmp_path)), there.exists)
    assert said[-1] == "bnstats: interrupted"


# Two analyses that simulate until Ctrl-C: those of the package import all of it in three processes.
AT_ONCE = """
import time

from analyses.command_line import Options, options, run_all
from bnstats.cli.interrupts import interruptible


def simulate(given):
    (given.store / str(time.monotonic_ns())).touch()
    time.sleep(LIMIT)


if __name__ == "__main__":
    interruptible("two analyses")
    run_all({name: (simulate, simulate) for name in ("one", "other")}, options().parse_args(namespace=Options()))
"""


@pytest.fixture
def at_once(tmp_path: Path) -> subprocess.Popen[str]:
    """Two analyses in processes of their own, each of which makes a file in the store."""
    program = tmp_path / "two.py"
    program.write_text(AT_ONCE.replace("LIMIT", str(LIMIT)))
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    options = ["--jobs", "2", "--out", str(tmp_path / "out"), "--store", str(tmp_path / "store")]
    return started(str(program), *options, PYTHONPATH=paths)


def spawned(running: subprocess.Popen[str]) -> int:
    """How many processes there are for analyses."""
    children = psutil.Process(running.pid).children()
    return sum("spawn_main" in " ".join(child.cmdline()) for child in children)


def test_ctrl_c_while_analyses_that_run_at_once_are_started(at_once: subprocess.Popen[str]) -> None:
    """Their processes import modules for seconds."""
    said = interrupted(at_once, lambda: spawned(at_once) > 0)
    assert said[-1].startswith("interrupted; figures that were finished are written")


def test_ctrl_c_ends_analyses_that_run_at_once(at_once: subprocess.Popen[str], tmp_path: Path) -> None:
    said = interrupted(at_once, lambda: len(list((tmp_path / "store").glob("[0-9]*"))) == 2)
    assert said[-1].startswith("interrupted; figures that were finished are written")

"""`bnstats new study NAME`: the file runs as it is, and its own test passes."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from bnstats.cli import main


def test_the_template_runs_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "study", "my_study"]) == 0
    assert "python my_study.py" in capsys.readouterr().out
    runpy.run_path("my_study.py", run_name="__main__")
    said = capsys.readouterr().out
    assert "Simulation: 18 numbers." in said
    assert "covered" in said
    table = pd.read_csv("my_study.csv")
    assert set(table["summary"]) == {"bias", "se", "coverage", "mean", "rejection_rate", "failure_rate"}
    assert Path("my_study.png").stat().st_size > 1000
    rates = table.set_index(["summary", "n"])["value"]
    assert rates["rejection_rate", 80] == pytest.approx(1 - rates["coverage", 80])  # the interval inverts the test
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "my_study.py"],
        capture_output=True,
        check=False,
    )
    assert tested.returncode == 0
    assert main(["new", "study", "my_study"]) == 2
    assert "my_study.py" in capsys.readouterr().err
    assert main(["new", "study", "my-study"]) == 2
    assert "NAME is the name of a Python file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "existing", "message"),
    [
        ("mine", "mine.py", "mine.py exists; give another NAME"),
        ("mine", "mine.csv", "mine.csv exists; give another NAME"),
        ("mine", "mine.png", "mine.png exists"),
        ("class", None, "NAME is the name of a Python file"),
        ("../mine", None, "NAME is the name of a Python file"),
        ("numpy", None, "NAME is the name of an installed module, numpy, which numpy.py would hide"),
        ("random", None, "NAME is the name of an installed module, random"),
    ],
)
def test_nothing_is_overwritten_or_hidden(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    existing: str | None,
    message: str,
) -> None:
    """The study itself writes a table and a figure beside its file."""
    monkeypatch.chdir(tmp_path)
    if existing is not None:
        Path(existing).write_text("kept")
    assert main(["new", "study", name]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ([existing] if existing else [])

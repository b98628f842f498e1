"""The command line: the same numbers as the functions, a table where asked for, and one sentence for what is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bnstats as bn
from bnstats.cli import commands, declared, main

COMMANDS = ("advise", "audit", "new", "summarize", "convergence", "mismatch", "claims", "merge", "versions")


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"bnstats {command}" in capsys.readouterr().out


def test_a_bare_call_lists_all_commands_in_the_order_of_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = re.findall(r"^    (\w+)(?: |$)", capsys.readouterr().out, flags=re.MULTILINE)
    assert tuple(listed) == COMMANDS


def test_all_commands_are_declared() -> None:
    """Else the test below would hold of none."""
    assert {run.__name__[1:] for run in commands.COMMANDS} == set(COMMANDS)


@pytest.mark.parametrize("run", list(commands.COMMANDS), ids=lambda run: run.__name__[1:])
def test_every_option_says_what_it_takes_and_what_holds_without_it(run: declared.Run) -> None:
    for flags, settings in declared.COMMANDS[run][1]:
        assert not re.match("[A-Z][a-z]", settings["help"]), flags
        if settings.get("default") not in (None, []):
            assert "(default: " in settings["help"], flags
        takes_value = flags[0].startswith("-") and settings.get("action") is None and "choices" not in settings
        assert "metavar" in settings or not takes_value, flags


def test_version_and_python_m() -> None:
    run = [sys.executable, "-m", "bnstats"]
    version = subprocess.run([*run, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout == f"bnstats {bn.__version__}\n"
    unknown = subprocess.run([*run, "convergence", "missing.npy"], capture_output=True, text=True, check=False)
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("bnstats convergence: missing.npy")


def test_claims(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "claims.csv"
    assert main(["claims", "zero-at-3", "same-as-whole-data-at-3", "--out", str(out), "--quiet"]) == 0
    assert "1 claim by algebra: 1 supported" in capsys.readouterr().out
    expected = bn.check_claims(["zero-at-3", "same-as-whole-data-at-3"]).table
    pd.testing.assert_frame_equal(pd.read_csv(out), expected, check_exact=False)
    assert main(["claims", "zero-at-3", "--max-replicates", "0"]) == 1
    assert main(["claims", "--list"]) == 0
    assert "zero-at-64: In batches of 64" in capsys.readouterr().out
    assert main(["claims", "--list", "zero-at-3"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
    assert main(["claims", "--list", "--out", str(tmp_path / "list.csv")]) == 2
    assert "--list tests no claim" in capsys.readouterr().err


def test_convergence_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).normal(size=200)
    np.save(tmp_path / "x.npy", x)
    pd.DataFrame({"x": x, "y": 2 * x, "name": "a"}).to_csv(tmp_path / "x.csv", index=False)
    how = ["--batch-sizes", "2", "8", "--precision", "0.1", "--quiet", "--overwrite", "--out", str(tmp_path / "t.csv")]
    assert main(["convergence", str(tmp_path / "x.npy"), *how]) == 0
    from_array = pd.read_csv(tmp_path / "t.csv")
    assert main(["convergence", str(tmp_path / "x.csv"), "--column", "x", *how]) == 0
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), from_array)
    expected = bn.measure_convergence({"x": x}, batch_sizes=[2, 8], precision=0.1).table
    assert np.allclose(from_array["value"], expected["value"], equal_nan=True)
    assert main(["convergence", str(tmp_path / "x.csv"), *how]) == 2
    assert "x, y; choose one with --column" in capsys.readouterr().err


def test_mismatch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "m.csv"
    assert main(["mismatch", "digits", "--batch-sizes", "64", "--networks", "4", "--quiet", "--out", str(out)]) == 0
    assert "batch" in capsys.readouterr().out
    assert set(pd.read_csv(out)["statistics"]) == {"batch", "running", "precise", "population"}


def test_merge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "one.sqlite"
    bn.measure_raw_given_normalized("normal", batch_sizes=[2**14], precision=None, max_replicates=32, store=store)
    assert main(["merge", str(tmp_path / "all.sqlite"), str(store)]) == 0
    assert "2 blocks were added" in capsys.readouterr().out


def test_versions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["versions"]) == 0
    assert f"bnstats: {bn.__version__}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mismatch", "digit"], "did you mean 'digits'"),
        (["convergence", "missing.npy"], "missing.npy"),
        (["convergence", "values.xlsx"], "FILE ends in .csv, .tsv"),
        (["claims", "no-such-claim"], "is not known"),
        (["audit", "json"], "give MODULE:FUNCTION"),
        (["audit", "json:nothing"], "has no function 'nothing'"),
        (["merge", "all.sqlite", "missing.sqlite"], "missing.sqlite"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"bnstats {arguments[0]}: ")
    assert said in error

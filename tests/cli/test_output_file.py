"""Files that a command writes: refused before anything is simulated, and nothing that exists is lost."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bnstats as bn
from bnstats.cli import main
from bnstats.cli.output_file import check_outputs, write_text

CONVERGENCE = ["convergence", "x.csv", "--batch-sizes", "2", "--precision", "0.5", "--quiet"]
COMMANDS = (
    CONVERGENCE,
    ["claims", "zero-at-3", "--quiet"],
    ["mismatch", "digits", "--quiet"],
    ["audit", "own_module:model"],
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"x": np.arange(20.0)}).to_csv("x.csv", index=False)
    monkeypatch.delitem(sys.modules, "own_module", raising=False)
    Path("own_module.py").write_text("def model():\n    raise AssertionError\n")
    return tmp_path


@pytest.fixture
def nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*_: Any, **__: Any) -> None:
        raise AssertionError

    for name in ("measure_convergence", "check_claims", "measure_mismatch", "audit"):
        monkeypatch.setitem(vars(bn), name, measured)  # without PyTorch there is no audit to look at


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Lets something happen after a command has measured, and before it writes."""
    measure = bn.measure_convergence

    def patched(act: Callable[[], object]) -> None:
        def measured(*given: Any, **options: Any) -> Any:
            found = measure(*given, **options)
            act()
            return found

        monkeypatch.setattr(bn, "measure_convergence", measured)

    return patched


@pytest.mark.usefixtures("nothing_is_measured")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("there.csv", "--out there.csv exists; name another file, or add --overwrite."),
        ("link.csv", "--out link.csv exists"),
        ("there.csv/below.csv", "--out is a file in a folder that exists; got there.csv/below.csv"),
        ("none/below.csv", "--out is a file in a folder that exists; got none/below.csv"),
        ("", "--out is a file in a folder that exists"),
        (".", "--out is a file in a folder that exists"),
        ("loop", "--out is a file in a folder that exists; got loop"),
        ("a" * 300, "name too long"),
        ("/proc/x.csv", "--out /proc/x.csv cannot be written"),
    ],
)
def test_a_path_is_refused_before_anything_is_simulated(
    command: list[str], out: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("there.csv").write_text("mine")
    Path("link.csv").symlink_to("there.csv")
    Path("loop").symlink_to("loop")
    assert main([*command, "--out", out]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert Path("there.csv").read_text() == "mine"


@pytest.mark.usefixtures("nothing_is_measured")
@pytest.mark.parametrize("out", ["x.csv", "../{folder}/x.csv", "link.csv", "hard.csv"])
def test_the_input_is_never_written(out: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("link.csv").symlink_to("x.csv")
    os.link("x.csv", "hard.csv")
    before = Path("x.csv").read_bytes()
    assert main([*CONVERGENCE, "--overwrite", "--out", out.format(folder=folder.name)]) == 2
    assert "is the file that is read; name another file." in capsys.readouterr().err
    assert Path("x.csv").read_bytes() == before


@pytest.mark.usefixtures("nothing_is_measured")
def test_of_an_audit_neither_module_nor_data_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("rows.npz", x=np.zeros((4, 2)))
    for option, path in (("--out", "own_module.py"), ("--html", "own_module.py"), ("--html", "rows.npz")):
        before = Path(path).read_bytes()
        assert main(["audit", "own_module:model", "--data", "rows.npz", "--overwrite", option, path]) == 2
        assert f"{option} {path} is the file that is read" in capsys.readouterr().err
        assert Path(path).read_bytes() == before
    assert main(["audit", "own_module:model", "--out", "report", "--html", "./REPORT"]) == 2
    assert "--out and --html are two files; got REPORT for both" in capsys.readouterr().err


def test_a_file_that_exists_is_replaced_where_that_is_said() -> None:
    Path("t.csv").write_text("old")
    Path("t.csv").chmod(0o640)
    Path("link.csv").symlink_to("t.csv")
    assert main([*CONVERGENCE, "--overwrite", "--out", "link.csv"]) == 0
    assert Path("link.csv").is_symlink()
    assert len(pd.read_csv("t.csv")) == 16
    assert stat.S_IMODE(Path("t.csv").stat().st_mode) == 0o640
    assert sorted(path.name for path in Path().iterdir()) == ["link.csv", "own_module.py", "t.csv", "x.csv"]
    assert main([*CONVERGENCE, "--out", os.devnull]) == 0


def test_a_table_that_cannot_be_written_is_printed(
    meanwhile: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("away").mkdir()
    meanwhile(lambda: shutil.rmtree("away"))
    assert main([*CONVERGENCE, "--out", "away/t.csv"]) == 2
    printed, error = capsys.readouterr()
    assert "\nx,IID(),mean,2,bias," in printed
    assert error.startswith("bnstats convergence: ")
    assert error.count("\n") == 1


def test_a_file_that_has_come_meanwhile_is_kept(
    meanwhile: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    meanwhile(lambda: Path("t.csv").write_text("another's"))
    assert main([*CONVERGENCE, "--out", "t.csv"]) == 2
    printed, error = capsys.readouterr()
    assert "\nx,IID(),mean,2,bias," in printed
    assert "t.csv was created meanwhile; it is kept" in error
    assert Path("t.csv").read_text() == "another's"
    assert sorted(path.name for path in Path().iterdir()) == ["own_module.py", "t.csv", "x.csv"]


def test_new_files_have_usual_permissions() -> None:
    check_outputs({"--out": Path("new.csv")}, [], overwrite=False)
    write_text(Path("new.csv"), "a\udc80\n", overwrite=False)
    Path("usual").touch()
    assert Path("new.csv").stat().st_mode == Path("usual").stat().st_mode
    assert Path("new.csv").read_text() == "a\\udc80\n"

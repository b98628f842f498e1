"""`bnstats summarize`: the numbers of `bn.summarize`, from files as R and others write them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import bnstats as bn
from bnstats.cli import main

FILE = Path(__file__).parents[1] / "data" / "replicates.csv"
NAMED = ["--estimate", "b", "--se", "se", "--truth", "0.5", "--by", "n", "--method", "method", "--dataset", "i"]
COLUMNS = {"estimate": "b", "se": "se", "truth": 0.5, "by": "n", "method": "method", "dataset": "i"}


def as_written_by(program: str, path: Path) -> Path:
    frame = pd.read_csv(FILE)
    if program == "R":
        frame.to_csv(path / "r.csv", index=False, na_rep="NA", quoting=2)
        return path / "r.csv"
    if program == "a German spreadsheet":
        frame.to_csv(path / "s.csv", index=False, sep=";", decimal=",")
        return path / "s.csv"
    if program == "gzip":
        frame.to_csv(path / "t.tsv.gz", index=False, sep="\t")
        return path / "t.tsv.gz"
    pytest.importorskip("pyarrow")
    frame.to_parquet(path / "p.parquet")
    return path / "p.parquet"


@pytest.mark.parametrize("program", ["R", "a German spreadsheet", "gzip", "parquet"])
def test_files_give_the_numbers_of_the_function(program: str, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert main(["summarize", str(as_written_by(program, tmp_path)), *NAMED, "--out", str(out)]) == 0
    expected = bn.summarize(pd.read_csv(FILE), **COLUMNS).table
    pd.testing.assert_frame_equal(pd.read_csv(out), expected, check_exact=False, rtol=1e-12, check_dtype=False)


def test_two_methods_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summarize", str(FILE), *NAMED, "--compare", "mean", "trimmed", "--measures", "bias"]) == 0
    printed = capsys.readouterr().out
    assert "bias, method mean: " in printed
    assert "mean less trimmed:" in printed
    assert printed.count("True") == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--estimate", "beta"], "has 0 columns 'beta'; its columns: n, method, i, b, se"),
        (["--estimate", "method"], "row 2 of"),
        (["--truth", "theta"], "has 0 columns 'theta'"),
        (["--measures", "biass"], "measures is one of mean, bias"),
        (["--compare", "mean", "median"], "a and b must be two different values of one column"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    changes: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    assert main(["summarize", str(FILE), *NAMED, *changes, "--out", str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name the columns of the replicates: --estimate, --low and --high, or --p"),
        (["--estimate", "b", "--measures", "coverage"], "coverage needs"),
        (
            ["--estimate", "t"],
            "row {row} of {file} has 'absent' in column t, which is no number; correct it, or leave such",
        ),
        (["--estimate", "b", "--sep", ","], "--sep cannot be used with a .parquet file"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_refusal_names_the_file_and_options_of_the_command(
    arguments: list[str], message: str, ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    elif "--sep" in arguments:
        pytest.skip("the option is of text files")
    file = tmp_path / f"replicates.{ending}"
    frame = pd.DataFrame({"b": [1.0, 2.5], "s": [0.5, 0.5], "t": ["1.5", "absent"]})
    frame.to_csv(file, index=False) if ending == "csv" else frame.to_parquet(file)
    assert main(["summarize", str(file), *arguments]) == 2
    said = capsys.readouterr().err
    assert message.format(file=file, row=3 if ending == "csv" else 2) in said  # a header is a row
    assert "=" not in said


def test_a_damaged_parquet_file_is_called_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pyarrow")
    file = tmp_path / "r.parquet"
    file.write_bytes(b"PAR1")
    assert main(["summarize", str(file), "--estimate", "b"]) == 2
    assert f"{file} is no .parquet file, or a damaged one" in capsys.readouterr().err

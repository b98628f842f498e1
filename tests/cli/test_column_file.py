"""Small files, each with a column of numbers that is read as it was meant, or refused in a sentence that mends it."""

from __future__ import annotations

import gzip
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bnstats.cli import main
from bnstats.cli.column_file import read_column
from bnstats.cli.table_file import SAMPLE, Options

READ: dict[str, tuple[str, bytes, Options, list[float], str]] = {
    "a single column": ("a.csv", b"score\n1\n2.5\n-3e2\n", Options(), [1, 2.5, -300], "column score: 3 values"),
    "comma": ("a.csv", b"name,score\nann,1\nbob,2\n", Options(), [1, 2], "column score (comma): 2 values"),
    "semicolon, decimal commas": (
        "a.csv",
        b"id;score\na;31,9\nb;30,25\n",
        Options(),
        [31.9, 30.25],
        "column score (semicolon, decimal comma): 2 values read, 0 missing",
    ),
    "a chosen column": ("a.csv", b"id;score\n1;31,9\n2;30,5\n", Options("score"), [31.9, 30.5], "column score"),
    "a column by its number": ("a.csv", b"id,score\n1,5\n2,7\n", Options("2"), [5, 7], "column score"),
    "a name before a number": ("a.csv", b"b2,2,c\n1,5,9\n2,7,9\n", Options("2", header=True), [5, 7], "column 2"),
    "tab": ("a.tsv", b"name\tscore\nann, b\t1\nbob, c\t2\n", Options(), [1, 2], "(tab)"),
    "bar": ("a.txt", b"name|score\nann|1\nbob|2\n", Options(), [1, 2], "(bar)"),
    "spaces": ("a.txt", b"  1.5  a\n 2.5   b\n", Options(sep="space", header=False), [1.5, 2.5], "no header"),
    "a named tab": ("a.txt", b"1\ta\n2\tb\n", Options(sep="\\t", header=False), [1, 2], "column 1"),
    "quoted fields": ("a.csv", b'name,score\n"Doe, Ann",1\n"Roe; Bob",2\n', Options(), [1, 2], "(comma)"),
    "a quoted line end": ("a.csv", b'name,score\n"a\nb",1\n"c",2\n', Options(), [1, 2], "2 values"),
    "quoted numbers": ("a.csv", b'name,score\n"a","1"\n"b"," 2 "\n', Options(), [1, 2], "2 values"),
    "quoted decimal commas": ("a.csv", b'name,score\na,"1,5"\nb,"2,5"\n', Options(), [1.5, 2.5], "decimal comma"),
    "no header": ("a.csv", b"7.5\n8\n9\n", Options(), [7.5, 8, 9], "column 1 (no header): 3 values"),
    "no header, said": ("a.csv", b"7.5;a\n8;b\n", Options(header=False), [7.5, 8], "no header"),
    "no header, decimal commas": ("a.csv", b"a;1,5\nb;2,5\n", Options(header=False), [1.5, 2.5], "column 2 (semic"),
    "a header of numbers, said": ("a.csv", b"2019\n5\n6\n", Options(header=True), [5, 6], "column 2019"),
    "decimal commas in one column": ("a.csv", b"score\n1,5\n2,25\n", Options(), [1.5, 2.25], "decimal comma"),
    "decimal commas, said": ("a.csv", b"score\n1,234\n2,345\n", Options(decimal=","), [1.234, 2.345], "decimal comma"),
    "less than 1 is no thousand": ("a.csv", b"score\n0,234\n2,345\n", Options(), [0.234, 2.345], "decimal comma"),
    "missing cells": ("a.csv", b"a,b\nx,1\ny,\nz,NA\nu,nan\nv,2\n", Options(), [1, 2], "2 values read, 3 missing"),
    "missing words": ("a.csv", b"s\n1\nabsent\n2\n", Options(missing=("Absent",)), [1, 2], "2 values read, 1 missing"),
    "mostly missing": ("a.csv", b"a,b\nx,\ny,\nz,\nu,1\nv,2\n", Options(), [1, 2], "2 values read, 3 missing"),
    "Windows": ("a.csv", b"\xef\xbb\xbfscore\r\n1\r\n2\r\n", Options("score"), [1, 2], "column score"),
    "UTF-16": ("a.txt", "score\n1\n2\n".encode("utf-16"), Options("score"), [1, 2], "column score"),
    "Latin-1": ("a.csv", "größe;n\n1,5;a\n2,5;b\n".encode("latin-1"), Options("größe"), [1.5, 2.5], "größe"),
    "old Macintosh": ("a.csv", b"score\r1\r2\r", Options(), [1, 2], "column score"),
    "blank lines": ("a.csv", b"\nscore\n\n1\n\n2\n\n", Options(), [1, 2], "2 values read, 0 missing"),
    "no last line end": ("a.csv", b"score\n1\n2", Options(), [1, 2], "2 values"),
    "upper case": ("A.CSV", b"score\n1\n2\n", Options(), [1, 2], "2 values"),
    "gzip": ("a.CSV.gz", gzip.compress(b"score\n1\n2\n"), Options(), [1, 2], "2 values"),
    "an empty name": ("a.csv", b",score\na,1\nb,2\n", Options(), [1, 2], "column score"),
}
REFUSED: dict[str, tuple[str, bytes, Options, str]] = {
    "two columns": ("a.csv", b"id,score\n1,5\n2,7\n", Options(), "2 columns of numbers (comma): id, score; "),
    "an id, and a word in the scores": (
        "a.csv",
        b"id,score\n1,5\n2,absent\n3,7\n",
        Options(),
        "2 columns of numbers (comma): id, score (row 3 is 'absent'); choose one with --column.",
    ),
    "a word": (
        "a.csv",
        b"score\n5\nabsent\n7\n",
        Options(),
        "row 3 of FILE has 'absent' in column score, which is no ",
    ),
    "the mend of a word": ("a.csv", b"score\n5\nnot here\n7\n", Options(), "with --missing 'not here'."),
    "a word in a chosen column": ("a.csv", b"id,s\n1,a\n2,b\n", Options("s"), "row 2 of FILE has 'a' in column s"),
    "decimal commas without quotes": ("a.csv", b"1,5\n2,5\n", Options(), "2 columns of numbers (comma"),
    "thousands or decimals": ("a.csv", b"s\n1,234\n2,345\n", Options(), "with decimal commas, say --decimal ,"),
    "thousands and decimals": (
        "a.csv",
        b's\n"1,234.5"\n2\n',
        Options(),
        "'1,234.5' in column s, which is no number that",
    ),
    "German thousands": (
        "a.csv",
        b"s;t\n1.234,5;a\n2,5;b\n7,5;c\n",
        Options(),
        "'1.234,5' in column s, which is no num",
    ),
    "millions": ("a.csv", b"s;t\n1,234,567;a\n2;b\n3;c\n", Options(), "remove thousands separators"),
    "both marks": ("a.csv", b"s;t\n1,5;a\n2.5;b\n", Options(), "row 2 of FILE has 1,5 and row 3 2.5"),
    "points where commas are said": ("a.csv", b"s\n1.5\n2\n3\n", Options(decimal=","), "row 2 of FILE has '1.5'"),
    "numbers and words in the first row": (
        "a.csv",
        b"ann,5\nbob,7\n",
        Options(),
        "add --header if it names the columns",
    ),
    "a missing value in the first row": ("a.csv", b",5\n1,7\n", Options(), "--no-header if it does not"),
    "no number": ("a.csv", b"name\nann\nbob\n", Options(), "no column of numbers: name (row 2 is 'ann'); no comma, s"),
    "no number in two columns": (
        "a.csv",
        b"a,b\nc,d\n",
        Options(),
        "b (row 2 is 'd'); name another separator with --sep",
    ),
    "rows of unequal length": (
        "a.csv",
        b"a,b\nc,1\nd\n",
        Options(),
        "tab or bar makes rows of equal length: correct the",
    ),
    "only a header": ("a.csv", b"score\n", Options(), "has no column of numbers"),
    "nothing": ("a.csv", b"", Options(), "FILE is empty."),
    "only lines": ("a.csv", b"\xef\xbb\xbf\r\n \r\n", Options(), "FILE is empty."),
    "unequal rows": (
        "a.csv",
        b"a,b\n1,2\n3,4,5\n",
        Options(sep=","),
        "Expected 2 fields in line 3, saw 3); correct it",
    ),
    "a short row": ("a.csv", b"a,b\n1,2\n3\n", Options(sep=","), "row 3 has 1, row 1 has 2"),
    "an open quote": ("a.csv", b'a,b\n1,"2\n3,4\n', Options(sep=","), "EOF inside string"),
    "two separators": (
        "a.csv",
        b"a,b;c\nd,e;f\n",
        Options(),
        "comma and semicolon both make rows of equal length; cho",
    ),
    "no such column": (
        "a.csv",
        b"a,b\n1,2\n3,4\n",
        Options("c"),
        "--column is one of the columns of FILE: a, b; got 'c'",
    ),
    "a name twice": (
        "a.csv",
        b"a,a\n1,2\n3,4\n",
        Options("a"),
        "2 columns of FILE are called a; give --column as one of 1",
    ),
    "an infinite value": ("a.csv", b"a\n1\ninf\n3\n", Options(), "has 'inf' in column a"),
    "beyond all floats": ("a.csv", b"a\n1\n1e999\n3\n", Options(), "has '1e999' in column a"),
    "Python's own numbers": ("a.csv", b"a\n1\n1_000\n3\n", Options(), "has '1_000' in column a"),
    "a column without a number": (
        "a.csv",
        b"a,b\n,1\n,2\n",
        Options("a"),
        "FILE, column a (comma): two different values are needed, none is a number; c",
    ),
    "equal values": (
        "a.csv",
        b"a\n5\n5\n",
        Options(),
        "column a: two different values are needed, all 2 are 5; choose an",
    ),
    "no text": ("a.csv", b"PK\x03\x04\0\0", Options(), "FILE is no text file"),
    "damaged gzip": ("a.csv.gz", gzip.compress(b"a\n1\n2\n")[:-9], Options(), "FILE is a damaged .gz file"),
    "a separator of two characters": ("a.csv", b"a\n1\n", Options(sep="::"), "--sep is one character, or one of comma"),
    "another ending": (
        "a.xlsx",
        b"",
        Options(),
        "FILE ends in .csv, .tsv, .txt, .csv.gz, .tsv.gz, .txt.gz, .parquet or ",
    ),
    "a pickle": ("a.npy", b"\x80\x04K\x01.", Options(), "FILE is damaged, or another file"),
    "an empty array file": ("a.npy", b"", Options(), "FILE is damaged, or another file"),
    "a column of an array": ("a.npy", b"", Options("a", sep=","), "--column, --sep cannot be used with a .npy file"),
    "a damaged table": ("a.parquet", b"PAR1PAR1", Options(), "FILE is no .parquet file, or a damaged one"),
    "a separator of a table": ("a.parquet", b"", Options(header=False), "--header cannot be used with a .parquet file"),
}


@pytest.mark.parametrize("case", READ)
def test_a_file_is_read_as_it_was_meant(case: str, tmp_path: Path) -> None:
    name, content, options, values, described = READ[case]
    (tmp_path / name).write_bytes(content)
    column = read_column(tmp_path / name, options)
    assert column.values.tolist() == values
    assert column.described.startswith(f"{tmp_path / name}, column ")
    assert described in column.described


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_can_be_read_in_none_or_several_ways_is_refused(case: str, tmp_path: Path) -> None:
    name, content, options, said = REFUSED[case]
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.|--sep") as refused:
        read_column(file, options)
    assert said in str(refused.value).replace(str(file), "FILE")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[1, 2], [3, 4]], "i2"), [1, 2, 3, 4]),
        (np.array([1.5, np.nan, 2.5], "f4"), [1.5, 2.5]),
        (np.array(3.0), "FILE, shape (): two different values are needed, all 1 are 3"),
        (np.array([1.0, np.inf]), "FILE holds infinite values (1 of 2)"),
        (np.array([np.nan]), "two different values are needed, none is a number"),
        (np.array([]), "two different values are needed, none is a number"),
        (np.array([1j]), "FILE has type complex128"),
        (np.array([True]), "FILE has type bool"),
        (np.array(["1"]), "FILE has type <U1"),
        (np.array(["2020-01-01"], "M8[D]"), "FILE has type datetime64[D]"),
        (np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), "FILE has type [('a'"),
    ],
)
def test_arrays(array: Any, expected: list[float] | str, tmp_path: Path) -> None:
    file = tmp_path / "x.NPY"
    with file.open("wb") as held:
        np.save(held, array)
    if isinstance(expected, list):
        column = read_column(file)
        assert column.values.tolist() == expected
        assert f"{len(expected)} values read, {array.size - len(expected)} missing" in column.described
    else:
        with pytest.raises(ValueError, match=r"x\.NPY") as refused:
            read_column(file)
        assert expected in str(refused.value).replace(str(file), "FILE")


def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason="a .parquet file needs pyarrow")
    file = tmp_path / "x.parquet"
    columns = {
        "score": pd.array([1, None, 3], "Int64"),
        "passed": [True, False, True],
        "day": pd.to_datetime(["2020-01-01"] * 3),
        "name": ["1", "2", "absent"],
        "price": [Decimal("1.5"), Decimal("2.5"), None],
    }
    table = pd.DataFrame(columns)
    table[["score", "passed", "day"]].to_parquet(file)
    assert read_column(file).values.tolist() == [1, 3]
    assert read_column(file).described == f"{file}, column score: 2 values read, 1 missing left out."
    table.to_parquet(file)
    with pytest.raises(ValueError, match=r"3 columns of numbers: score, name \(row 3 is 'absent'\), price;"):
        read_column(file)
    assert read_column(file, Options("price")).values.tolist() == [1.5, 2.5]
    assert read_column(file, Options("name", missing=("absent",))).values.tolist() == [1, 2]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"x\.parquet: a \.parquet file needs pyarrow: python -m pip install pyarrow"):
        read_column(file)


@pytest.mark.parametrize("size", [3, SAMPLE - 2, SAMPLE, 3 * SAMPLE])
def test_rows_beyond_those_by_which_the_separator_is_chosen(size: int, tmp_path: Path) -> None:
    values = np.random.default_rng(size).normal(size=size)
    table = pd.DataFrame({"score": values, "name": "a"})
    table.to_csv(tmp_path / "a.csv", index=False, sep=";", decimal=",")
    assert read_column(tmp_path / "a.csv").values.tolist() == values.tolist()
    with (tmp_path / "a.csv").open("a") as file:
        file.write("1,5;a;b\n")
    with pytest.raises(
        ValueError, match=rf"unequal|Expected 2 fields in line {size + 2}, saw 3|no column|two|no number"
    ):
        read_column(tmp_path / "a.csv")


def test_the_command_says_what_it_has_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{i};{31.9 + i % 7:.1f}\n".replace(".", ",") for i in range(50))
    (tmp_path / "grades.csv").write_text(f"id;score\n{rows}")
    given = ["convergence", str(tmp_path / "grades.csv"), "--batch-sizes", "2", "--precision", "0.5", "--quiet"]
    assert main(given) == 2
    assert (
        "columns of numbers (semicolon, decimal comma): id, score; choose one with --column." in capsys.readouterr().err
    )
    assert main([*given, "--column", "score"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(
        f"{tmp_path / 'grades.csv'}, column score (semicolon, decimal comma): 50 values read, 0 m"
    )
    assert "population grades" in printed
    assert main([*given, "--no-header", "--column", "2", "--missing", "score"]) == 0
    assert "column 2 (semicolon, decimal comma, no header): 50 values read, 1 m" in capsys.readouterr().out

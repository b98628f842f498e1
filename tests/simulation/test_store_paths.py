"""What a store may be called: a file on a disk, and nothing that SQLite would take for something else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import bnstats as bn
from bnstats.simulation.options import checked

OPTIONS = {"precision": None, "seed": 0, "executor": None, "progress": None, "max_replicates": 32}
REFUSED = (
    *("file:x?mode=memory", "FILE:x.sqlite", "file:/x", "file:///x.sqlite", "file::memory:?cache=shared", ":memory:"),
    *(":MEMORY:", "./:memory:", "", "folder", "folder/", ".", "sqlite:///x.db", "http://a/b", os.devnull, b"x.sqlite"),
    *(3, "a\0b", Path("file:x?mode=memory"), Path("sqlite:///x"), Path("folder")),
)


@pytest.mark.parametrize("given", REFUSED)
def test_what_would_store_nothing_is_refused_everywhere(
    given: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("one.sqlite").touch()
    measuring = (
        lambda: bn.measure_raw_given_normalized(
            "normal", batch_sizes=[2**14], precision=None, max_replicates=32, store=given
        ),
        lambda: bn.merge_stores(given, "one.sqlite"),
        lambda: bn.merge_stores("all.sqlite", given),
    )
    for measure in measuring:
        with pytest.raises(
            (ValueError, OSError), match=r"^(store|into) .*(the path of a file; got |another path, of a file)"
        ):
            measure()
    assert sorted(path.name for path in Path().iterdir()) == ["folder", "one.sqlite"]


@pytest.mark.parametrize("name", ["x?mode=memory", "x#1.sqlite", "100%25.sqlite", "a:b.sqlite", "é 1.sqlite", "memory"])
def test_any_other_name_is_that_of_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert checked({**OPTIONS, "store": name})["store"] == Path(name)
    study = {"batch_sizes": [2**14], "precision": None, "max_replicates": 32, "store": name}
    first = bn.measure_raw_given_normalized("normal", **study).table
    assert [path.name for path in Path().iterdir()] == [name]
    assert bn.measure_raw_given_normalized("normal", **study).table.equals(first)

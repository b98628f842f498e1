"""The files of a figure: put in place together, and nobody else's are replaced."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from analyses import command_line, figure_files, file_sets
from analyses.command_line import Options, options, run_all

NAMES = ("x.csv", "x.json", "x.narrow.png", "x.png")
STEPS = 12


def plot(frame: pd.DataFrame) -> Figure:
    figure = Figure()
    figure.text(0.5, 0.5, str(frame["value"].tolist()))
    return figure


def make(folder: Path, value: float, *more: str, draw: Any = plot) -> None:
    """The figure x, of a single number."""
    given = options().parse_args(["--out", str(folder), *more], namespace=Options())
    run_all({"x": (lambda _: pd.DataFrame({"value": [value]}), draw)}, given)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def agree(folder: Path) -> bool:
    """Whether numbers and picture are those of the provenance."""
    digests = json.loads((folder / "x.json").read_text())["sha256"]
    return digests == {
        e: hashlib.sha256((folder / f"x.{e}").read_bytes()).hexdigest() for e in ("csv", "png", "narrow.png")
    }


class Killed(BaseException):
    """What leaves no chance to tidy up."""


def test_a_figure_that_cannot_be_drawn_leaves_the_old_four(tmp_path: Path) -> None:
    make(tmp_path, 1)
    before = files(tmp_path)

    def fails(_: pd.DataFrame) -> Figure:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit, match="interrupted"):
        make(tmp_path, 2, draw=fails)
    assert files(tmp_path) == before
    assert tuple(before) == NAMES
    assert agree(tmp_path)


@pytest.mark.parametrize("at", range(STEPS + 1))
def test_ctrl_c_leaves_the_old_four_or_the_new_four(at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes before or after each of the steps of writing: content and permissions of four files, four names."""
    for name, value in (("old", 1), ("new", 2)):
        (tmp_path / name).mkdir()
        make(tmp_path / name, value)
    left = at

    def interrupted(step: Any) -> Any:
        def act(*given: Any) -> Any:
            nonlocal left
            left -= 1
            if left == -1 and at % 2:
                raise KeyboardInterrupt
            done = step(*given)
            if left == -1:
                raise KeyboardInterrupt
            return done

        return act

    with monkeypatch.context() as patch:
        patch.setattr(file_sets.os, "replace", interrupted(os.replace))
        patch.setattr(Path, "write_bytes", interrupted(Path.write_bytes))
        patch.setattr(Path, "chmod", interrupted(Path.chmod))
        if at < STEPS:
            with pytest.raises(SystemExit, match="interrupted"):
                make(tmp_path / "old", 2)
        else:
            make(tmp_path / "old", 2)
    assert (left < 0) == (at < STEPS)
    assert tuple(files(tmp_path / "old")) == NAMES
    assert agree(tmp_path / "old")


@pytest.mark.parametrize("renamed", [1, 2])
def test_a_mixture_that_a_kill_has_left_is_noticed_and_made_again(
    renamed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, 1)
    left = renamed

    def killed(*given: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        os.rename(*given)

    with monkeypatch.context() as patch:
        patch.setattr(file_sets.os, "replace", killed)
        with pytest.raises(Killed):
            make(tmp_path, 2)
    assert not agree(tmp_path)
    with pytest.raises(SystemExit, match=r"x\.csv is not what x\.json describes; run once without --replot"):
        make(tmp_path, 2, "--replot")
    make(tmp_path, 2)
    assert agree(tmp_path)
    assert (tmp_path / "x.csv").read_text() == "value\n2\n"


def test_a_picture_that_is_drawn_again_is_that_of_its_provenance(tmp_path: Path) -> None:
    def other(_: pd.DataFrame) -> Figure:
        return Figure()

    make(tmp_path, 1)
    before = files(tmp_path)
    make(tmp_path, 1, "--replot")
    assert files(tmp_path) == before
    make(tmp_path, 1, "--replot", draw=other)
    assert files(tmp_path)["x.png"] != before["x.png"]
    assert agree(tmp_path)


def test_a_provenance_of_a_time_without_digests_stays_with_its_numbers(tmp_path: Path) -> None:
    make(tmp_path, 1)
    record = json.loads((tmp_path / "x.json").read_text())
    del record["sha256"]
    (tmp_path / "x.json").write_text(json.dumps(record, indent=2) + "\n")
    before = files(tmp_path)
    make(tmp_path, 1)
    make(tmp_path, 1, "--replot")
    assert files(tmp_path) == before
    make(tmp_path, 2)
    assert agree(tmp_path)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other", [b"mine", b'{"analysis": "another"}', b"[]"])
def test_a_file_that_no_analysis_has_made_is_kept_unless_that_is_said(
    name: str, other: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(other)
    with pytest.raises(SystemExit, match=rf"{name} was made by no analysis; name another folder .* say --overwrite"):
        make(tmp_path, 1)
    assert files(tmp_path) == {name: other}
    make(tmp_path, 1, "--overwrite")
    assert agree(tmp_path)
    (tmp_path / "x.json").unlink()
    monkeypatch.setattr(command_line, "FIGURES", tmp_path)
    make(tmp_path, 2)
    assert agree(tmp_path)


def test_a_folder_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    with pytest.raises(SystemExit, match=r"x\.png is in the way of a figure; move it"):
        make(tmp_path, 1, "--overwrite")


def test_committed_figures_are_those_of_their_provenance() -> None:
    """As far as it says; those from before it did have to be made again to say it."""
    for provenance in figure_files.FIGURES.glob("*.json"):
        digests = json.loads(provenance.read_text()).get(figure_files.DIGESTS, {})
        for ending, digest in digests.items():
            assert hashlib.sha256(provenance.with_suffix(f".{ending}").read_bytes()).hexdigest() == digest

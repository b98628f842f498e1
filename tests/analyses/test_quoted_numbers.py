"""Numbers of the README and the docs are those of the committed figures, and each of them is accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyses import quoted_numbers
from analyses.figure_files import ROOT


def test_every_number_in_prose_is_that_of_a_figure_or_a_setting() -> None:
    assert quoted_numbers.problems() == []


def test_a_number_that_was_changed_and_one_that_was_added_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in quoted_numbers.documents():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    page = tmp_path / "docs" / "gallery" / "remedies.md"
    text = page.read_text()
    monkeypatch.setattr(quoted_numbers, "ROOT", tmp_path)
    page.write_text(text.replace("10 % with batch norm", "12 % with batch norm") + "\nAnd 17 more.\n")
    assert len(quoted_numbers.problems()) == 2
    with pytest.raises(SystemExit, match="And 17 more"):
        quoted_numbers.main(["--write"])
    assert page.read_text() == text + "\nAnd 17 more.\n"

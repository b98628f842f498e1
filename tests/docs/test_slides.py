"""Slides have one panel each, in the shape of a screen, and come out the same to the byte."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

pytest.importorskip("sklearn")

from analyses.figure_files import FIGURES
from analyses.layout import panels_of
from docs import slides

NAMES = ("breaking", "gradients")
"""One figure of one panel, and one of two."""


@pytest.mark.parametrize("name", NAMES)
def test_each_panel_is_a_slide_of_its_own(name: str) -> None:
    module, numbers = slides.MODULES[name], pd.read_csv(FIGURES / f"{name}.csv")
    titles = [ax.get_title() for ax in panels_of(module.plot(numbers))]
    plt.close("all")
    shown = []
    for figure in slides.slides(module, numbers):
        [panel] = panels_of(figure)
        shown.append(panel.get_title().replace("\n", " "))
        assert panel.get_ylabel() or any(text.get_text() for text in panel.get_yticklabels())
        assert figure.get_size_inches().tolist() == [6.4, 3.6]
    assert shown == [title.replace("\n", " ") for title in titles]


def test_files_are_pictures_and_drawings_and_the_same_again(tmp_path: Path) -> None:
    def written(folder: str) -> dict[str, bytes]:
        (tmp_path / folder).mkdir()
        return {path.name: path.read_bytes() for path in slides.write("breaking", tmp_path / folder)}

    first = written("first")
    assert sorted(first) == ["breaking-1.png", "breaking-1.svg"]
    assert first["breaking-1.png"].startswith(b"\x89PNG")
    assert re.search(rb"<svg .*width=\"460\.8pt\"", first["breaking-1.svg"])
    assert b"training mode" in first["breaking-1.svg"]
    assert written("second") == first


def test_an_unknown_name_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        slides.main([str(tmp_path), "nothing"])
    assert "no numbers of an analysis nothing; there are: " in capsys.readouterr().err

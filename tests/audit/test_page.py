"""The report of an audit as a picture and as a page."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from bnstats.audit.report import Audit, Finding

mpl.use("agg")


def report(cause: str = "stale", cost: float = 0.25) -> Audit:
    """A report of two layers, made by hand."""
    layers = pd.DataFrame(
        {"layer": ["body.norm1", "body.<b>norm2"], "rms_z": [9.0, 1.1], "p": [1e-4, 0.4]}
        | {"gain": [0.2, 0.0], "gain_low": [0.1, -0.02], "gain_high": [0.3, 0.02]}
    )
    scores = pd.DataFrame(
        {"rows": ["loader"] * 2 + ["test"] * 2, "statistics": ["running", "population"] * 2, "metric": "nll"}
        | {"value": [0.5, 0.3, 0.6, 0.35], "low": [0.4, 0.2, 0.5, 0.25], "high": [0.6, 0.4, 0.7, 0.45]}
    )
    finding = Finding(cause, ("body.norm1",), "They lag <behind> & matter.", {"rms_z": 9.0}, cost, "Recalibrate.")
    return Audit(layers, pd.DataFrame(), scores, pd.DataFrame(), [finding], {"slope": 0.0, "p": 1.0})


def test_the_picture_shows_what_the_tables_say() -> None:
    import matplotlib.pyplot as plt

    figure = report().plot()
    distances, gains, scores = figure.axes
    rare, chance = (line.get_xdata() for line in distances.get_lines()[:2])
    assert rare.tolist() == [9.0]
    assert chance.tolist() == [1.1]
    bars = [line.get_xdata() for line in gains.get_lines() if len(line.get_xdata()) == 2]
    assert [0.1, 0.3] in [list(bar) for bar in bars]
    assert [label.get_text() for label in scores.get_yticklabels()] == ["running", "population"]
    assert 0.35 in [float(line.get_xdata()[0]) for line in scores.get_lines() if len(line.get_xdata()) == 1]
    assert "stale, it costs 0.25" in figure.get_suptitle()
    plt.close(figure)


def test_the_page_needs_no_other_file_and_shows_text_as_text(tmp_path: Path) -> None:
    text = report().to_html(tmp_path / "report.html").read_text()
    assert "They lag &lt;behind&gt; &amp; matter." in text
    assert "body.&lt;b&gt;norm2" in text
    assert not re.search(r"""(src|href)=["'](?!data:)""", text)
    assert re.search(r'<img alt="[^"]{20,}"', text)
    assert "Recalibrate." in text
    assert "<script" not in text


def test_nothing_wrong_and_a_cost_that_cannot_be_measured_are_said() -> None:
    assert "Nothing is wrong" in report("nothing_wrong").title()
    assert "not measurable" in report(cost=np.nan).title()
    assert "<ol>" in report()._repr_html_()


def test_layers_without_measured_gains_have_a_picture() -> None:
    import matplotlib.pyplot as plt

    bare = report()
    layers = bare.layers.drop(columns=["gain", "gain_low", "gain_high"])
    plt.close(Audit(layers, bare.channels, bare.scores.iloc[:0], bare.gap, bare.findings, {}).plot())


def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="path is the path of a file"):
        report().to_html("")
    with pytest.raises(OSError, match="missing"):
        report().to_html(tmp_path / "missing" / "report.html")


def test_a_page_that_exists_is_replaced_only_where_that_is_said(tmp_path: Path) -> None:
    notes = tmp_path / "report.html"
    notes.write_text("of another model")
    with pytest.raises(ValueError, match=r"report\.html' exists; give another path, or overwrite=True"):
        report().to_html(notes)
    with pytest.raises(ValueError, match="overwrite is True or False"):
        report().to_html(notes, overwrite="yes")
    assert notes.read_text() == "of another model"
    assert "<html" in report().to_html(notes, overwrite=True).read_text()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_opens_the_page_without_a_complaint(tmp_path: Path, width: int) -> None:
    page = report().to_html(tmp_path / "report.html")
    text = page.read_text().replace(
        "</body>", "<script>document.title = document.documentElement.scrollWidth + ' ' + innerWidth</script></body>"
    )
    page.write_text(text)
    quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    own = f"--disable-component-update --disable-sync --user-data-dir={tmp_path}/u --window-size={width},900"
    command = ["chromium", *quiet.split(), *own.split(), "--enable-logging=stderr", "--dump-dom", page.as_uri()]
    seen = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    needed, given = map(int, re.search(r"<title>(\d+) (\d+)</title>", seen.stdout).groups())  # type: ignore[union-attr]
    assert needed <= given
    assert "CONSOLE" not in seen.stderr

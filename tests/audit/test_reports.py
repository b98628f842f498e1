"""Reports of hand-made audits, of every verdict and cause: in words, as data, as a figure and as a page."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bnstats.audit.core.causes import CAUSES as ALL
from bnstats.audit.core.result import VERDICTS, Audit, Estimate, Fix

mpl.use("agg")

HOSTILE = "body.<script>alert('x')</script>\n\x1b[31m$x$_&\u202e" + "deep." * 40
CAUSES = (None, "start_remains", "no such cause <b>")
NULLS = {"p_running": 0.0001, "p_averaged": 0.0005, "p_pooled": np.nan, "p_population": 0.0001}


def scores(metrics: tuple[str, ...] = ("nll", "accuracy"), found: float = 0.5) -> pd.DataFrame:
    """Scores of three kinds of statistics in each metric."""
    values = {"nll": (found, 0.25, 0.26), "accuracy": (0.8842, 0.9117, 0.912)}
    rows = [
        {"statistics": kind, "metric": metric, "value": value, "low": value - 0.01, "high": value + 0.01}
        | {"gain": abs(value - values.get(metric, (1.5, 1.2, 1.1))[0]), "gain_low": 0.0, "gain_high": 0.003}
        for metric in metrics
        for kind, value in zip(("running", "population", "batch"), values.get(metric, (1.5, 1.2, 1.1)), strict=True)
    ]
    return pd.DataFrame(rows)


def made(verdict: Any = "off", cause: str | None = "start_remains", **changes: Any) -> Audit:
    """A report of two layers."""
    layers = pd.DataFrame({"layer": ["body.norm1", "body.norm2"], "channels": 8, "distance": [0.9, 0.02], **NULLS})
    layers.loc[1, "p_running"] = 0.4
    gap = pd.DataFrame({"step": ["running to averaged", "averaged to batch"], "gain": [0.25, 0.01]})
    gap = gap.assign(low=gap["gain"] - 0.05, high=gap["gain"] + 0.05)
    fix = Fix("bn.recalibrate(model, loader)", tried=True, gain=Estimate(0.746, 0.7, 0.79), kind="population")
    given: dict[str, Any] = {"verdict": verdict, "cause": cause, "reason": "Start values weigh 0.33.", "fix": fix}
    given |= {"scores": scores(), "gap": gap, "layers": layers, "channels": pd.DataFrame(), "evidence": {"start": 0.33}}
    given |= {"notes": ("Never called: head.norm.",), "rows": 608, "batches": 19, "unit": "nats", "effect": 0.01}
    if verdict != "off":
        given |= {"cause": None, "fix": None}
    return Audit(**(given | {"framework": "torch"} | changes))


class Shape(HTMLParser):
    """Finds the tags of a page and the texts between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def awkward() -> dict[str, dict[str, Any]]:
    """A report may hold other things, too."""
    empty, two = pd.DataFrame(), made()
    unknown = two.scores.assign(value=np.nan, low=np.nan, high=np.nan, gain_high=np.nan)
    infinite = two.scores.assign(value=np.inf, low=-np.inf, high=np.inf)
    deep = pd.DataFrame({"layer": [f"layer{i}.{HOSTILE}" for i in range(300)], "distance": np.nan, **NULLS})
    return {
        "as usual": {},
        "empty tables": {"scores": empty, "gap": empty, "layers": empty, "evidence": {}, "notes": ()},
        "tables without rows": {"scores": two.scores.iloc[:0], "gap": two.gap.iloc[:0], "layers": two.layers.iloc[:0]},
        "nothing known": {"scores": unknown, "gap": two.gap.assign(gain=np.nan, low=np.nan, high=np.nan)},
        "infinite": {
            "scores": infinite,
            "gap": two.gap.assign(gain=np.inf),
            "layers": two.layers.assign(distance=np.inf),
        },
        "one row": {"rows": 1, "batches": 1, "scores": two.scores.head(1), "layers": two.layers.head(1)},
        "no rows": {"rows": 0, "batches": 0, "scores": empty},
        "hostile": {
            **{
                "layers": deep,
                "reason": HOSTILE,
                "notes": (HOSTILE,),
                "unit": HOSTILE,
                "evidence": {HOSTILE: [HOSTILE]},
            },
            **{"scores": scores((HOSTILE,)), "gap": two.gap.assign(step=HOSTILE)},
            "fix": Fix(HOSTILE, tried=True, gain=Estimate(math.nan), kind=HOSTILE),
        },
        "odd evidence": {
            "evidence": {"a": np.float32(1), "b": np.arange(3), "c": {1: (math.inf,)}, "d": two.gap, "e": {2}}
        },
        "not tried": {"fix": Fix("Train with larger batches.", tried=False)},
        "no interval": {"fix": Fix("bn.recalibrate(model, loader)", tried=True, gain=Estimate(0.5), kind="averaged")},
    }


FEW = ("as usual", "empty tables", "nothing known", "hostile")
REPORTS = [("off", cause, what) for what in awkward() for cause in (CAUSES if what in FEW[::3] else CAUSES[:1])]
REPORTS += [(verdict, None, what) for verdict in ("fine", "not_judged") for what in FEW]


def drawn_without_layout(figure: Figure, *_: Any, **__: Any) -> None:
    figure.set_layout_engine("none")
    figure.draw_without_rendering()


@pytest.mark.parametrize(("verdict", "cause", "what"), REPORTS)
def test_every_report_is_summarized_drawn_and_written(
    verdict: Any, cause: Any, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of each content is drawn as users see it; with other titles, all but pixels and layout."""
    if (verdict, cause) != ("off", None):
        monkeypatch.setattr(Figure, "savefig", drawn_without_layout)
    changes = awkward()[what]
    report = made(verdict, cause, **(changes if verdict == "off" else {k: v for k, v in changes.items() if k != "fix"}))
    said = report.summary()
    assert all(line.isprintable() for line in said.split("\n")), said
    assert repr(report).isprintable()
    assert repr(report).startswith(f"Audit({verdict}")
    assert {"fine": "No problem found", "off": "Off: ", "not_judged": "Not judged"}[verdict] in said
    assert ("No problem found" in said) == (verdict == "fine")
    data = report.to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["verdict"] == verdict
    assert len(data["layers"]) == len(report.layers)
    text = report.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    for page in (text, report._repr_html_()):
        assert not {"script", "b"} & set(Shape(page).tags)
        assert all(part.replace("\n", "").isprintable() for part in Shape(page).texts)
    assert report.table is report.layers


def test_the_metric_of_the_user_comes_first_then_the_verdict_the_fix_and_how_sure() -> None:
    assert made().summary().split("\n") == [
        "Accuracy is 88 % in evaluation mode; recalibrated 91 %.",
        "Off: the start values still weigh in the running statistics.",
        "Start values weigh 0.33.",
        "Fix: bn.recalibrate(model, loader)",
        "It lowers the loss by 0.746 nats (95 % interval 0.7 to 0.79), on 608 rows in 19",
        "batches that it was not made from.",
        "Never called: head.norm.",
    ]
    assert (
        made(scores=scores(("iou",)), unit="iou")
        .summary()
        .startswith("Iou is 1.50 in evaluation mode; recalibrated 1.20.")
    )
    assert (
        made(scores=scores(("nll",)))
        .summary()
        .startswith("The loss is 0.50 nats in evaluation mode; recalibrated 0.25")
    )
    assert "Off: no cause was found." in made(cause=None).summary()


def test_each_cause_has_its_words() -> None:
    assert {verdict for verdict, _, _ in REPORTS} == set(VERDICTS)
    for name in ALL:
        report, title = made(cause=name), ALL[name].title
        said = " ".join(report.summary().split())
        assert f"Off: {title}." in said
        assert f"Off: {title}." in Shape(report._repr_html_()).texts
        assert name not in said or name in title.split()
        assert report.cause == report.to_dict()["cause"] == name
        assert name in repr(report)


def test_a_healthy_and_a_not_judged_model_read_differently() -> None:
    fine, unknown = made("fine"), made("not_judged", reason="All outputs are NaN.")
    assert fine.summary().split("\n")[:3] == [
        "Accuracy is 88 % in evaluation mode.",
        "No problem found. Start values weigh 0.33.",
        "Never called: head.norm.",
    ]
    assert "Not judged, which does not mean fine. All outputs are NaN." in unknown.summary()
    assert "could not be judged" in unknown.plot().get_suptitle()
    assert "No problem" not in unknown._repr_html_()


def test_the_picture_shows_what_the_tables_say() -> None:
    figure = made().plot()
    distances, gap, scored = figure.axes
    off, rest = (line.get_xdata() for line in distances.get_lines())
    assert off.tolist() == [0.9]
    assert rest.tolist() == [0.02]
    assert [label.get_text() for label in gap.get_yticklabels()] == ["running to averaged", "averaged to batch"]
    ends = [[float(x) for x in line.get_xdata()] for line in gap.get_lines() if len(line.get_xdata()) == 2]
    assert [0.2, 0.3] in [[round(x, 6) for x in pair] for pair in ends]
    assert [label.get_text() for label in scored.get_yticklabels()] == ["running", "population", "batch"]
    assert 0.9117 in [float(line.get_xdata()[0]) for line in scored.get_lines() if len(line.get_xdata()) == 1]
    assert "88 %" in figure.get_suptitle()


def test_of_many_layers_the_farthest_are_drawn_in_their_order() -> None:
    layers = pd.DataFrame({"layer": [f"l{i}" for i in range(100)], "distance": np.arange(100) / 100, **NULLS})
    names = [label.get_text() for label in made(layers=layers).plot().axes[0].get_yticklabels()]
    assert names == [f"l{i}" for i in range(60, 100)]


def test_a_path_that_cannot_be_written_is_refused_and_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="path is the path of a file"):
        made().to_html("")
    with pytest.raises(OSError, match="missing"):
        made().to_html(tmp_path / "missing" / "report.html")
    notes = tmp_path / "report.html"
    notes.write_text("of another model")
    with pytest.raises(ValueError, match=r"report\.html' exists; give another path, or overwrite=True"):
        made().to_html(notes)
    with pytest.raises(ValueError, match="overwrite is True or False"):
        made().to_html(notes, overwrite="yes")
    assert notes.read_text() == "of another model"
    assert "<html" in made().to_html(notes, overwrite=True).read_text()


WIDTHS = (1280, 390)
# Says how wide the page is, and how much room it has, to the page that it is a frame of.
SAYS = "<script>parent.postMessage([document.documentElement.scrollWidth, innerWidth], '*')</script></body>"


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_opens_the_page_without_a_complaint(tmp_path: Path) -> None:
    """In two frames of one page, as a browser takes long to start; a third frame has too wide a text."""
    page = made(**awkward()["hostile"]).to_html(tmp_path / "report.html")
    page.write_text(page.read_text().replace("</body>", SAYS))
    (tmp_path / "wide.html").write_text(f"<body><pre>{'x' * 1000}</pre>{SAYS}")
    frames = [f"<iframe width={width} height=900 src=report.html></iframe>" for width in WIDTHS]
    hear = "<script>onmessage = (said) => { document.title += said.data + ';' }</script>"
    both = tmp_path / "both.html"
    both.write_text(f"<title></title>{hear}{''.join(frames)}<iframe width=500 src=wide.html></iframe>")
    quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    own = f"--disable-component-update --disable-sync --user-data-dir={tmp_path}/u"
    command = ["chromium", *quiet.split(), *own.split(), "--enable-logging=stderr", "--dump-dom", both.as_uri()]
    seen = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    said = re.search(r"<title>(.*?)</title>", seen.stdout)[1].rstrip(";").split(";")  # type: ignore[index]
    sizes = {int(given): int(needed) for needed, given in (pair.split(",") for pair in said)}
    assert set(sizes) == {*WIDTHS, 500}
    assert all(sizes[width] <= width for width in WIDTHS)
    assert sizes[500] > 500
    assert "CONSOLE" not in seen.stderr

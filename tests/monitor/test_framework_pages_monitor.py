"""Pages on frameworks: the lines of each run in one process and print what the page shows, apart from numbers."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

PAGES = Path(__file__).resolve().parents[2] / "docs/tutorials"
BLOCK = re.compile(r"^```(\{code-cell\} python|python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.filterwarnings("ignore")


def agrees(shown: str, printed: str) -> bool:
    """Return True if the output ends in the lines on the page, whatever the digits.

    The evidence that an audit gives varies with the weights: of its summary, the accuracy and the verdict are compared.
    """
    shown_lines, lines = (re.sub(r"[\d.]+", "#", text).splitlines() for text in (shown, printed))
    if "Accuracy is" in shown:
        at = next((n for n, line in enumerate(lines) if line.startswith("Accuracy is")), len(lines))
        return [line[:17] for line in lines[at : at + 2]] == [line[:17] for line in shown_lines[:2]]
    return lines[-len(shown_lines) :] == shown_lines


def test_another_output_than_shown_is_found() -> None:
    assert agrees("2 events, 0.05 sd\n", "a log\n0 events, 0.12 sd\n")
    assert not agrees("2 events, 0.05 sd\n", "2 events, 0.05 nats\n")
    assert agrees("Accuracy is 9 % now.\nNo problem found. It\n", "Accuracy is 97 % now.\nNo problem found. Or\nx\n")
    assert not agrees("Accuracy is 9 % now.\nNo problem found.\n", "Accuracy is 9 % now.\nNot judged, which\n")


@pytest.mark.parametrize(("page", "count"), [("watch", 4), ("training_loops", 3)])
def test_a_page_runs_and_prints_what_it_shows(page: str, count: int, tmp_path, monkeypatch):
    for needed in ("torch", "lightning", "transformers", "keras", "jax", "flax"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"needs {needed}")
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import transformers.trainer

    # The folder tests/datasets looks like the package datasets, which is not needed.
    monkeypatch.setattr(transformers.trainer, "is_datasets_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    printed, compared = "", 0
    for kind, text in BLOCK.findall((PAGES / f"{page}.md").read_text()):
        if kind == "text":
            assert agrees(text, printed), printed
            compared += 1
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(text, page, "exec"), names)
        printed = out.getvalue()
    assert compared == count
    plt.close("all")

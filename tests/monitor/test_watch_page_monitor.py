"""The page "Watch batch norm while you train": its lines run in one process and print what the page shows."""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import io
import os
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs/tutorials/watch.md"
BLOCK = re.compile(r"^```(\{code-cell\} python|python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_page_runs_and_prints_what_it_shows(tmp_path, monkeypatch):
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
    for kind, text in BLOCK.findall(PAGE.read_text()):
        if kind == "text":
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            assert doctest.OutputChecker().check_output(text, printed, flags), printed
            compared += 1
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(text, str(PAGE), "exec"), names)
        printed = out.getvalue()
    assert compared == 4
    plt.close("all")

"""Cells of pages: they run when the site is built, and the page shows what they print and how long they took.

What a cell printed is kept until the package, its figures or the cell change.
"""

from __future__ import annotations

import hashlib
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector

ROOT = Path(__file__).resolve().parents[2]
CELL = re.compile(r"^```\{code-cell\} python\n((?::\w+:.*\n)*)", re.MULTILINE)
FRONT_MATTER = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n"
WITHOUT_TORCH = (
    "\n:::{note}\nThis site was built without PyTorch, so the lines below were not run. "
    "They run with `pip install 'bnstats[torch]'`.\n:::\n\n"
)


def as_notebook(text: str, has_torch: bool) -> str:
    """Return the text of a page as Sphinx reads it: a notebook where it has cells that can run here.

    Without PyTorch, cells from the first one that needs it on are only shown, and a note says so.

    >>> as_notebook("# A page", True)
    '# A page'
    """
    cells = [*CELL.finditer(text)]
    if not cells:
        return text
    needs_torch = text.find("import torch")
    if not has_torch and needs_torch >= 0:
        first = max(cell.start() for cell in cells if cell.start() < needs_torch)
        text = text[:first] + WITHOUT_TORCH + CELL.sub("```python\n", text[first:])
        cells = cells if CELL.search(text) else []
    return FRONT_MATTER + text if cells else text


def state_of(*folders: Path) -> str:
    """Return a short digest of the files in the folders, so that outputs of other code are never shown."""
    digest = hashlib.sha256()
    for path in sorted(p for folder in folders for p in folder.rglob("*") if p.suffix in (".py", ".csv")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _read(_app: Any, _page: str, source: list[str]) -> None:
    source[0] = as_notebook(source[0], find_spec("torch") is not None)


def _finish(app: Any, tree: nodes.document) -> None:
    """Add the run time to a page with cells, and a description to each picture that has none."""
    ran = NbMetadataCollector.get_exec_data(app.env, app.env.docname)
    if ran is None or ran["runtime"] is None:
        return
    for picture in tree.findall(nodes.image):
        if not picture.get("alt"):
            picture["alt"] = "Figure that the lines above draw"
    seconds = f"The lines on this page ran in {ran['runtime']:.1f} seconds when the site was built."
    last = next(iter(tree.findall(nodes.section)))
    last += nodes.paragraph("", "", nodes.emphasis("", seconds), classes=["run-time"])


def _prepare_kernels(folder: Path) -> None:
    """Give kernels a profile of their own, so that a user's start-up files change no page."""
    profile = folder / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text("get_config().IPKernelApp.log_level = 'ERROR'\n")
    os.environ["IPYTHONDIR"] = str(profile.parent)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # several pages run at a time
    os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"  # of progress bars in Jupyter, which no page shows


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what this file adds."""
    folder = ROOT / "docs" / "_build"
    _prepare_kernels(folder)
    app.config.nb_execution_cache_path = str(folder / "cells" / state_of(ROOT / "src"))
    app.connect("source-read", _read)
    app.connect("doctree-read", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

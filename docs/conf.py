"""Settings of Sphinx for the site."""

from __future__ import annotations

import tomllib
from pathlib import Path

import bnstats
from docs.extensions.api_pages import write_api
from docs.extensions.imports import write_imports
from docs.extensions.inventories import write_inventories
from docs.extensions.ledger_table import write_ledger
from docs.extensions.measured_tables import write_measured
from docs.extensions.moving_page import write_moving_page

HERE = Path(__file__).parent
write_api(HERE / "api")
write_ledger(HERE / "ledger_table.html")
write_measured(HERE / "measured")
write_moving_page(HERE / "moving_page.html")
write_imports(HERE / "imports.html")

ADDRESSES = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["tool"]["bnstats"]

project = "bnstats"
author = "the bnstats developers"
version = release = bnstats.__version__
extensions = [
    *("myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.intersphinx"),
    *("docs.extensions.cells", "docs.extensions.figure_facts", "docs.extensions.figures", "docs.extensions.left_out"),
    *("docs.extensions.verdicts", "docs.extensions.discovery"),
]
source_suffix = {".md": "myst-nb", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
suppress_warnings = ["ref.python"]  # the type `range` beside properties of this name
intersphinx_mapping = write_inventories(HERE / "_build" / "inventories")
autosummary_generate = True
numpydoc_show_class_members = False
html_theme = "pydata_sphinx_theme"
html_title = "bnstats"
html_static_path = ["_static"]
html_context = {"default_mode": "light"}
html_css_files = ["site.css"]
html_js_files = ["ledger.js", "batch.js"]
html_sidebars: dict[str, list[str]] = {page.stem: [] for page in HERE.glob("*.md")}  # those without pages below them
# Pages beside a list of pages have no table of contents, so that their code is not cut off.
WITHOUT_CONTENTS: dict[str, list[str]] = {
    f"{folder}/{page.stem}": [] for folder in ("gallery", "tutorials") for page in (HERE / folder).glob("*.md")
}
html_theme_options = {
    "secondary_sidebar_items": {"**": ["page-toc"], "index": [], **WITHOUT_CONTENTS},
    "navbar_align": "left",
}
if ADDRESSES["address"]:
    html_theme_options["github_url"] = ADDRESSES["address"]
if ADDRESSES["site"]:
    html_baseurl = ADDRESSES["site"]

"""How Sphinx builds the site."""

from __future__ import annotations

import tomllib
from pathlib import Path

import bnstats
from docs.imports import write_imports
from docs.moving_page import write_moving_page
from docs.pages import write_api, write_ledger, write_measured

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
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
autosummary_generate = True
numpydoc_show_class_members = False
html_theme = "pydata_sphinx_theme"
html_title = "bnstats"
html_static_path = ["_static"]
html_context = {"default_mode": "light"}
html_css_files = ["site.css"]
html_js_files = ["ledger.js", "batch.js"]
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"], "navbar_align": "left"}
if ADDRESSES["address"]:
    html_theme_options["github_url"] = ADDRESSES["address"]
if ADDRESSES["site"]:
    html_baseurl = ADDRESSES["site"]

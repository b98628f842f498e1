"""Parts of the site that Sphinx makes: their examples, cells without PyTorch, facts of figures, and the reference."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("myst_nb", reason="needs what builds the site: pip install bnstats[docs]")

from docutils.core import publish_doctree
from sphinx.util.inventory import InventoryFile

from docs.extensions import api_pages, cells, discovery, figure_facts, inventories, left_out, measured_tables, verdicts

PAGE = "# A page\n\n```{code-cell} python\nx = 1\n```\n\n```{code-cell} python\nimport torch\n```\n"


@pytest.mark.parametrize("path", sorted(Path(cells.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_examples_of_extensions_run(path: Path) -> None:
    module = importlib.import_module(f"docs.extensions.{path.stem}")
    assert doctest.testmod(module).failed == 0


def test_cells_that_need_pytorch_are_only_shown_without_it() -> None:
    assert cells.as_notebook(PAGE, True) == cells.FRONT_MATTER + PAGE
    without = cells.as_notebook(PAGE, False)
    assert without.startswith(cells.FRONT_MATTER)
    assert without.count("{code-cell}") == 1
    assert "without PyTorch" in without
    alone = PAGE.replace("```{code-cell} python\nx = 1\n```\n\n", "")
    assert not cells.as_notebook(alone, False).startswith("---")


def test_outputs_are_kept_for_this_code_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "ROOT", tmp_path)
    code = tmp_path / "a.py"
    code.write_text("x = 1\n")
    before = cells.state_of(tmp_path)
    assert cells.state_of(tmp_path) == before
    code.write_text("x = 2\n")
    assert cells.state_of(tmp_path) != before


def test_facts_of_a_figure_are_those_of_its_files() -> None:
    found = figure_facts.facts("mismatch")
    assert found["data"] == "digits"
    assert found["learning rates"] == "0.1"
    assert "seconds of one core, seed 0" in found["cost"]


def test_the_map_of_the_site_has_each_page_and_a_description_ends_at_a_word() -> None:
    assert discovery.sitemap("https://x.example/", ["index", "api/index"]).count("<url>") == 2
    text = "word " * 100
    tree = publish_doctree(text)
    assert discovery.description(tree).endswith("word ...")
    assert len(discovery.description(tree)) <= discovery.LONGEST + 4


def test_inventories_are_read_by_sphinx(tmp_path: Path) -> None:
    mapping = inventories.write_inventories(tmp_path)
    for project, (address, saved) in mapping.items():
        read = InventoryFile.loads(Path(saved).read_bytes(), uri=address)
        assert set(inventories.PROJECTS[project][1]) == {name for kind in read.data.values() for name in kind}


def test_measured_summaries_count_what_the_files_say() -> None:
    speed = pd.read_csv(measured_tables.BENCHMARKS / "speed.csv", keep_default_na=False)
    assert len(measured_tables.not_reached(measured_tables.BENCHMARKS)) == (speed["reached"] == "no").sum()
    counts = measured_tables.reached(measured_tables.BENCHMARKS)["reached"].str.split(" of ", expand=True).astype(int)
    assert counts[0].sum() == (speed["reached"] == "yes").sum()
    faults = measured_tables.campaigns(measured_tables.BENCHMARKS)
    assert faults["answered wrongly"].iloc[0] == "0"


def test_verdicts_are_those_of_the_ledger(tmp_path: Path) -> None:
    saved = tmp_path / "claims.csv"
    saved.write_text("claim,verdict\nzero-at-3,refuted\n")
    assert verdicts.verdicts(saved) == {"zero-at-3": "refuted"}


def test_each_public_name_has_a_line_and_each_page_a_full_title() -> None:
    for page in api_pages.pages():
        assert page.names, page.title
        assert len(page.title.split()) >= 2, page.title
        for name in page.names:
            assert len(api_pages.first_line(page, name)) > 10, name
            assert "dict() ->" not in api_pages.first_line(page, name), name
    assert inspect.isclass(api_pages.value_of(api_pages.pages()[3], "Population"))


GALLERY = Path(left_out.__file__).resolve().parents[1] / "gallery"


@pytest.mark.parametrize("page", sorted(GALLERY.glob("*.md")), ids=lambda page: page.stem)
def test_what_a_figure_leaves_out_has_rows(page: Path) -> None:
    """Each part that a page names is in the file of its figure, and its numbers stand in the folded table."""
    for name, content in re.findall(r"```{left_out} (\w+)\n(.*?)```", page.read_text(), re.DOTALL):
        for part in filter(None, content.split("\n")):
            shown = left_out.part_of(pd.read_csv(left_out.FIGURES / f"{name}.csv"), part)
            assert {"value", "year", "margin"} & set(shown.columns)
            assert f"({len(shown)} rows)" in left_out.folded(name, part)


def test_a_part_that_no_figure_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no part 'none'; there are: "):
        left_out.folded("drift", "none")

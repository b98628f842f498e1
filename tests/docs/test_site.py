"""The site: built without a warning, and its pages opened in a browser as a desktop and a phone show them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
from in_browser import WIDTHS, opened

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = (
    "index",
    "ledger",
    "draw_a_batch",
    "methods",
    "developing",
    "gallery/index",
    "gallery/remedies",
    "gallery/published_signs",
    "measured",
    "tutorials/practitioner",
    "tutorials/researcher",
    "tutorials/teacher",
    "api/studies",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    pytest.importorskip("sphinx")
    out = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "docs", str(out)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return out


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_error_no_bare_image_and_fits(site: Path, browser: Any, name: str, width: str) -> None:
    page = opened(browser, site / f"{name}.html", width)
    errors = [entry["message"] for entry in page.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []
    bare = page.execute_script(
        "return [...document.images].filter(i => !i.alt || !(i.complete && i.naturalWidth)).map(i => i.src)"
    )
    assert [source for source in bare if "_static" not in source] == []
    wide, window = page.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= max(window, WIDTHS[width][0])


def test_every_internal_link_resolves(site: Path) -> None:
    broken = []
    for page in (path for path in site.rglob("*.html") if "_static" not in path.parts):
        for target in links(page.read_text()):
            address = urlparse(target)
            if address.scheme or not address.path:
                continue
            if not (page.parent / unquote(address.path)).exists():
                broken.append((page.name, target))
    assert broken == []


def links(text: str) -> list[str]:
    """What a page links to and shows."""
    from html.parser import HTMLParser

    found: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value for name, value in attrs if name in ("href", "src") and value)

    Links().feed(text)
    return found


def test_the_ledger_is_sorted_and_filtered_by_keyboard(site: Path, browser: Any) -> None:
    page = opened(browser, site / "ledger.html")
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    rows = "[...document.querySelectorAll('#ledger tbody tr')]"
    visible = f"return {rows}.filter(r => !r.hidden).map(r => r.cells[1].innerText)"
    names = page.execute_script(visible)
    assert len(names) > 1
    page.find_elements("css selector", "#ledger th button")[1].send_keys(keys.ENTER)
    assert page.execute_script(visible) == sorted(names, key=str.lower)
    page.find_element("id", "ledger-filter").send_keys("64-as-good-as-128")
    assert page.execute_script(visible) == ["64-as-good-as-128"]


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    import bnstats as bn
    from docs.extensions.api_pages import spaces

    reference = "".join(page.read_text() for page in (site / "api").glob("*.html"))
    names = {f"bnstats.{name}" for name in set(dir(bn)) - set(spaces())}
    names |= {f"bnstats.{space}.{name}" for space, found in spaces().items() for name in found.__all__}
    assert {name for name in names if f'id="{name}"' not in reference} == set()
    assert 'id="bnstats.RunningStats.update"' in reference


def test_search_finds_what_a_user_types(site: Path, browser: Any) -> None:
    wait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait
    browser.get((site / "search.html").as_uri() + "?q=batch+norm+eval+worse+than+train")
    found = "return [...document.querySelectorAll('#search-results li a')].map(a => new URL(a.href).pathname)"
    wait(browser, 300).until(lambda b: b.execute_script(found))
    first = browser.execute_script(found)[:3]
    assert any(page.endswith("tutorials/practitioner.html") for page in first), first
    browser.get_log("browser")  # excerpts of results are not fetched from files, which the log calls an error


def cells(site: Path) -> dict[str, str]:
    """The pages whose lines run when the site is built."""
    texts = {path.relative_to(site).as_posix(): path.read_text() for path in site.rglob("*.html")}
    return {name: text for name, text in texts.items() if 'class="cell ' in text}


def test_pages_with_lines_show_output_and_run_time_and_no_warning(site: Path) -> None:
    found = cells(site)
    assert len(found) >= 16
    for name, text in found.items():
        assert "cell_output" in text, name
        assert re.search(r"ran in \d+\.\d seconds when the site was built", text), name
        assert "stderr" not in text, name


def test_pages_lead_to_the_previous_and_the_next(site: Path) -> None:
    page = (site / "gallery" / "breaking.html").read_text()
    assert "left-prev" in page
    assert "right-next" in page


def test_verdicts_beside_sentences_lead_to_rows_of_the_ledger(site: Path) -> None:
    rows = set(re.findall(r'<tr id="([^"]+)"', (site / "ledger.html").read_text()))
    led = re.findall(r'href="ledger\.html#([^"]+)"', (site / "index.html").read_text())
    assert len(led) >= 10
    assert set(led) <= rows


def test_pages_say_what_they_are_to_others(site: Path) -> None:
    """A description and a card; types of other packages lead to their pages; the map needs an address."""
    page = (site / "index.html").read_text()
    assert '<meta property="og:title" content="Why does batch normalization not break training?">' in page
    assert (site / "_static" / "card.png").stat().st_size > 10_000
    assert "https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.html" in (
        (site / "api" / "studies.html").read_text() + (site / "api" / "bnstats.plots.html").read_text()
    )
    assert not (site / "sitemap.xml").exists()

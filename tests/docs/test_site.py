"""The site: built without a warning, and its pages opened in a browser as a desktop and a phone show them."""

from __future__ import annotations

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
    page.find_element("id", "ledger-filter").send_keys("zero-at-3")
    assert page.execute_script(visible) == ["zero-at-3"]


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    import bnstats as bn
    from docs.extensions.api_pages import spaces

    reference = "".join(page.read_text() for page in (site / "api").glob("*.html"))
    names = {f"bnstats.{name}" for name in set(dir(bn)) - set(spaces())}
    names |= {f"bnstats.{space}.{name}" for space, found in spaces().items() for name in found.__all__}
    assert {name for name in names if f'id="{name}"' not in reference} == set()
    assert 'id="bnstats.RunningStats.update"' in reference

"""The page on which one draws batches: its exact numbers, its draws, and its controls in a browser.

Stochastic tests use fixed seeds of the page. Each states its false-alarm rate and its power.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_browser import WIDTHS, opened
from scipy import integrate, stats

import bnstats as bn
from docs.extensions import moving_page

STATIC = Path(moving_page.__file__).parents[1] / "_static"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The moving part alone, with the site's style and script."""
    path = tmp_path_factory.mktemp("moving") / "page.html"
    style, script = (STATIC / "site.css").read_text(), (STATIC / "batch.js").read_text()
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{style}</style>'
    path.write_text(
        f'<!doctype html><html lang="en"><head>{head}</head>'
        f"<body>{moving_page.markup()}<script>{script}</script></body>"
    )
    return path


class Controls:
    """The page's controls, pressed as keys press them, and the state that it shows."""

    def __init__(self, browser: Any, page: Path, seed: int, width: str = "desktop") -> None:
        self.browser = opened(browser, page, width)
        browser.get(f"{page.as_uri()}?seed={seed}")

    def part(self, name: str) -> Any:
        return self.browser.find_element("css selector", f'[data-part="{name}"]')

    def press(self, name: str, times: int = 1) -> None:
        keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
        for _ in range(times):
            self.part(name).send_keys(keys.ENTER)

    def slide(self, name: str, to: int) -> None:
        keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
        self.part(name).send_keys(keys.HOME, *[keys.ARROW_RIGHT] * to)

    def choose(self, batching: str) -> None:
        keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
        self.browser.find_element("css selector", f'input[value="{batching}"]').send_keys(keys.SPACE)

    @property
    def state(self) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(
            self.browser.find_element("class name", "batch-page").get_attribute("data-state")
        )
        return shown


@pytest.mark.parametrize("n", [3, 8, 64])
def test_chances_are_those_of_a_batch_mean_by_quadrature(n: int) -> None:
    """A value is normalized to 0 exactly if it is the mean, which is independent of the spread (Basu)."""
    density = stats.norm(72, 10 / np.sqrt(n)).pdf
    edges = (-np.inf, 60, 70, 80, 90, np.inf)
    expected = [integrate.quad(density, low, high)[0] for low, high in pairwise(edges)]
    assert moving_page.letters_at_zero(n) == pytest.approx(expected, abs=1e-9)


def test_the_script_is_short() -> None:
    assert len((STATIC / "batch.js").read_text().splitlines()) < 400


def test_shares_of_shuffled_batches_settle_on_the_exact_chances(page: Path, browser: Any) -> None:
    """2000 batches of 3: a chi-square test with a false-alarm rate of 1e-4.

    With the chances for batches of 4, which a wrong root of n would give, it rejects with a power above .99.
    """
    controls = Controls(browser, page, seed=11)
    controls.slide("size", 0)
    controls.press("draw-many", 20)
    counts = np.array(controls.state["counts"])
    assert counts.sum() == 2000
    expected = 2000 * np.array(moving_page.letters_at_zero(3))
    assert stats.chisquare(_pooled(counts), _pooled(expected)).pvalue > 1e-4
    wrong = 2000 * np.array(moving_page.letters_at_zero(4))
    assert stats.chisquare(_pooled(counts), _pooled(wrong)).pvalue < 1e-4


def _pooled(counts: np.ndarray) -> np.ndarray:
    """F with D, and A with B: cells of at least 90 expected."""
    return np.array([counts[0] + counts[1], counts[2], counts[3] + counts[4]])


def test_running_statistics_follow_as_in_the_package(page: Path, browser: Any) -> None:
    controls = Controls(browser, page, seed=5)
    controls.slide("momentum", moving_page.MOMENTA.index(0.2))
    running = bn.RunningStats.like("torch", momentum=0.2)
    for _ in range(4):
        controls.press("draw")
        running.update(np.array(controls.state["batch"])[:, None])
    assert controls.state["running_mean"] == pytest.approx(running.mean[0], rel=1e-12)
    assert controls.state["running_var"] == pytest.approx(running.var[0], rel=1e-12)
    assert f"0 stands for {running.mean[0]:.1f} points" in controls.part("sentence").text


def test_one_letter_a_batch_and_sorted_rows_are_what_they_say(page: Path, browser: Any) -> None:
    """60 batches of one letter: each letter's count is within the 1e-6 quantiles of its share, which is the grade's."""
    controls = Controls(browser, page, seed=3)
    controls.choose("one_letter")
    for _ in range(5):
        controls.press("draw")
        letters = np.digitize(controls.state["batch"], moving_page.CUTS)
        assert len(set(letters)) == 1
    assert "No exact chances" in controls.part("letters-sentence").text
    controls.press("draw-many", 1)
    counts = np.array(controls.state["counts"])
    chances = np.diff(stats.norm(72, 10).cdf([-np.inf, *moving_page.CUTS, np.inf]))
    low, high = stats.binom(counts.sum(), chances).ppf([[5e-7], [1 - 5e-7]])
    assert ((low <= counts) & (counts <= high)).all()
    controls.choose("sorted")
    controls.press("draw")
    first = controls.state["batch"]
    controls.press("draw")
    assert [*first, *controls.state["batch"]] == sorted([*first, *controls.state["batch"]])


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_its_texts_can_be_read(page: Path, browser: Any, width: str) -> None:
    controls = Controls(browser, page, seed=1, width=width)
    controls.press("draw")
    wide, window = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window
    smallest = browser.execute_script(
        "return Math.min(...[...document.querySelectorAll('svg text')].map(t => {"
        "const drawn = t.ownerSVGElement.getBoundingClientRect().width / 400;"
        "return parseFloat(getComputedStyle(t).fontSize) * drawn}))"
    )
    assert smallest >= 9
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_nothing_falls_where_less_motion_is_wanted(page: Path, browser: Any) -> None:
    def falling(wanted: str) -> int:
        features = {"features": [{"name": "prefers-reduced-motion", "value": wanted}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
        Controls(browser, page, seed=1).press("draw")
        return len(browser.find_elements("class name", "falls"))

    assert falling("reduce") == 0
    assert falling("no-preference") == 8


def test_a_seed_repeats_a_session(page: Path, browser: Any) -> None:
    def batch(seed: int) -> list[float]:
        controls = Controls(browser, page, seed)
        controls.press("draw")
        drawn: list[float] = controls.state["batch"]
        return drawn

    assert batch(7) == batch(7)
    assert batch(7) != batch(8)

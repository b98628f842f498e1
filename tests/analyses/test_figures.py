"""Figures as they are committed: few panels, text that can be read, titles from the numbers, colors that agree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from analyses import __main__ as everything
from analyses import claims
from analyses.figure_files import FIGURES, NARROW_PNG
from analyses.layout import MOST_PANELS, NARROW, WIDE, beside, fit_titles, panels_of, stack
from bnstats.claims.registry import CLAIMS
from bnstats.plots import colors

SITE, PHONE = 896, 358
# Pixels of the smallest text: 9 on the site, and no less than 8.5 of a phone's 358.
ON_SITE, ON_PHONE = 9.0, 8.5
# By how a label begins: whose color it must have.
OWNERS = {
    "training mode": colors.TRAINING,
    "batch norm, training mode": colors.TRAINING,
    "evaluation mode": colors.EVALUATION,
    "batch norm, evaluation mode": colors.EVALUATION,
    "batch norm": colors.NORMALIZERS["batch"],
    "batch renormalization": colors.NORMALIZERS["renorm"],
    "group norm": colors.NORMALIZERS["group"],
    "layer norm": colors.NORMALIZERS["layer"],
    "no normalization": colors.NORMALIZERS["none"],
    "precise": colors.STATISTICS["precise"],
    "population statistics": colors.STATISTICS["population"],
}
# Two lines of one owner in a figure: what was found and what was mended, and batch sizes.
OTHER_MEANING = ("evaluation mode, recalibrated", "batch norm, batches of")


@pytest.fixture(autouse=True, scope="module")
def backend() -> Iterator[None]:
    before = mpl.get_backend()
    mpl.use("Agg")
    yield
    drawn.cache_clear()
    narrow.cache_clear()
    plt.close("all")
    mpl.use(before)


def numbers(name: str) -> pd.DataFrame:
    return pd.read_csv(FIGURES / f"{name}.csv")


@cache
def drawn(name: str) -> Figure:
    figure: Figure = everything.FOUND[name].plot(numbers(name))
    fit_titles(figure)
    return figure


@cache
def narrow(name: str) -> Figure:
    figure: Figure = everything.FOUND[name].plot(numbers(name))
    stack(figure)
    fit_titles(figure)
    return figure


def texts(figure: Figure) -> list[Text]:
    figure.get_layout_engine().execute(figure)
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


@pytest.fixture(params=everything.FOUND)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("make", "inches", "pixels", "least"), [(drawn, WIDE, SITE, ON_SITE), (narrow, NARROW, PHONE, ON_PHONE)]
)
def test_text_can_be_read_and_stays_inside(
    name: str, make: Callable[[str], Figure], inches: float, pixels: int, least: float
) -> None:
    figure = make(name)
    assert figure.get_figwidth() == pytest.approx(inches)
    found = texts(figure)
    smallest = min(found, key=Text.get_fontsize)
    assert smallest.get_fontsize() / 72 * pixels / inches >= least, smallest.get_text()
    box = figure.get_tightbbox()
    assert min(box.x0, box.y0) > -0.02
    assert box.x1 < figure.get_figwidth() + 0.02
    assert box.y1 < figure.get_figheight() + 0.02


def test_a_figure_has_at_most_three_panels_and_on_a_phone_they_stand_below_each_other(name: str) -> None:
    figure = drawn(name)
    assert 1 <= len(panels_of(figure)) <= MOST_PANELS
    assert len({ax.get_subplotspec().rowspan.start for ax in panels_of(figure)}) == 1
    stacked = panels_of(narrow(name))
    assert {ax.get_subplotspec().colspan.start for ax in stacked} == {0}
    assert len({ax.get_subplotspec().rowspan.start for ax in stacked}) == len(panels_of(figure))


def test_more_panels_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 3 panels, of one message; got 4"):
        beside(4)


def test_a_title_says_what_the_numbers_say(name: str) -> None:
    """With other numbers it says something else: each title has a number or a name that is looked up."""
    table = numbers(name)
    factor = np.random.default_rng(0).uniform(0.3, 0.7, len(table))
    measured = [c for c in ("value", "exact", "estimate", "mcse", "cost", "low", "high") if c in table]
    other = table.assign(**{c: table[c] * factor for c in measured})
    if "verdict" in table:
        other["verdict"] = np.roll(table["verdict"], 1)
        other = other.iloc[1:]
    said, then = drawn(name).get_suptitle(), everything.FOUND[name].plot(other).get_suptitle()
    assert re.search(r"\d", said), "a title names its number"
    assert said.split() != then.split()


def lines(figure: Figure) -> dict[str, object]:
    """Colors of the entries of all legends, by their labels."""
    found = {}
    for ax in panels_of(figure):
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            own = handle.lines[0] if hasattr(handle, "lines") else handle
            found[label] = own.get_color() if hasattr(own, "get_color") else own.get_facecolor()[0]
    return found


def test_modes_and_normalizers_have_their_colors(name: str) -> None:
    for label, color in lines(drawn(name)).items():
        owner = max((start for start in OWNERS if label.startswith(start)), key=len, default=None)
        if owner and not label.startswith(OTHER_MEANING):
            assert same_color(color, OWNERS[owner]), label


def test_the_figures_that_show_modes_are_among_these() -> None:
    """Else the test above would hold of no line at all."""
    shown = [label for name in ("mismatch", "grades_network", "breaking", "remedies") for label in lines(drawn(name))]
    assert {"training mode", "evaluation mode", "layer norm", "batch norm, training mode"} <= set(shown)


def test_committed_pictures_are_what_is_drawn_from_the_committed_numbers(name: str) -> None:
    """Their sizes, which another version of Matplotlib leaves alone; digests are held by the provenance."""
    for figure, ending in ((drawn(name), "png"), (narrow(name), NARROW_PNG)):
        with Image.open(FIGURES / f"{name}.{ending}") as picture:
            width, height = picture.size
        assert height / width == pytest.approx(figure.get_figheight() / figure.get_figwidth(), abs=0.01)


def test_ten_headlines_of_the_ledger_are_shown_with_their_verdicts() -> None:
    assert set(claims.HEADLINES) <= set(CLAIMS)
    table = numbers("claims")
    (ax,) = panels_of(drawn("claims"))
    shown = [" ".join(label.get_text().split()) for label in ax.get_yticklabels()]
    assert len(shown) == claims.MOST
    verdict = table.set_index("statement")["verdict"]
    columns = [label.get_text() for label in ax.get_xticklabels()]
    for line in ax.lines:
        for x, y in zip(*line.get_data(), strict=True):
            assert verdict[shown[int(-y)]] == columns[int(x)]
    assert sum(len(line.get_xdata()) for line in ax.lines) == claims.MOST

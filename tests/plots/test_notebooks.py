"""Figures in a notebook: shown once, in a session that stays interactive."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from bnstats import plots

TABLE = pd.DataFrame({"batch_size": [2, 4], "measure": "rmse", "value": [0.5, 0.25], "mcse": 0.01, "exact": 0.3})


@pytest.mark.parametrize("backend", ["inline", "module://matplotlib_inline.backend_inline"])
def test_a_notebook_shows_a_figure_once(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the value of its cell, and not again as one of pyplot's open figures."""
    monkeypatch.setattr(plt, "get_backend", lambda: backend)
    before = plt.get_fignums()
    assert plots.numbers(TABLE).axes
    assert plt.get_fignums() == before


def test_elsewhere_pyplot_can_show_it() -> None:
    figure = plots.numbers(TABLE)
    assert plt.fignum_exists(figure.number)
    plt.close(figure)


def test_what_a_backend_sets_while_a_figure_is_drawn_stays() -> None:
    """A notebook's backend is loaded by the first figure, and makes the session interactive."""
    with mpl.rc_context({"interactive": False}):
        with plots.theme():
            mpl.rcParams["interactive"] = True
        assert mpl.rcParams["interactive"]


def test_the_look_is_restored_after_an_error() -> None:
    before = dict(mpl.rcParams)
    with pytest.raises(KeyError), plots.theme():
        raise KeyError
    assert dict(mpl.rcParams) == before

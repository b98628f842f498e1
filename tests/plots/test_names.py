"""Names as a user may give them: figures, views and messages show them character by character."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy import stats

import bnstats as bn
from bnstats import plots
from bnstats._checks.values import shown
from bnstats._warnings import notify
from bnstats.plots.audit_figure import audit_figure
from bnstats.plots.ledger import ledger

NAMES = (r"$\frac{$", "_hidden", "\x1b[31mred", "a$b", "$" * 60, "two\nlines", "^_{x}%&#\\", "\u202eleft", "x\\$y$")
ESTIMATE = {"value": [0.5, 0.25], "mcse": [0.01, 0.01], "exact": [0.5, np.nan]}


def rows(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns | ESTIMATE | {"bayes_accuracy": np.nan})


def error_table(name: str) -> pd.DataFrame:
    columns = {"population": [name, "b"], "batching": "IID()", "estimator": name, "batch_size": [2, 4]}
    return rows(**columns, measure="rmse")


def condition_table(name: str) -> pd.DataFrame:
    condition = {"effect": [name, "b"], "effect_size": 0.5, "smoothness": 1.0, "labels": "signal", "design": name}
    return pd.DataFrame(condition | {"best": name, "clear": True, "batch_size": [2, 4], "value": 1.0, "margin": 0.5})


def score_table(name: str) -> pd.DataFrame:
    columns = {"dataset": [name, "b"], "batch_size": [2, 4], "test_batch_size": [2, 4], "statistics": "batch"}
    return rows(**columns, metric="accuracy")


def gradient_table(name: str) -> pd.DataFrame:
    condition = {"normalizer": [name, "b"], "activation": "relu", "width": 8, "depth": 2, "batch_size": 4, "step": 0}
    return rows(**condition, layer=[1, 1])


def own_axes(draw: Callable[[Any], object]) -> Figure:
    figure, ax = plt.subplots()
    draw(ax)
    return figure


CLAIM = {"region": "at least 0.5", "estimate": 0.7, "low": 0.6, "high": 0.8, "verdict": "supported"}
DRAWN: dict[str, Callable[[str], Figure]] = {
    "convergence": lambda name: plots.convergence(error_table(name)),
    "numbers": lambda name: plots.numbers(error_table(name).assign(measure=name).rename(columns={"batching": name})),
    "mismatch": lambda name: plots.mismatch(score_table(name)),
    "running": lambda name: plots.running(
        rows(convention=[name, "b"], momentum=0.1, step=[1, 2], statistic="mean", measure="rmse")
    ),
    "gradients": lambda name: plots.gradients(gradient_table(name)),
    "best_corrections": lambda name: plots.best_corrections(condition_table(name)),
    "best_correction_map": lambda name: own_axes(
        lambda ax: plots.best_correction_map(ax, condition_table(name), "batch_size", "effect_size", {name: "C0"})
    ),
    "ledger": lambda name: ledger(pd.DataFrame([CLAIM | {"claim": name}])),
    "audit_figure": lambda name: audit_figure(
        pd.DataFrame({"layer": [name], "distance": 0.2, "p_running": 0.5}),
        pd.DataFrame({"step": [name], "gain": 0.1, "low": 0.0, "high": 0.2}),
        pd.DataFrame({"statistics": [name], "metric": name, "value": 0.5, "low": 0.4, "high": 0.6}),
        f"Running statistics are off: {name}",
        name,
    ),
}
# What they are given is drawn as it is, as by Matplotlib: text of the caller's own, axes, numbers.
AS_GIVEN = {"MARKERS", "in_percent", "intervals", "log2_ticks", "log_errors", "panels", "percent", "ranked", "series"}
AS_GIVEN |= {"signed", "spoken", "theme", "zip_plot"}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def said(figure: Figure, layout: bool) -> str:
    """All texts of the figure as they are drawn, without spaces and line ends, which wrapping moves.

    Two thirds of a drawing is the layout, which warns if it finds no room.
    """
    if not layout:
        figure.set_layout_engine("none")
    figure.draw_without_rendering()
    found = []
    for text in figure.findobj(Text):
        plain, formula = text._preprocess_math(text.get_text())
        assert not formula or text.get_text().startswith("$\\mathdefault{"), text.get_text()
        found.append(plain)
    return "".join("".join(found).split())


def test_every_public_figure_is_among_these() -> None:
    public = {name for name in dir(plots) if not name.startswith("_")}
    assert set(DRAWN) - {"ledger", "audit_figure"} == public - AS_GIVEN


@pytest.mark.parametrize("what", DRAWN)
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_figure_shows_a_name_character_by_character(what: str, name: str) -> None:
    """Without a warning (they are errors in tests), in its legend, too; there is room for the longest."""
    expected = name.encode("unicode_escape").decode() if not name.isprintable() else name
    if what in ("best_corrections", "best_correction_map"):
        expected = plots.spoken(expected)
    if what == "audit_figure" and len(expected) > 24:
        expected = expected[-23:]
    drawn = DRAWN[what](name)
    assert expected.replace(" ", "").removeprefix("_" if what == "numbers" else "") in said(
        drawn, layout=name == max(NAMES, key=len)
    )


def test_a_hidden_name_stands_in_the_legend() -> None:
    legend = plots.convergence(error_table("_hidden")).legends[0]
    assert [text.get_text().strip() for text in legend.get_texts()] == ["_hidden", "b"]


@pytest.fixture(scope="module")
def result() -> Any:
    return bn.measure_convergence(
        {name: stats.gamma(2 + i) for i, name in enumerate(NAMES)},
        batch_sizes=[2],
        estimators=["mean"],
        precision=None,
        max_replicates=32,
    )


def test_no_code_reaches_a_terminal(result: Any) -> None:
    name = "\x1b[31mred"
    single = bn.measure_convergence(
        bn.Population.of("normal", name),
        batch_sizes=[2],
        estimators=[bn.Estimator(name, np.mean, target=0.0)],
        precision=None,
        max_replicates=32,
    )
    for view in (result, single):
        for text in (repr(view), view.summary(), view._repr_html_()):
            assert all(line.isprintable() for line in text.split("\n"))
        assert r"\x1b[31mred" in repr(view)
    assert single.table["population"].unique().tolist() == [name]
    assert r"\x1b[31mred" in shown(name)
    with pytest.raises(ValueError, match=r"estimator: \\x1b\[31mred;") as refused:
        single.compare(name, "other")
    assert "\x1b" not in str(refused.value)


def test_no_code_is_in_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"^\\x1b\[31mred\nsecond$"):
        notify("\x1b[31mred\nsecond")


@pytest.mark.parametrize(
    ("encoding", "sign"),
    [("utf-8", "±"), ("latin-1", "±"), ("ascii", "+/-"), ("cp866", "+/-"), (None, "±"), ("?", "±")],
)
def test_a_view_can_be_printed_on_any_terminal(
    encoding: str | None, sign: str, result: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = bn.measure_convergence(
        {"größe 身長": "normal"}, batch_sizes=[2, 4], estimators=["mean"], precision=None, max_replicates=32
    )

    class Terminal(io.StringIO):
        pass

    Terminal.encoding = property(lambda _: encoding)  # type: ignore[assignment]
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert sign in repr(named)
    assert sign in repr(result)
    for text in (repr(named), named.summary(), repr(result), result.summary()):
        text.encode(encoding if encoding not in (None, "?") else "utf-8")

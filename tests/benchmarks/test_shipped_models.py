"""Rows of `python -m benchmarks.shipped_models`: models that packages ship, recalibrated and damaged on made input."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

ROWS = pd.read_csv(Path(__file__).parents[2] / "benchmarks" / "measured" / "shipped_models.csv", keep_default_na=False)
SHIPPED = ("as shipped", "trained for some steps")


FEW_ROWS = ("efficientnet-lite0",)
"""Models whose made rows are few for their depth, so that some answers are "not judged"."""


@pytest.mark.parametrize("model", FEW_ROWS)
def test_few_rows_give_no_wrong_answer(model: str) -> None:
    rows = ROWS[ROWS["model"] == model].set_index("state")
    judged = rows[rows["verdict"] != "not_judged"]
    assert (judged["cause"] == judged["expected"]).all()
    assert len(judged) >= 3


@pytest.mark.parametrize("model", sorted({*ROWS["model"]} - {*FEW_ROWS}))
def test_recalibrated_models_are_fine_and_each_damage_has_its_name(model: str) -> None:
    rows = ROWS[ROWS["model"] == model].set_index("state")
    assert len(rows) == 6
    assert rows.loc["recalibrated", "verdict"] == "fine"
    damaged = rows.drop(index=["recalibrated", *(state for state in SHIPPED if state in rows.index)])
    assert (damaged["verdict"] == "off").all()
    assert damaged["cause"].tolist() == damaged["expected"].tolist()


def test_statistics_of_other_data_are_never_called_fine() -> None:
    shipped = ROWS[ROWS["state"] == "as shipped"]
    assert len(shipped) >= 2
    assert (shipped["verdict"] != "fine").all()
    assert (shipped["verdict"] == "off").any()

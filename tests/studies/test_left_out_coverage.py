"""How often intervals of `leave_one_batch_out` hold the expected change: the measured table, and what is said of it.

Nothing here is judged by chance: the table has a fixed seed, and two of its settings are measured again.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bnstats as bn
from benchmarks import left_out_coverage

SAVED = Path(left_out_coverage.__file__).parent / "measured" / "left_out_coverage.csv"


def said(pattern: str) -> list[float]:
    text = " ".join((bn.leave_one_batch_out.__doc__ or "").split())
    found = re.search(pattern, text)
    assert found, pattern
    return [float(number) for number in found.groups()]


def test_the_docstring_says_what_was_measured() -> None:
    table = pd.read_csv(SAVED)
    percent = (100 * table["coverage"]).round()
    shrinks, signal = table["correction"] == "shrink", table["shift"] == "signal"
    for rows, pattern in (
        (~shrinks, r'of "center" and "standardize" in (\d+) to (\d+) % of 1500 data sets'),
        (shrinks & ~signal, r'of "shrink" covered it in (\d+) to (\d+) % if the shift of a batch is a nuisance'),
        (shrinks & signal, r"in (\d+) to (\d+) % if the shift is signal"),
    ):
        assert said(pattern) == [percent[rows].min(), percent[rows].max()]
    assert said(r"data of (\d+), (\d+), (\d+) and (\d+) batches") == sorted(set(table["batches"]))
    assert set(table["data_sets"]) == {1500}
    assert (table["mcse"] < 0.008).all()


@pytest.mark.parametrize("shift", left_out_coverage.SHIFTS)
def test_settings_are_measured_again(shift: str) -> None:
    """To within two data sets of 1500, which rounding on another processor may move across an end."""
    table = pd.read_csv(SAVED)
    rows = table[(table["shift"] == shift) & (table["batches"] == 4)]
    again = pd.DataFrame(left_out_coverage.setting(shift, 4, 1500, 2026))
    np.testing.assert_allclose(again["change"], rows["change"], rtol=1e-6)
    np.testing.assert_allclose(again["coverage"], rows["coverage"], atol=2 / 1500)


def test_fits_that_are_kept_make_intervals_that_are_too_short() -> None:
    """With a jackknife of the errors alone and Student's t, at most .85 hold where the shift of 6 batches is signal."""
    rows = left_out_coverage.data_sets("signal", 6, 1000, 2026, 0)
    (base, _), (error, _) = (left_out_coverage.errors(name, rows) for name in ("none", "shrink"))
    values = np.log((error.sum(axis=0) - error) / (base.sum(axis=0) - base))
    half = stats.t.isf(0.025, 4) * np.sqrt(5 * values.var(axis=0) * 5 / 4)
    expected, found = np.log(error.mean() / base.mean()), np.log(error.mean(axis=0) / base.mean(axis=0))
    assert np.mean(abs(found - expected) <= half) < 0.85
    saved = pd.read_csv(SAVED).set_index(["shift", "batches", "correction"])["coverage"]
    assert saved["signal", 6, "shrink"] > 0.88


def test_data_sets_are_judged_as_the_public_function_judges_one() -> None:
    rows = left_out_coverage.data_sets("signal", 6, 3, 1, 0)
    (base, base_without), (error, without) = (left_out_coverage.errors(name, rows) for name in ("none", "shrink"))
    ends = left_out_coverage.interval_of_change(error, base, 0.95, (without, base_without))
    for i in range(3):
        left = bn.leave_one_batch_out(rows.x[:, i], rows.outcome[:, i], rows.key, ["none", "shrink"]).table.iloc[1]
        np.testing.assert_allclose([end[i] for end in ends], left[["change", "low", "high"]].astype(float), rtol=1e-9)


def test_the_table_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_out_coverage, "BATCHES", (4,))
    left_out_coverage.main(["--data-sets", "8", "--to", str(tmp_path / "found.csv")])
    table = pd.read_csv(tmp_path / "found.csv")
    assert list(table.columns) == list(pd.read_csv(SAVED).columns)
    assert len(table) == 6
    assert set(table["command"]) == {"python -m benchmarks.left_out_coverage --data-sets 8 --seed 2026"}

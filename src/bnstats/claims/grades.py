"""The question's own example: predict the letter of a grade of which only the normalized value is seen."""

from __future__ import annotations

from typing import Any

from scipy import stats

from bnstats._checks.arguments import checked
from bnstats._checks.values import word
from bnstats.datasets.binned_population import BinnedPopulation
from bnstats.sampling.populations import Population, population_of

LETTERS = "FDCBA"
CUTS = (60.0, 70.0, 80.0, 90.0)
# About as spread as the grades of a real course.
GRADES = Population.of(stats.norm(72, 10))


@checked(population=population_of, name=word)
def letter_grades(population: Any = GRADES, name: str = "grades") -> BinnedPopulation:
    """Grades as the only input, letters F, D, C, B, A as classes 0 to 4, in fresh rows for every network.

    >>> letter_grades().classes
    5
    """
    return BinnedPopulation(name, Population.of(population), CUTS)

"""Example of the question: a network sees the normalized grade only and predicts its letter."""

from __future__ import annotations

from typing import Any

from scipy import stats

from bnstats._checks.arguments import checked
from bnstats._checks.values import word
from bnstats.datasets.binned_population import BinnedPopulation
from bnstats.sampling.populations import Population, population_of

CUTS = (60.0, 70.0, 80.0, 90.0)
# The spread is about that of the grades in a real course.
GRADES = Population.of(stats.norm(72, 10))


@checked(population=population_of, name=word)
def letter_grades(population: Any = GRADES, name: str = "grades") -> BinnedPopulation:
    """Return a dataset with grades as the only input and letters F, D, C, B, A as classes 0 to 4.

    Each network gets new rows.

    Parameters
    ----------
    population : str, Population or any source that `Population.of` takes
        Population of the grades, in points; by default normal with mean 72 and standard deviation 10.
    name : str
        Name of the dataset in tables.

    Returns
    -------
    BinnedPopulation
        Dataset whose letters are cut at 60, 70, 80 and 90 points.

    Raises
    ------
    ValueError
        If the source is not a population, or the name is not a text.

    Examples
    --------
    >>> letter_grades().classes
    5
    """
    return BinnedPopulation(name, Population.of(population), CUTS)

"""Expected warnings of the analysis of letter grades."""

from __future__ import annotations

import warnings

import pytest

import bnstats as bn
from analyses.letter_grades import CUTS, few_bits_are_expected
from bnstats.exceptions import PrecisionWarning


def test_only_the_warning_of_bits_alone_is_silent() -> None:
    with few_bits_are_expected():  # warnings are errors in tests
        warnings.warn(
            "1 of 22 numbers did not.\nbatch_size=2, measure=bits, value=0.25", PrecisionWarning, stacklevel=1
        )
    for said in ("1 of 22 numbers did not.\nbatch_size=2, measure=accuracy, value=0.5", "2 of 22 did not"):
        with few_bits_are_expected(), pytest.warns(PrecisionWarning):
            warnings.warn(said, PrecisionWarning, stacklevel=1)


def test_a_real_warning_of_one_number_is_recognized() -> None:
    """A precision that bits just miss: the message is that of the package, whatever its wording will be."""
    grades = bn.Population.of("normal")
    options = {"labels": [-1.0, 0.0, 1.0], "batch_sizes": [2], "precision": 0.01, "max_replicates": 2**16}
    with pytest.warns(PrecisionWarning, match="1 of 2 numbers"):
        bn.measure_information(grades, **options)
    with few_bits_are_expected():
        bn.measure_information(grades, **options)
    assert len(CUTS) == 4

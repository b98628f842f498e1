"""Assertions for test suites about estimates and their convergence, with known error rates.

A true claim fails with a probability of at most `false_alarm`. A false claim passes with a probability of at most
`false_alarm`, too. If the draws cannot decide a claim, `InsufficientPower` is raised, and its message says what would
decide the claim.

>>> from bnstats.testing import assert_converges
>>> assert_converges("mean", "normal", within=0.2, batch_size=100, confidence=0.9)
"""

from bnstats.testing.claims import InsufficientPower
from bnstats.testing.converges import assert_converges
from bnstats.testing.rate import assert_rate
from bnstats.testing.unbiased import assert_unbiased
from bnstats.testing.within_mcse import assert_within_mcse

__all__ = ["InsufficientPower", "assert_converges", "assert_rate", "assert_unbiased", "assert_within_mcse"]


def __dir__() -> list[str]:
    return sorted(__all__)

"""Assertions for test suites about estimates, their convergence and random functions, with known error rates.

A true claim fails with a probability of at most `false_alarm`. A false claim passes with a probability of at most
`false_alarm`, too. If the draws cannot decide a claim, `InsufficientPower` is raised, and its message says what would
decide the claim.

>>> from bnstats.testing import assert_converges
>>> assert_converges("mean", "normal", within=0.2, batch_size=100, confidence=0.9)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

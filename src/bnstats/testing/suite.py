"""False-alarm rate that the assertions of a test suite share, and a record of what each of them found.

Only the standard library is imported here, because the pytest plugin imports this file in every run of pytest.
"""

from __future__ import annotations

import math
from contextvars import ContextVar
from dataclasses import dataclass, field

FALSE_ALARM = 1e-6
"""False-alarm rate of an assertion for which neither its call nor a suite states one."""


@dataclass
class TestRecord:
    """Assertions of one test.

    Attributes
    ----------
    false_alarm : float
        False-alarm rate of the test.
    lines : list of str
        What each assertion found, and what it could have detected.
    asked : int
        Number of assertions that took a part of the rate.
    """

    __test__ = False

    false_alarm: float
    lines: list[str] = field(default_factory=list)
    asked: int = 0

    def next_rate(self) -> float:
        """Return the part of the next assertion, number k: 6 / (pi k)² of the rate. All parts sum to the rate."""
        self.asked += 1
        return self.false_alarm * 6 / (math.pi * self.asked) ** 2


CURRENT: ContextVar[TestRecord | None] = ContextVar("bnstats_test", default=None)
"""Record of the test that runs; None outside a suite with a rate."""


def rate_of(given: float | None) -> float:
    """Return the false-alarm rate of an assertion: the one given, its part of the suite's, or FALSE_ALARM."""
    if given is not None:
        return given
    record = CURRENT.get()
    return FALSE_ALARM if record is None else record.next_rate()


def note(line: str) -> None:
    """Record what an assertion found."""
    record = CURRENT.get()
    if record is not None:
        record.lines.append(line)

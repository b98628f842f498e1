"""Frame of sequential assertions: a look at the draws so far, its verdict, and what is raised."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bnstats._checks.numbers import interval
from bnstats.testing.suite import note

false_alarm_rate = interval("(0, 0.5)", "a probability")
"""Argument check for the error rate of a verdict."""


class InsufficientPower(AssertionError):  # noqa: N818, it says that a test has no power, not that something is wrong
    """Failure of a test that has too few draws to decide its claim.

    The message says what would decide the claim, such as a larger `max_draws` or another tolerance.
    """


@dataclass(frozen=True)
class Look:
    """Verdict of an assertion at a look at its draws.

    Attributes
    ----------
    verdict : bool or None
        True if the claim is true, False if it is false, None if the draws do not decide.
    said : callable () -> str
        Sentence on the verdict; without one, on what would decide the claim.
    """

    verdict: bool | None
    said: Callable[[], str]


def decide(looks: Iterable[Look], again: str = "") -> None:
    """Return at the first look at which the claim is true; `again` ends the message of an error.

    Raises
    ------
    AssertionError
        At the first look at which the claim is false.
    InsufficientPower
        If no look decides.
    """
    __tracebackhide__ = True
    for look in looks:
        if look.verdict:
            note(look.said())
            return
        if look.verdict is False:
            raise AssertionError(look.said() + again)
    raise InsufficientPower(look.said() + again)

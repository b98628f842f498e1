"""Claims that a mean, or a quantile, of a random function lies within a distance of a value, judged by bets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bnstats._checks.array_types import FloatArray
from bnstats.testing.own_function import Draws
from bnstats.testing.sequential.bets import reached
from bnstats.testing.sequential.looks import Look


@dataclass(frozen=True)
class Near:
    """Claim that a number lies within a distance of a value.

    Parameters
    ----------
    kind : str
        "mean" or "quantile".
    number : str
        The number, in words.
    draws : Draws
        Values of the function.
    value, within : float
        The claim.
    error : float
        False-alarm rate.
    estimate : callable (values) -> float
        Estimate of the number.
    advice : callable (Near) -> str
        Words on what would decide the claim.
    """

    kind: str
    number: str
    draws: Draws
    value: float
    within: float
    error: float
    estimate: Callable[[FloatArray], float]
    advice: Callable[[Near], str] = lambda _: ""

    def look(self, below: float, above: float, supported: bool, parts: int = 2) -> Look:
        """Return what bets decide.

        Parameters
        ----------
        below, above : float
            Log capital of the bets that the number lies below, or above, all values within the distance.
        supported : bool
            True if bets show that the number lies within the distance. Both of two bets are needed for that, so that
            they do not share the error rate.
        parts : int
            Ways in which a true claim can fail, which share the error rate.
        """
        for side, capital, sign in (("below", below, -1), ("above", above, 1)):
            if reached(capital, self.error / parts):
                return Look(False, partial(self._refuted, side, self.value + sign * self.within))
        return Look(True, self._supported) if supported else Look(None, self._undecided)

    def _refuted(self, side: str, border: float) -> str:
        return (
            f"{self.number} is about {self.estimate(self.draws.values):.5g}, {side} {border:.10g}, from {self.draws.n} "
            f"draws: not within {self.within:g} of {self.value:g} (false alarm {self.error:g})."
        )

    def _supported(self) -> str:
        return (
            f"{self.number} is within {self.within:g} of {self.value:g}: {self.draws.n} draws; a {self.kind} farther "
            f"away would have been found with a probability of {1 - self.error:.10g}"
        )

    def _undecided(self) -> str:
        values = self.draws.values
        return (
            f"{values.size} draws cannot decide that {self.number} is within {self.within:g} of {self.value:g}: the "
            f"estimate is {self.estimate(values):.5g}{self.advice(self)}. Raise max_draws or change within."
        )

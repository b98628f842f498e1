"""Claims: a statement, the region in which it holds, and the evidence that decides it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import ClassVar

from bnstats._checks.arguments import CheckedMethods, checked
from bnstats._checks.numbers import LARGEST_COUNT, interval, number, whole
from bnstats._checks.values import instance, word
from bnstats.claims.evidence import Enumerated, Evidence
from bnstats.claims.interval_methods import Exact, IntervalMethod

SUPPORTED, REFUTED, UNDECIDED = "supported", "refuted", "undecided"
VERDICTS = MappingProxyType({verdict: verdict for verdict in (SUPPORTED, REFUTED, UNDECIDED)})
SIGNS = MappingProxyType({SUPPORTED: "the same here", REFUTED: "opposite here", UNDECIDED: "undecided here"})
"""Verdicts of published signs; an opposite sign in small networks refutes no published measurement."""
_end = interval("[-inf, inf]")


@checked(low=_end, high=_end)
@dataclass(frozen=True)
class Region(CheckedMethods):
    """Closed interval of values for which a claim is true.

    Attributes
    ----------
    low, high : float
        Ends of the region, in the unit of the quantity; infinite if the region is open on that side.

    Raises
    ------
    ValueError
        If `low` is above `high`, or if both are infinite.

    Examples
    --------
    >>> Region.above(0.9), Region.near(0.5, 0.01)
    (Region(low=0.9, high=inf), Region(low=0.49, high=0.51))
    """

    checks: ClassVar = {"low": number, "high": number, "value": number, "margin": interval("[0, inf)")}

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not self.low <= self.high or (math.isinf(self.low) and math.isinf(self.high)):
            raise ValueError(
                f"a region has low at most high, and leaves values out on at least one side; got {self.low} to "
                f"{self.high}."
            )

    @staticmethod
    def above(low: float) -> Region:
        """Return the region of all values of at least `low`.

        Parameters
        ----------
        low : float
            Lower end, in the unit of the quantity.

        Returns
        -------
        Region
            Region from `low` to infinity.
        """
        return Region(low=low)

    @staticmethod
    def below(high: float) -> Region:
        """Return the region of all values of at most `high`.

        Parameters
        ----------
        high : float
            Upper end, in the unit of the quantity.

        Returns
        -------
        Region
            Region from minus infinity to `high`.
        """
        return Region(high=high)

    @staticmethod
    def near(value: float, margin: float) -> Region:
        """Return the region of all values at most `margin` away from `value`, in the unit of the quantity.

        Parameters
        ----------
        value : float
            Center of the region, in the unit of the quantity.
        margin : float
            Distance of the ends from the center, above 0.

        Returns
        -------
        Region
            Region from `value` - `margin` to `value` + `margin`.
        """
        return Region(value - margin, value + margin)

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"at least {self.low:g}"
        return f"at most {self.high:g}" if math.isinf(self.low) else f"{self.low:g} to {self.high:g}"


@checked(
    identifier=word,
    statement=word,
    source=word,
    quantity=word,
    region=partial(instance, required=Region, example="bn.claims.Region.above(0.5)"),
    interval_method=partial(instance, required=IntervalMethod, example="bn.claims.Proportion()"),
    evidence=partial(instance, required=Evidence, example="bn.claims.Enumerated(cases)"),
    max_replicates=partial(whole, minimum=1, maximum=LARGEST_COUNT),
)
@dataclass(frozen=True)
class Claim:
    """Statement that evidence supports, refutes or leaves undecided; see `bnstats.check_claims`.

    Attributes
    ----------
    identifier : str
        Short unique name, such as "zero-means-more-at-3".
    statement : str
        Statement in plain words, true or false.
    source : str
        Origin of the statement: a sentence of the question, an answer or a published table.
    quantity : str
        Measured quantity; the claim is about its expectation.
    region : Region
        Values of the quantity for which the statement is true.
    interval_method : IntervalMethod
        Method that gives a valid interval for the quantity.
    evidence : Evidence
        Source of independent replicates of the quantity.
    max_replicates : int
        Maximum number of replicates, rounded up to whole blocks.
    words : mapping
        Words of the ledger for "supported", "refuted" and "undecided".

    Raises
    ------
    ValueError
        If `Exact()` is given for evidence that is drawn, or if no value of the quantity could refute or support the
        claim.

    Examples
    --------
    >>> import numpy as np
    >>> from bnstats.claims.evidence import BatchStatistic
    >>> from bnstats.claims.interval_methods import Proportion
    >>> claim = Claim(
    ...     "three-fair-coins",
    ...     "Three fair coins show the same face one time in four.",
    ...     "the docstring",
    ...     "chance that all are above 0, or all below",
    ...     Region.near(0.25, 0.01),
    ...     Proportion(),
    ...     BatchStatistic("normal", 3, lambda x: abs(np.sign(x).sum(axis=1)) == 3).evidence,
    ... )
    >>> from bnstats.claims.ledger import check_claims
    >>> check_claims([claim]).table["verdict"].tolist()
    ['supported']
    """

    identifier: str
    statement: str
    source: str
    quantity: str
    region: Region
    interval_method: IntervalMethod
    evidence: Evidence
    max_replicates: int = 2**17
    words: ClassVar[Mapping[str, str]] = VERDICTS

    def __post_init__(self) -> None:
        if isinstance(self.interval_method, Exact) and not isinstance(self.evidence, Enumerated):
            raise ValueError(
                f"claim {self.identifier!r}: Exact() takes bn.claims.Enumerated(cases), all cases and none drawn; got "
                f"{type(self.evidence).__name__}. Give Enumerated, or an interval_method that is valid for drawn "
                "replicates."
            )
        low, high = self.interval_method.range
        inside = max(low, self.region.low), min(high, self.region.high)
        if inside[0] > inside[1] or inside == (low, high):
            never = "false" if inside == (low, high) else "true"
            raise ValueError(
                f"claim {self.identifier!r} cannot be {never}: its quantity lies from {low:g} to {high:g}, its region "
                f"is {self.region}; give a region that contains some of these values and not all."
            )

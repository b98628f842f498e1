"""Ledger of claims whose verdicts are all right together with a known probability."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import pandas as pd

from bnstats._checks.numbers import LARGEST_COUNT, probability, seed, whole
from bnstats._checks.terminal import printable
from bnstats._checks.values import named, optional, several
from bnstats.claims.claim import SIGNS, UNDECIDED, VERDICTS, Claim
from bnstats.claims.evidence_blocks import draw_evidence
from bnstats.claims.interval_methods import BY_ALGEBRA
from bnstats.claims.registry import CLAIMS
from bnstats.claims.sequential_test import SequentialTest
from bnstats.plots.page import NO_MARKUP
from bnstats.simulation.options import WorkerOptions, worker_options

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FALSE_VERDICTS = 1e-3


@dataclass(frozen=True)
class Ledger:
    """Table of claims with the verdicts that the evidence gives.

    Attributes
    ----------
    table : DataFrame
        Claims with their verdicts; `check_claims` describes the columns.
    false_verdicts : float
        Upper bound of the probability that any verdict is wrong.

    Examples
    --------
    >>> check_claims("zero-at-3")
    1 claim by algebra: 1 supported, 0 refuted.
    Any of the verdicts is wrong with a probability of at most 0.001.
    """

    table: pd.DataFrame
    false_verdicts: float

    def summary(self) -> str:
        """Return the counts of verdicts, and each claim with its estimate, its interval and its verdict.

        Returns
        -------
        str
            A line for each kind of claim, the error rate of the verdicts, and a line for each claim.

        Examples
        --------
        >>> print(check_claims("zero-at-3").summary())
        1 claim by algebra: 1 supported, 0 refuted.
        Any of the verdicts is wrong with a probability of at most 0.001.
        supported: In batches of 3, a 0 stands for grades more than a letter apart one time in five or more. Estimate
        0.2207 (computed); true if at least 0.2.
        """
        rows: Iterable[Any] = self.table.itertuples()
        return "\n".join([repr(self), *(printable(_in_words(row)) for row in rows)])

    def plot(self) -> Figure:
        """Draw each claim's interval about its region's edge, in minimum detectable departures.

        Returns
        -------
        matplotlib.figure.Figure
            Figure with one row for each claim.
        """
        from bnstats.plots.ledger import ledger

        return ledger(self.table)

    def __repr__(self) -> str:
        chance = f"Any of the verdicts is wrong with a probability of at most {self.false_verdicts:g}."
        return "\n".join([*counts(self.table), chance])

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format=lambda x: f"{x:.4g}", classes=NO_MARKUP))


def _in_words(row: Any) -> str:
    """Return a claim of the ledger, and the replicates that would decide it if it is undecided."""
    interval = "computed" if row.interval_method == BY_ALGEBRA else f"{row.low:.4g} to {row.high:.4g}"
    found = f"Estimate {row.estimate:.4g} ({interval}); true if {row.region}"
    if not math.isnan(row.replicates_needed):
        found += f"; about {row.replicates_needed:.3g} replicates are needed, there were {row.replicates}"
    return f"{row.verdict}: {row.statement} {found}."


def counts(table: pd.DataFrame) -> list[str]:
    """Return a sentence for each kind of claim in the table, with the count of each verdict.

    >>> table = pd.DataFrame({"interval_method": ["bounded", "by algebra"], "verdict": ["refuted", "supported"]})
    >>> counts(table)
    ['1 claim by evidence: 0 supported, 1 refuted, 0 undecided.', '1 claim by algebra: 1 supported, 0 refuted.']
    """
    sign = table["verdict"].isin(SIGNS.values())
    algebra = (table["interval_method"] == BY_ALGEBRA) & ~sign
    kinds: tuple[tuple[str, pd.Series, Mapping[str, str]], ...] = (
        ("claim{} by evidence", ~algebra & ~sign, VERDICTS),
        ("claim{} by algebra", algebra, VERDICTS),
        ("published sign{}", sign, SIGNS),
    )
    return [_counted(name, table[chosen], words) for name, chosen, words in kinds if chosen.any()]


def _counted(name: str, table: pd.DataFrame, words: Mapping[str, str]) -> str:
    found = table["verdict"].value_counts()
    # A computed claim is undecided only without any evidence.
    said = [word for word in words.values() if found.get(word, 0) or not (word == UNDECIDED and "algebra" in name)]
    plural = "" if len(table) == 1 else "s"
    return f"{len(table)} {name.format(plural)}: {', '.join(f'{found.get(word, 0)} {word}' for word in said)}."


def undecided(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of undecided claims and undecided published signs."""
    return table[table["verdict"].isin((UNDECIDED, SIGNS[UNDECIDED]))]


@worker_options
def check_claims(
    claims: str | Claim | Iterable[str | Claim] | None = None,
    *,
    false_verdicts: float = FALSE_VERDICTS,
    max_replicates: int | None = None,
    **options: Unpack[WorkerOptions],
) -> Ledger:
    """Judge claims by evidence that is drawn until it decides them.

    A claim is supported once the interval of its quantity lies inside its region, and refuted once the interval lies
    outside. A claim is undecided if neither has happened after its maximum number of replicates. The probability of any
    wrong verdict is at most `false_verdicts`. This error rate is split over the claims. It is also split over the looks
    if the interval method is not valid at all looks together. Without evidence the interval is the whole line, so that
    missing data decide no claim.

    Parameters
    ----------
    claims : str, Claim or sequence of str or Claim, optional
        Identifiers in `bnstats.claims.CLAIMS`, or claims; by default all of `CLAIMS`.
    false_verdicts : float
        Upper bound of the probability that any verdict is wrong. For the interval method "moment", this bound rests on
        an approximation.
    max_replicates : int, optional
        Maximum number of replicates for each claim; by default, each claim's own maximum.
    **options : WorkerOptions

    Returns
    -------
    Ledger
        Verdicts. `table` has one row per claim; numbers other than counts are in the unit of the claim's quantity:

        - `claim`, `statement`, `source`, `quantity`: texts of the claim.
        - `scope`: data and networks of the evidence.
        - `interval_method`: method of the interval; "by algebra" if all cases are computed.
        - `region`: values of the quantity for which the claim is true.
        - `estimate`: mean of the replicates.
        - `low`, `high`: ends of the interval. With probability 1 - `false_verdicts`, the intervals of all rows contain
          their quantities.
        - `replicates`: number of replicates.
        - `verdict`: supported, refuted or undecided; for a published sign: the same here, opposite here or undecided
          here.
        - `min_detectable`: width of the interval. A quantity farther than this outside the region would have been
          detected, for replicates with the same spread.
        - `replicates_needed`: number of replicates that would decide an undecided claim; NaN for other claims.

    Raises
    ------
    ValueError
        If an argument is not valid, or if the interval method of a claim does not allow its replicates. With a store,
        if an object in the evidence has no stable identity.
    BlockError
        If a study fails.
    WorkersLostError
        If workers were lost. Finished blocks stay in the store.
    OSError
        If the store cannot be written. Its contents are kept.

    Examples
    --------
    >>> ledger = check_claims(["variance-biased", "zero-at-3"])
    >>> ledger.table[["claim", "interval_method", "verdict"]].values.tolist()
    [['variance-biased', 'moment', 'supported'], ['zero-at-3', 'by algebra', 'supported']]
    >>> check_claims("zero-at-3", max_replicates=0).table["verdict"].item()
    'undecided'
    """
    chosen = chosen_claims(claims)
    error = probability("false_verdicts", false_verdicts) / len(chosen)
    max_replicates = optional(partial(whole, minimum=0, maximum=LARGEST_COUNT))("max_replicates", max_replicates)
    limit = math.inf if max_replicates is None else max_replicates
    tests = [SequentialTest(claim, error, int(min(limit, claim.max_replicates))) for claim in chosen]
    given: dict[str, Any] = {**options, "seed": seed("seed", options["seed"])}
    draw_evidence(tests, **given)
    return Ledger(pd.DataFrame([_row(test) for test in tests]), false_verdicts)


def chosen_claims(claims: Any) -> list[Claim]:
    """Return the claims to judge; raise ValueError if none is given or an identifier occurs twice."""
    if claims is None:
        claims = CLAIMS.values()
    given = several("claims", claims)
    found = [c if isinstance(c, Claim) else named("claim", c, CLAIMS, "a bn.claims.Claim") for c in given]
    identifiers = [claim.identifier for claim in found]
    double = {name for name in identifiers if identifiers.count(name) > 1}
    if double or not found:
        raise ValueError(f"claims has at least one claim, each with an identifier of its own; got {identifiers}.")
    return found


def _row(test: SequentialTest) -> dict[str, Any]:
    claim, (low, high) = test.claim, test.interval
    return {
        "claim": claim.identifier,
        "statement": claim.statement,
        "source": claim.source,
        "quantity": claim.quantity,
        "scope": claim.evidence.scope,
        "interval_method": claim.interval_method.name,
        "region": str(claim.region),
        "estimate": float(test.values.mean()) if test.values.size else math.nan,
        "low": low,
        "high": high,
        "replicates": test.values.size,
        "verdict": claim.words[test.verdict],
        "min_detectable": high - low,
        "replicates_needed": test.needed(),
    }

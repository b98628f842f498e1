"""Assertion about a quantile of a random function of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import interval, number, probability
from bnstats.testing.own_function import CHECKS, MAX_DRAWS, Draws
from bnstats.testing.sequential.bets import Border, BoundedBets, reached
from bnstats.testing.sequential.looks import Look, decide
from bnstats.testing.sequential.near import Near
from bnstats.testing.suite import rate_of


@checked(**CHECKS, q=probability, value=number, within=interval("(0, inf)", "a distance"))
def assert_quantile(
    f: Callable[..., Any],
    q: float,
    value: float,
    *,
    within: float,
    false_alarm: float | None = None,
    seed: int = 0,
    max_draws: int = MAX_DRAWS,
) -> None:
    """Assert that a quantile of a random function is near a value, without any further assumption.

    The quantile lies within the distance if values below `value - within` have a probability of less than `q`, and
    values up to `value + within` one of more than `q`. Two bets decide that, at every look; tails play no part.

    Parameters
    ----------
    f : callable
        Function f(rng), which returns one number, or f(rng, size), which returns `size` independent numbers.
    q : float
        Probability below the quantile; 0.5 for the median.
    value : float
        Quantile that is claimed.
    within : float
        Largest distance of the quantile from `value` for which the claim is true, in the unit of `f`.
    false_alarm : float, optional
        Upper bound of the probability that a true claim fails, and of the probability that a false claim passes; see
        `assert_mean`.
    seed : int
        Seed of the random draws.
    max_draws : int
        Maximum number of values to draw.

    Raises
    ------
    AssertionError
        If the quantile is farther than `within` from `value`.
    InsufficientPower
        If `max_draws` values cannot decide the claim.

    Examples
    --------
    >>> assert_quantile(lambda rng: rng.standard_cauchy(), 0.5, 0.0, within=0.3)
    >>> assert_quantile(lambda rng, size: rng.standard_cauchy(size), 0.5, 1.0, within=0.3)
    Traceback (most recent call last):
    AssertionError: the 0.5-quantile of <lambda> is about ..., below 0.7, from ... draws: not within 0.3 of 1
    (false alarm 1e-06).
    """
    __tracebackhide__ = True
    draws, estimate = Draws(f, seed), partial(np.quantile, q=q)
    near = Near("quantile", f"the {q:g}-quantile of {draws.name}", draws, value, within, rate_of(false_alarm), estimate)
    decide(_looks(near, q, max_draws))


def _looks(near: Near, q: float, max_draws: int) -> Iterator[Look]:
    """Yield looks at bets on the proportions of values below the distance, and of those up to its end."""
    low, high = Border(q), Border(q)
    below, up_to = BoundedBets((low,)), BoundedBets((high,))
    for x in near.draws.looks(max_draws):
        below.add((x < near.value - near.within).astype(float))
        up_to.add((x <= near.value + near.within).astype(float))
        yield near.look(low.above, high.below, reached(low.below, near.error) and reached(high.above, near.error))

"""Assertion about a quantile of a random function of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import interval, number, probability
from bnstats._checks.numbers import seed as checked_seed
from bnstats._checks.values import optional
from bnstats.testing.bets import Border, BoundedBets, reached
from bnstats.testing.claims import InsufficientPower, false_alarm_rate
from bnstats.testing.mean import MAX_DRAWS, max_draws_of
from bnstats.testing.own_function import Draws, random_function
from bnstats.testing.suite import note, rate_of


@checked(
    f=random_function,
    q=probability,
    value=number,
    within=interval("(0, inf)", "a distance"),
    false_alarm=optional(false_alarm_rate),
    seed=checked_seed,
    max_draws=max_draws_of,
)
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
    error, draws = rate_of(false_alarm), Draws(f, seed)
    low, high = Border(q), Border(q)
    below, up_to = BoundedBets((low,)), BoundedBets((high,))
    what, held = f"the {q:g}-quantile of {draws.name}", list[FloatArray]()
    for x in draws.looks(max_draws):
        held.append(x)
        below.add((x < value - within).astype(float))
        up_to.add((x <= value + within).astype(float))
        for found, side, border in ((low.above, "below", value - within), (high.below, "above", value + within)):
            if reached(found, error / 2):
                raise AssertionError(
                    f"{what} is about {np.quantile(np.concatenate(held), q):.5g}, {side} {border:.10g}, from {draws.n} "
                    f"draws: not within {within:g} of {value:g} (false alarm {error:g})."
                )
        if reached(low.below, error) and reached(high.above, error):
            note(
                f"{what} is within {within:g} of {value:g}: {draws.n} draws; a quantile farther away would have been "
                f"found with a probability of {1 - error:.10g}"
            )
            return
    raise InsufficientPower(
        f"{draws.n} draws cannot decide that {what} is within {within:g} of {value:g}: the estimate is "
        f"{np.quantile(np.concatenate(held), q):.5g}. Raise max_draws or change within."
    )

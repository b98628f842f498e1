"""Assertion that an estimator is unbiased, to within a tolerance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import LARGEST_COUNT, interval, whole
from bnstats._checks.numbers import batch_size as sizes_of_batches
from bnstats.sampling.batching import IID, Batching
from bnstats.simulation.precision.degrees_of_freedom import of_mean
from bnstats.simulation.precision.looks import sizes_at_looks
from bnstats.simulation.replicates.central_moments import merge_moments
from bnstats.simulation.replicates.tally import Tally
from bnstats.statistics import theory
from bnstats.statistics.estimators import Estimator
from bnstats.studies.convergence.finite_sample_tail_index import finite_sample_tail_index
from bnstats.testing.claims import CHECKS, EstimatorClaim, surplus
from bnstats.testing.error_bounds import quantile
from bnstats.testing.sequential.looks import Look, decide

# Number of estimates that are searched for NaN.
PROBED = 1024
# Number of estimates at the first look, large enough for their mean to be normal; it doubles from look to look.
FIRST_LOOK_ESTIMATES = 4096


@checked(**CHECKS, tolerance=interval("(0, inf)", "a bias that counts as none"), batch_size=sizes_of_batches)
def assert_unbiased(
    estimator: str | Estimator | Callable[..., Any],
    population: Any,
    *,
    to: float | None = None,
    tolerance: float,
    batch_size: int,
    batching: Batching = IID(),
    false_alarm: float = 1e-6,
    seed: int = 0,
    max_draws: int = 2**27,
) -> None:
    """Assert that the expectation of an estimate from one batch is `to`, within `tolerance`.

    Replicates double until an interval of the bias lies within the tolerance, or outside it. The error rates are split
    over the looks, whose number is fixed beforehand. They hold as far as a mean of 4096 or more estimates is normal.

    Parameters
    ----------
    estimator : str, Estimator or callable
        Name of an estimator, an estimator, or a function (x, axis) that reduces `axis` of an array.
    population : str, Population or any source that `Population.of` takes
        Population that the values are drawn from.
    to : float, optional
        Target of the estimates. By default the population's own value, which is known for all estimators except plain
        functions.
    tolerance : float
        Largest bias for which the claim is true, in the unit of the estimate.
    batch_size : int
        Number of values in a batch.
    batching : Batching
        Rule by which batches are drawn; by default, values are independent.
    false_alarm : float
        Upper bound of the probability that a true claim fails, and of the probability that a false claim passes.
    seed : int
        Seed of the random draws.
    max_draws : int
        Maximum number of values to draw.

    Raises
    ------
    AssertionError
        If the bias exceeds the tolerance.
    InsufficientPower
        If `max_draws` values cannot decide the claim; the message gives a sufficient number.
    ValueError
        If an argument is not valid or the variance of the estimates is infinite; nothing is drawn then.

    Examples
    --------
    >>> assert_unbiased("var_unbiased", "exponential", tolerance=0.02, batch_size=10)
    >>> assert_unbiased("var", "exponential", tolerance=0.02, batch_size=10)
    Traceback (most recent call last):
    AssertionError: var of a batch of 10 from exponential has a bias of -0.1..., interval -0.1... to -0.0... from 4096
    replicates: not within 0.02 of 0 (false alarm 1e-06).
    Reproduce: bn.testing.assert_unbiased('var', 'exponential', tolerance=0.02, batch_size=10)
    """
    arguments = dict(locals())
    __tracebackhide__ = True
    max_draws = whole("max_draws", max_draws, minimum=FIRST_LOOK_ESTIMATES * batch_size, maximum=LARGEST_COUNT)
    arguments |= {"max_draws": max_draws}
    claimed = EstimatorClaim.of(assert_unbiased, arguments, (-tolerance, tolerance), f"not within {tolerance:g} of 0")
    _check_variance(claimed, batch_size, max_draws // batch_size)
    doublings = int(math.log2(max_draws // batch_size / FIRST_LOOK_ESTIMATES))
    sizes = sizes_at_looks(FIRST_LOOK_ESTIMATES, FIRST_LOOK_ESTIMATES << doublings)
    looks = _looks(claimed, claimed.estimates(sizes, batch_size, seed), false_alarm / len(sizes), batch_size)
    decide(looks, claimed.again)


def _looks(claimed: EstimatorClaim, estimates: Any, error: float, n: int) -> Iterator[Look]:
    """Yield the bias of all replicates so far."""
    moments = np.zeros(5)
    for total, new in estimates:
        for values in new:
            tally = Tally.of({"estimate": values}, [claimed.target], histogram=False)
            moments = merge_moments(moments, tally.moments[:, 0])
        bias, margin = _interval(moments, error)
        found = (
            f"{claimed.estimator.name} of a batch of {n} from {claimed.source.name} has a bias of {bias:.4g}, interval "
            f"{bias - margin:.4g} to {bias + margin:.4g} from {total} replicates"
        )
        undecided = partial(_undecided, found, bias, margin, claimed.region[1], total, n)
        yield claimed.look((bias - margin, bias + margin), found, undecided)


def _check_variance(claimed: EstimatorClaim, n: int, replicates: int) -> None:
    estimator, source, batching = claimed.estimator, claimed.source, claimed.batching
    infinite = math.isinf(theory.sampling(source, n, estimator, batching).se)
    if infinite or finite_sample_tail_index(source, batching, estimator, n, replicates) <= 2:
        estimates = np.concatenate([*claimed.drawn(np.random.default_rng(0), PROBED, n)])
        nans = int(np.isnan(estimates).sum())
        if nans:
            raise ValueError(
                f"{estimator.name} is NaN for {nans} of {estimates.size} batches of {n} from {source.name}, so it has "
                "no bias; return a number for these batches, too, or take larger batches."
            )
        raise ValueError(
            f"{estimator.name} of batches of {n} from {source.name} has tails too heavy for a standard error of its "
            "bias: take larger batches, or assert_converges, which needs no moments."
        )


def _interval(moments: np.ndarray[Any, Any], error: float) -> tuple[float, float]:
    """Return the bias and half the width of its interval; the width is inf if all estimates are equal."""
    n, mean, squares = (float(m) for m in moments[:3])
    if squares == 0 or not math.isfinite(squares):
        return mean, math.inf
    third, fourth = (float(m) / n for m in moments[3:])
    df = of_mean(n, third / (squares / n) ** 1.5, fourth / (squares / n) ** 2)
    return mean, float(quantile(error, np.array(df))) * math.sqrt(squares / (n - 1) / n)


def _undecided(found: str, bias: float, margin: float, tolerance: float, replicates: int, batch_size: int) -> str:
    times = surplus(bias, margin, tolerance)
    if math.isfinite(times):
        looks = math.ceil(math.log2(replicates * times / FIRST_LOOK_ESTIMATES))
        advice = f"Change tolerance, or raise max_draws to {(FIRST_LOOK_ESTIMATES << looks) * batch_size}"
    else:
        advice = "All estimates are the same, or infinite: no number of draws shows how often other values occur"
    return f"{found}: that neither lies within {tolerance:g} of 0 nor outside. {advice}."

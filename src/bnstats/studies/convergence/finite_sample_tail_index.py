"""Finite-sample tail index of estimates, which says whether a Monte Carlo error can be trusted."""

from __future__ import annotations

import numpy as np
from scipy import stats

from bnstats.sampling.batching import Batching
from bnstats.sampling.populations import Population
from bnstats.sampling.tails import largest_proportion, shortest_interval
from bnstats.statistics.estimators import Estimator
from bnstats.statistics.outlier_sensitivity import crowding_power, outlier_powers

# An event that is expected at least this often in all replicates is well represented in the estimates.
SEEN_TIMES = 100
# An event that is expected less often than this can be neglected, whatever the size of its effect.
NEGLIGIBLE_TIMES = 1e-9


def visible_index_of_values(population: Population, batching: Batching, n: int, replicates: int) -> float:
    """Return the finite-sample tail index of the values in `replicates` batches of n."""
    draws = replicates * batching.independent_draws(population, n)
    return batching.source(population).local_tail_index(1 / draws)


def finite_sample_tail_index(
    population: Population, batching: Batching, estimator: Estimator, n: int, replicates: int
) -> float:
    """Return the finite-sample tail index of the estimates from `replicates` batches of n.

    A tail is heavy for two reasons. The first is outliers of the population. The second is batches of nearly equal
    values, if the estimator divides by their spread: too rare to occur among the replicates, too large to be neglected.
    """
    source, values = batching.source(population), visible_index_of_values(population, batching, n, replicates)
    if estimator.order is not None:
        outliers = values / estimator.order if estimator.order > 0 else np.inf
        power = 0.0 if estimator.eps is None else 1.0
    else:
        powers = outlier_powers(estimator, n)
        outliers = min((m * values / power for m, power in enumerate(powers, start=1) if power > 0), default=np.inf)
        power = crowding_power(estimator, n)
    if power == 0:
        return outliers
    return min(outliers, _crowding(source, batching, estimator.eps or 0.0, n, replicates) / power)


def _crowding(source: Population, batching: Batching, eps: float, n: int, replicates: int) -> float:
    """Return the tail index of 1 / sqrt(variance + eps).

    If a value lies within h of the densest place with a probability that falls as h^a, all n values do with a
    probability that falls as h^(n a). Anywhere else, all n values lie within h of each other with a probability that
    falls as h^(n - 1).
    """
    equal = batching.chance_all_equal(source, n)
    draws = batching.fewest_draws(n, 1 / replicates)
    if np.isnan(equal) or np.isnan(draws):  # nothing is known of a user's rule
        return 1.0
    if eps > 0:
        crowded = largest_proportion(source.ordered, 2 * np.sqrt(eps)) ** draws
        chance = max(equal, crowded, float(stats.chi2.cdf(n * eps / source.var, n - 1)))
        # Harmless if the mean square that it adds is small beside the MCSE of the mean square of 1 / sqrt(variance).
        harmless = chance / eps < 0.1 / np.sqrt(replicates) / (2 * n * source.var)
        if replicates * chance > SEEN_TIMES or harmless:
            return np.inf
    if replicates * equal > NEGLIGIBLE_TIMES:
        return 1.0
    return min(draws - 1.0, draws * _crowding_exponent(source, replicates ** (-1 / draws)))


def _crowding_exponent(source: Population, chance: float) -> float:
    """Return the exponent a of `_crowding`, for the shortest interval with this proportion of the values."""
    wide, narrow = (shortest_interval(source.ordered, proportion) for proportion in (chance, chance / 2))
    if narrow == 0:
        return 0.0
    return float(np.log(2) / np.log(wide / narrow)) if wide > narrow else np.inf

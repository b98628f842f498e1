"""False alarms of simulated test suites: how often one of six true assertions fails, against the rate of the suite.

    python -m benchmarks.suites --suites 10000 --rate 0.01

All claims are true at their borders, where a false alarm is most likely: a coin, a rare event, a skewed bounded value,
a normal value, a Pareto value of tail index 2.1, whose variance is finite, and the median of Cauchy values.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

from scipy.stats import binomtest

from benchmarks import campaigns
from bnstats.testing import InsufficientPower, assert_mean, assert_probability, assert_quantile
from bnstats.testing.suite import CURRENT, TestRecord

MAX_DRAWS = 96
TAIL = 2.1
PARETO_MEAN, PARETO_VARIANCE = 1 / (TAIL - 1), TAIL / ((TAIL - 1) ** 2 * (TAIL - 2))
WITHIN = 0.3 * math.sqrt(PARETO_VARIANCE)


def coin(rng: Any, size: int) -> Any:
    return rng.random(size) < 0.6


def rare(rng: Any, size: int) -> Any:
    return (rng.random(size) < 0.01).astype(float)


def skewed(rng: Any, size: int) -> Any:
    return rng.beta(0.2, 0.6, size)


def normal(rng: Any, size: int) -> Any:
    return rng.normal(size=size)


def pareto(rng: Any, size: int) -> Any:
    return rng.pareto(TAIL, size)


def cauchy(rng: Any, size: int) -> Any:
    return rng.standard_cauchy(size)


ASSERTIONS: tuple[Callable[[int], None], ...] = (
    lambda seed: assert_probability(coin, 0.65, within=0.05, seed=seed, max_draws=MAX_DRAWS),
    lambda seed: assert_mean(rare, 0.06, within=0.05, bounds=(0, 1), seed=seed, max_draws=MAX_DRAWS),
    lambda seed: assert_mean(skewed, 0.2, within=0.05, bounds=(0, 1), seed=seed, max_draws=MAX_DRAWS),
    lambda seed: assert_mean(normal, 0.3, within=0.3, variance=1.0, seed=seed, max_draws=MAX_DRAWS),
    lambda seed: assert_mean(
        pareto, PARETO_MEAN - WITHIN, within=WITHIN, variance=PARETO_VARIANCE, seed=seed, max_draws=MAX_DRAWS
    ),
    lambda seed: assert_quantile(cauchy, 0.5, 0.3, within=0.3, seed=seed, max_draws=MAX_DRAWS),
)


def fails(seed: int, rate: float) -> bool:
    """Run a suite of one test for each assertion; return True if one of them fails."""
    for assertion in ASSERTIONS:
        token = CURRENT.set(TestRecord(rate / len(ASSERTIONS)))
        try:
            assertion(seed)
        except InsufficientPower:
            pass
        except AssertionError:
            return True
        finally:
            CURRENT.reset(token)
    return False


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=0.01)
    campaigns.add_to(parser)
    given = parser.parse_args(arguments)
    start = time.perf_counter()
    alarms = sum(fails(seed, given.rate) for seed in range(given.suites))
    p = binomtest(alarms, given.suites, given.rate, alternative="greater").pvalue
    print(f"{alarms} of {given.suites} suites failed at a rate of {given.rate:g}, {time.perf_counter() - start:.0f} s")
    command = f"python -m benchmarks.suites --suites {given.suites} --rate {given.rate:g}"
    row = {"command": command, "suites": given.suites, "rate": given.rate, "alarms": alarms, "p_value": float(p)}
    campaigns.save(given.to, [row])


if __name__ == "__main__":
    main()

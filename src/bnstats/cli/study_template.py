"""Study of a method: its bias, how often its interval holds the truth, how often its test rejects it.

Run it: python NAME.py, and test it: pytest NAME.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

import bnstats as bn

TRUTH = 1.0
# Summaries of each measure. Delete the measures that your method does not have, here and in `analyze`.
SUMMARIES: dict[str, tuple[str, ...]] = {
    "estimate": ("bias", "se"),
    "covered": ("coverage",),
    "width": ("mean",),
    "rejected": ("rejection_rate",),
}


def generate(condition: Any, rng: np.random.Generator) -> Any:
    """Return the data of one replicate: n values of a skewed law with mean TRUTH."""
    return rng.exponential(TRUTH, condition["n"])


def analyze(x: Any) -> dict[str, float]:
    """Return the measures of your method; here the mean, with the interval and the t test of Student."""
    estimate, se = x.mean(), x.std(ddof=1) / len(x) ** 0.5
    if se == 0:
        raise bn.exceptions.ReplicateFailed("all values are equal")
    half = stats.t.ppf(0.975, len(x) - 1) * se
    p_value = 2 * stats.t.sf(abs(estimate - TRUTH) / se, len(x) - 1)
    return {
        "estimate": estimate,
        "covered": estimate - half <= TRUTH <= estimate + half,
        "width": 2 * half,
        "rejected": p_value < 0.05,
    }


@dataclass(frozen=True)
class MethodStudy(bn.Study):
    """Conditions, and the measures of each replicate."""

    sizes: tuple[int, ...] = (5, 20, 80)
    summaries = tuple(dict.fromkeys(sum(SUMMARIES.values(), ())))

    def conditions(self) -> Sequence[Any]:
        return [{"n": n} for n in self.sizes]

    def size(self, condition: Any) -> int:
        return 100

    def simulate_one(self, condition: Any, rng: np.random.Generator) -> Any:
        return analyze(generate(condition, rng))

    def summaries_of(self, condition: Any, key: Any) -> tuple[str, ...]:
        return SUMMARIES[key]

    def target(self, condition: Any, key: Any) -> float:
        return TRUTH if key == "estimate" else 0.0


def summarize(max_replicates: int = 2000) -> Any:
    """Return the result; `.table` has each number with its Monte Carlo standard error."""
    return bn.run(MethodStudy(), max_replicates=max_replicates, max_failures=0.1)


def test_large_batches_have_the_nominal_rates() -> None:
    """Check that rates at n = 80 are nominal: within 3 points and four standard errors (false alarms below 1e-4)."""
    rows = summarize(1000).table.query("n == 80").set_index("summary")
    for summary, nominal in {"coverage": 0.95, "rejection_rate": 0.05}.items():
        assert abs(rows["value"][summary] - nominal) < 0.03 + 4 * rows["mcse"][summary]


if __name__ == "__main__":
    result = summarize()
    print(result.summary())
    result.table.to_csv("NAME.csv", index=False)
    result.plot().savefig("NAME.png")

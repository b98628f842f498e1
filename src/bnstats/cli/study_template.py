"""Study of an interval: how often does it hold the truth? Run it: python NAME.py, and test it: pytest NAME.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

import bnstats as bn

TRUTH = 1.0


def generate(condition: Any, rng: np.random.Generator) -> Any:
    """Return the data of one replicate: n values of a skewed law with mean TRUTH."""
    return rng.exponential(TRUTH, condition["n"])


def analyze(x: Any) -> tuple[float, float, float]:
    """Return estimate and interval of your method; here the mean with Student's interval of 95 %."""
    se = x.std(ddof=1) / len(x) ** 0.5
    if se == 0:
        raise bn.exceptions.ReplicateFailed("all values are equal")
    half = stats.t.ppf(0.975, len(x) - 1) * se
    return x.mean(), x.mean() - half, x.mean() + half


@dataclass(frozen=True)
class IntervalStudy(bn.Study):
    """Conditions, and what is kept of each replicate."""

    sizes: tuple[int, ...] = (5, 20, 80)
    summaries = ("bias", "se", "coverage", "mean")

    def conditions(self) -> Sequence[Any]:
        return [{"n": n} for n in self.sizes]

    def size(self, condition: Any) -> int:
        return 100

    def simulate_one(self, condition: Any, rng: np.random.Generator) -> Any:
        estimate, low, high = analyze(generate(condition, rng))
        return {"estimate": estimate, "covered": low <= TRUTH <= high, "width": high - low}

    def summaries_of(self, condition: Any, key: Any) -> tuple[str, ...]:
        return {"estimate": ("bias", "se"), "covered": ("coverage",), "width": ("mean",)}[key]

    def target(self, condition: Any, key: Any) -> float:
        return TRUTH if key == "estimate" else 0.0


def summarize(max_replicates: int = 2000) -> Any:
    """Return the result; `.table` has each number with its Monte Carlo standard error."""
    return bn.run(IntervalStudy(), max_replicates=max_replicates, max_failures=0.1)


def test_large_batches_are_covered() -> None:
    """At n = 80 the coverage is near 95 %: within 3 points, and four standard errors (false alarms below 1e-4)."""
    row = summarize(1000).table.query("summary == 'coverage' and n == 80").iloc[0]
    assert abs(row["value"] - 0.95) < 0.03 + 4 * row["mcse"]


if __name__ == "__main__":
    result = summarize()
    print(result.summary())
    result.table.to_csv("NAME.csv", index=False)
    result.plot().savefig("NAME.png")

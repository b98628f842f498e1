"""Arrays that would lose something on the way are refused at every door: masks, and imaginary parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bnstats as bn
from bnstats.corrections import CORRECTIONS, check_confounding

BATCH = ["a", "a", "b", "b", "c", "c"]
YEAR = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
PLAIN = np.array([1.0, 2.0, 4.0, 3.0, 5.0, 7.0])


@dataclass(frozen=True)
class Returns(bn.Study):
    """A study whose replicates are what it is given."""

    given: Any

    def conditions(self) -> Sequence[dict[str, int]]:
        return [{"n": 1}]

    def size(self, condition: Any) -> int:
        return 6

    def simulate(self, condition: Any, rng: Any, size: int) -> dict[str, Any]:
        return {"x": self.given}


def returned(x: Any) -> Any:
    """What an estimator makes of whatever its function returns."""
    return bn.Estimator("own", lambda *_, **__: x, 0.0)(PLAIN)


NUMBERS: dict[str, Callable[[Any], Any]] = {
    "population": bn.Population.of,
    "corrected": lambda x: CORRECTIONS["center"](x, BATCH),
    "applied": lambda x: CORRECTIONS["none"].fit(PLAIN, BATCH).apply(x, BATCH),
    "adapted": lambda x: CORRECTIONS["center"].fit(PLAIN, BATCH).adapt(x, BATCH),
    "times": lambda x: CORRECTIONS["polynomial"](PLAIN, x),
    "left out": lambda x: bn.leave_one_batch_out(x, PLAIN, BATCH),
    "outcome": lambda x: bn.leave_one_batch_out(PLAIN, x, BATCH),
    "running": lambda x: bn.RunningStats.like("torch").update(x),
    "normalized": lambda x: bn.RunningStats.like("torch").normalize(x),
    "moments": bn.Moments.of,
    "estimator": bn.ESTIMATORS["var"],
    "estimator's value": returned,
    "simulated": lambda x: bn.run_block(Returns(x), condition=0, block=0),
    "rows": lambda x: bn.Dataset.of((np.asanyarray(x)[:, None], [0, 0, 0, 1, 1, 1])),
}
LABELS: dict[str, Callable[[Any], Any]] = {
    "batches": lambda key: CORRECTIONS["center"](PLAIN, key),
    "left-out batches": lambda key: bn.leave_one_batch_out(PLAIN, PLAIN, key),
    "confounding": lambda key: check_confounding(key, BATCH),
    "confounded labels": lambda key: check_confounding(BATCH, key),
    "classes": lambda key: bn.Dataset.of((PLAIN[:, None], key)),
}
MASKED = np.ma.array(PLAIN, mask=[0, 0, 1, 0, 0, 0])


@pytest.mark.parametrize("door", NUMBERS)
def test_plain_numbers_pass(door: str) -> None:
    NUMBERS[door](PLAIN)


@pytest.mark.parametrize("door", NUMBERS)
@pytest.mark.parametrize("bad", [MASKED, PLAIN + 1j, list(PLAIN + 0j)], ids=["masked", "complex", "list"])
def test_numbers_that_would_lose_something_are_refused(door: str, bad: Any) -> None:
    with pytest.raises(ValueError, match=r"mask|complex"):
        NUMBERS[door](bad)


@pytest.mark.parametrize("door", LABELS)
def test_masked_labels_are_refused(door: str) -> None:
    with pytest.raises(ValueError, match="masked array, whose mask would be lost"):
        LABELS[door](np.ma.array([0, 0, 0, 1, 1, 1], mask=[0, 0, 1, 0, 0, 0]))

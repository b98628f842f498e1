"""Arguments of networks are checked where the user enters, once, however many layers they pass."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bnstats as bn
from bnstats.networks.layer_statistics import Statistics
from bnstats.networks.network import Network
from bnstats.networks.recipe import Recipe
from bnstats.normalizers import Batch

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 5)).astype(np.float32), RNG.integers(3, size=40)
BATCHES = np.arange(16).reshape(2, 8)
CHECKS = ("rows_of_inputs", "values_of_layer", "statistics_of_layer", "variance_of_layer", "statistics_of", "number")


def network(depth: int, normalizer: Batch | None = None) -> Network:
    return Network.initial(Recipe((8,) * depth, normalizer or Batch()), 5, 3, np.random.default_rng(1))


def checks_in(run: Callable[[], object]) -> Counter[str]:
    """Count the calls of each check of arguments."""
    found: Counter[str] = Counter()

    def count(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name in CHECKS:
            found[frame.f_code.co_name] += 1

    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(None)
    return found


CALLS: dict[str, Callable[[Network], object]] = {
    "logits": lambda net: net.logits(X),
    "hidden": lambda net: net.hidden(X, None, 1),
    "train": lambda net: net.train(X, Y, BATCHES),
    "adapted": lambda net: bn.adaptation.PredictionTime().logits(net, net.running, X, BATCHES),
}


@pytest.mark.parametrize("what", CALLS)
def test_more_layers_check_no_more_values(what: str) -> None:
    """But for the variances that a user gives, one for each layer."""
    few, many = (checks_in(lambda depth=depth: CALLS[what](network(depth))) for depth in (2, 9))
    start_few, start_many = (checks_in(lambda depth=depth: network(depth)) for depth in (2, 9))
    given = 7 if what == "adapted" else 0
    assert many - start_many - (few - start_few) == Counter(
        {"variance_of_layer": given, "statistics_of_layer": given} if given else {}
    )
    assert few["rows_of_inputs"] == 1


@dataclass(frozen=True)
class Mine(Batch):
    """A user's evaluation, which passes a wrong variance on."""

    def evaluate(self, z: Any, mean: Any, var: Any, eps: float) -> Any:
        return Batch().evaluate(z, mean, -var, eps)


class Negative(bn.adaptation.PredictionTime):
    """A user's adaptation, with a wrong variance."""

    def adapt(self, mean: Any, var: Any, z: Any) -> Any:
        return mean, -np.ones_like(var)


def wrong(net: Network) -> Statistics:
    return Statistics(net.running.mean, tuple(-var for var in net.running.var))


REFUSED: dict[str, Callable[[Network], object]] = {
    "given": lambda net: net.logits(X, wrong(net)),
    "given to an adaptation": lambda net: bn.adaptation.MeanOnly().logits(net, wrong(net), X, BATCHES),
    "a user's normalizer": lambda _: network(2, Mine()).logits(X),
    "a user's adaptation": lambda net: Negative().logits(net, net.running, X, BATCHES),
    "a user's statistics": lambda net: net.evaluate(X, lambda *_: (0.0, -1.0)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_user_gives_or_writes_is_checked(what: str) -> None:
    with pytest.raises(ValueError, match="var is a variance, at least 0"):
        REFUSED[what](network(2))

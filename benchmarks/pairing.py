"""Gain by common random numbers: networks of two conditions with the same rows, initial weights and batches.

The difference of two conditions whose networks share nothing has the sum of their variances. Where the two networks of
a pair begin with the same random numbers, part of the variance cancels. So many times as many networks would be needed
without pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from benchmarks.frame import Benchmark, Measured, Row, Setting
from bnstats._checks.array_types import FloatArray
from bnstats.claims.networks import Networks, accuracy
from bnstats.simulation.blocks import run_block


@dataclass(frozen=True)
class Difference:
    """Comparison of accuracies with running statistics between two ways to train."""

    words: str
    one: Networks
    other: Networks


def _digits(batch_size: int, normalizer: str = "batch", hidden: tuple[int, ...] = (64,)) -> Networks:
    return Networks("digits", normalizer, batch_size=batch_size, hidden=hidden)


HEADLINES = (
    Difference("batches of 4 against 32, one layer", _digits(4), _digits(32)),
    Difference("one layer against four, batches of 4", _digits(4), _digits(4, hidden=(64,) * 4)),
    Difference("batch against group norm, batches of 2", _digits(2), _digits(2, "group")),
    Difference("batch norm against renormalization, batches of 4", _digits(4), _digits(4, "renorm")),
)


@cache
def accuracies(networks: Networks, first: int, count: int) -> FloatArray:
    """Return accuracies in blocks of networks, whose random numbers depend on the number of the block alone."""
    ((measure, _),) = accuracy(networks, "running").terms
    blocks = (run_block(measure.study, condition=0, block=block) for block in range(first, first + count))
    return np.concatenate([found[measure.key] for found in blocks])


def gain(difference: Difference, first: int, count: int) -> float:
    """Variance of the difference of networks that share nothing, over that of pairs."""
    one, other = (accuracies(networks, first, count) for networks in (difference.one, difference.other))
    return float((one.var(ddof=1) + other.var(ddof=1)) / (one - other).var(ddof=1))


def pairs(setting: Setting) -> Measured:
    count = setting.of(32, 2)
    return {
        _name(headline): [gain(headline, i * count, count) for i in range(setting.rounds)] for headline in HEADLINES
    }


def _name(difference: Difference) -> str:
    return f"networks without pairs / in pairs, {difference.words}"


BENCHMARKS = (
    Benchmark(
        "pairing",
        tuple(
            Row(_name(headline), "networks for the same error of a difference, if pairs share rows, weights, batches")
            for headline in HEADLINES
        ),
        pairs,
    ),
)

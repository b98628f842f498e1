"""Evidence from small networks: under several shifts of their test rows, and what it says of itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnstats.claims.evidence import Measures
from bnstats.claims.networks import Networks, accuracy
from bnstats.datasets.shifts import Contrast, Noise
from bnstats.simulation.blocks import run_block

HOW: dict[str, Any] = {"batch_size": 8, "steps": 20, "test_batch_size": 64}
CONTRAST, NOISE = Contrast(0.5), Noise(1.0)
BOTH = Networks("digits", shift=(CONTRAST, NOISE), **HOW)


def values(evidence: Measures) -> np.ndarray:
    return evidence.values({study: run_block(study, condition=0, block=0) for study in evidence.studies})


def test_of_several_shifts_evidence_is_the_mean_and_each_alone_is_that_of_networks_with_it_alone() -> None:
    each = [values(accuracy(BOTH, "batch", shift)) for shift in (CONTRAST, NOISE)]
    assert not np.array_equal(*each)
    np.testing.assert_allclose(values(accuracy(BOTH, "batch")), np.mean(each, axis=0), rtol=1e-12)
    for shift, found in zip((CONTRAST, NOISE), each, strict=True):
        np.testing.assert_array_equal(values(accuracy(Networks("digits", shift=shift, **HOW), "batch")), found)


def test_a_shift_that_networks_are_not_tested_under_is_refused() -> None:
    with pytest.raises(ValueError, match="shift is one that the networks are tested under"):
        accuracy(BOTH, "batch", Noise(2.0))
    with pytest.raises(ValueError, match="each of shift is an object such as"):
        Networks("digits", shift=(CONTRAST, "noise"), **HOW)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shift is an object such as"):
        Networks("digits", shift=(), **HOW)


def test_the_scope_of_a_difference_says_what_differs_and_the_rest_once() -> None:
    one = Networks("digits", batch_size=2, hidden=(64,), learning_rate=0.1)
    other = Networks("digits", "group", batch_size=4, hidden=(64,), learning_rate=0.2)
    assert (accuracy(one, "running") - accuracy(other, "running")).scope.split("; ") == [
        "digits",
        "hidden units: 64",
        "16000 rows seen",
        "normalizer batch, learning rate 0.1, batches of 2",
        "normalizer group, learning rate 0.2, batches of 4",
    ]

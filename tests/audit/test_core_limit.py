"""Gains in the limit of many rows, against statistics of many rows: noise of few rows must not hide a gain."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy_damage as damage
from numpy_model import batches
from scipy.special import log_softmax

from bnstats.audit.core import kinds
from bnstats.audit.core.audit import AuditOptions, context_of
from bnstats.audit.core.judging.limit import limit_gains

LOADERS, BOUND = 100, 4.9  # two-sided false alarms of 1e-6, by the normal law of a mean of 100 loaders


def displaced(by: float) -> damage.Net:
    """A sound network whose running means are off by so many standard deviations."""
    return damage.changed(damage.sound(), lambda norm: setattr(norm, "mean", norm.mean + by * np.sqrt(norm.var)))


def log_likelihood(model: Any, loader: list[Any]) -> float:
    return float(
        np.mean([log_softmax(model.eval_pass((x, y)), axis=1)[np.arange(len(y)), y].mean() for x, y in loader])
    )


def test_the_limit_is_what_statistics_of_many_rows_gain() -> None:
    """The gain with statistics of 96 rows is below it, by far more than chance; its errors are those of loaders.

    The variance of 100 loaders has a relative standard error of .14: the last bounds are 3.2 of them away (false alarm
    .15 %). Errors that count the noise of the scored rows twice give 1.49 there; those of the rows alone, .80, are not
    rejected.
    """
    net = displaced(0.3)
    model = damage.FRAMEWORK.isolate(net, batches(1, 32, 1)[0])
    before, fresh = log_likelihood(model, batches(400, 64, 8)), batches(400, 64, 9)
    model.set(kinds.population(model, fresh))
    true = log_likelihood(model, batches(400, 64, 8)) - before
    limits, plain, variances = [], [], []
    for seed in range(LOADERS):
        loader = batches(6, 32, 1000 + seed)
        case, _ = context_of(damage.FRAMEWORK.isolate(net, loader[0]), loader, None, None, AuditOptions())
        found = limit_gains(case)
        assert found is not None
        limits.append(found["population"].value)
        variances.append(found["population"].se ** 2)
        plain.append(case.gain("population").value)
    z = [(np.mean(x) - true) / (np.std(x, ddof=1) / np.sqrt(LOADERS)) for x in (limits, plain)]
    assert abs(z[0]) < BOUND
    assert z[1] < -BOUND
    assert 0.55 < np.mean(variances) / np.var(limits, ddof=1) < 1.45

"""Gains in the limit of many rows, against statistics of many rows: noise of few rows must not hide a gain."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy_damage as damage
import pytest
from numpy_model import batches
from scipy import stats
from scipy.special import log_softmax

from bnstats.audit.core import kinds
from bnstats.audit.core.audit import AuditOptions, context_of
from bnstats.audit.core.judging import limit, verdict
from bnstats.audit.core.judging.limit import QUADRATIC, limit_gains
from bnstats.audit.core.result import Estimate
from bnstats.audit.core.scoring.scores import RowScores
from bnstats.audit.core.scoring.trial import Fold

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


class Few:
    """Stand-in for an audit of 40 batches that found no gain, with the attributes that a verdict reads."""

    trial, batches, unit, effect, unpredicted = SimpleNamespace(batches=[None] * 40), [None] * 40, "nats", 0.01, False

    def bad(self, _: str) -> int:
        return 0


@pytest.mark.parametrize(("value", "se"), [(0.0, 0.01), (0.004, 0.02), (-0.002, 0.02)])
def test_the_batches_that_would_decide_bring_the_upper_end_to_the_effect(value: float, se: float) -> None:
    gain = Estimate(value, value - 2 * se, value + 2 * se, se, 39.0)
    said = re.search(r"About (\d+) batches", verdict._without_gain(Few(), {"population": gain}).reason)  # type: ignore[arg-type]
    assert said
    margins = [stats.t.ppf(0.95, 39) * se * np.sqrt(40 / batches) for batches in (int(said[1]), int(said[1]) - 1)]
    assert value + margins[0] <= 0.01 < value + margins[1]


def test_the_batches_that_would_decide_bring_the_noise_to_the_border(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the noise is that of a fourth of the rows."""
    monkeypatch.setattr(verdict, "displacement", lambda _: 2 * QUADRATIC)
    judged = verdict._fine_in_the_limit(Few(), {})  # type: ignore[arg-type]
    assert judged.verdict == "not_judged"
    assert "About 160 batches" in judged.reason


def test_the_error_that_noise_leaves_has_the_degrees_of_freedom_of_its_contrasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three contrasts of four parts, in each of two folds."""
    seen: list[float] = []
    monkeypatch.setattr(limit, "with_error", lambda gain, _, df: seen.append(df) or gain)
    net, loader = displaced(0.3), batches(8, 32, 1000)
    limit_gains(context_of(damage.FRAMEWORK.isolate(net, loader[0]), loader, None, None, AuditOptions())[0])
    assert set(seen) == {6}


def test_the_noise_of_folds_adds_up_with_their_squared_shares() -> None:
    """The variance is that computed by hand: half of the rows differ by 2, half by 4, each by twice its noise."""
    folds = [Fold((), (0,)), Fold((), (1,))]
    forth, back = ([RowScores(np.full(3, x), np.ones(3)) for x in pair] for pair in ((2.0, 4.0), (0.0, 0.0)))
    found = limit._variance(SimpleNamespace(trial=SimpleNamespace(folds=folds)), forth, back)  # type: ignore[arg-type]
    assert found == (1**2 + 2**2) / 4

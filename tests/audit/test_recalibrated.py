"""Recalibration of networks in NumPy, through the protocol that all frameworks share."""

from __future__ import annotations

import copy
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from numpy_model import Dense, Net, NumpyFramework, batches, network, trained

from bnstats.audit.core import kinds
from bnstats.audit.core.audit import AuditOptions
from bnstats.audit.core.judging.context import AuditContext
from bnstats.audit.core.recalibrate import recalibrated
from bnstats.audit.core.recalibration import ReadingLimits

GIVEN = batches(20, 32, 7)


def done(net: Any, loader: Any = GIVEN, kind: str | None = None, **changes: Any) -> Any:
    given: dict[str, Any] = {"layers": None, "amount": ReadingLimits(), "inplace": False, "options": AuditOptions()}
    return recalibrated(NumpyFramework(), net, loader, kind, **(given | changes))


@pytest.fixture(scope="module")
def early() -> Net:
    """A trained network whose statistics have half of their start values."""
    net = trained(150)
    for norm in net.norms:
        norm.mean, norm.var = norm.mean / 2, norm.var / 2 + 0.5
    return net


def loss(net: Net) -> float:
    x, y = batches(1, 2000, 99)[0]
    out = net(x, "eval")
    out = out - out.max(1, keepdims=True)
    return float(-np.mean(out[np.arange(len(y)), y] - np.log(np.exp(out).sum(1))))


def state(net: Net) -> list[Any]:
    return [copy.deepcopy(vars(part)) for part in net.parts]


def same(a: Any, b: Any) -> bool:
    return all(
        np.array_equal(x[k], y[k]) for x, y in zip(a, b, strict=True) for k in ("w", "b", "gamma", "beta") if k in x
    )


def test_a_copy_gains_and_the_model_stays(early: Net) -> None:
    before = state(early)
    new = done(early)
    assert loss(new) < loss(early) - 0.05
    assert all(
        np.array_equal(a.mean, b["mean"]) for a, b in zip(early.norms, [s for s in before if "mean" in s], strict=True)
    )
    assert new is not early


def test_in_place_statistics_change_and_nothing_else(early: Net) -> None:
    net = copy.deepcopy(early)
    before, others = state(net), [(n.updates, n.weight, n.eps) for n in net.norms]
    assert done(net, inplace=True) is net
    assert same(before, state(net))
    assert [(n.updates, n.weight, n.eps) for n in net.norms] == others
    assert np.array_equal(net.norms[0].mean, done(early).norms[0].mean)


def test_population_statistics_are_those_of_all_rows(early: Net) -> None:
    whole = [(np.concatenate([x for x, _ in GIVEN]), np.concatenate([y for _, y in GIVEN]))]
    expected, new = done(early, whole, "population"), done(early, kind="population")
    for a, b in zip(expected.norms, new.norms, strict=True):
        assert np.allclose(a.mean, b.mean, rtol=1e-10)
        assert np.allclose(a.var, b.var, rtol=1e-10)


def test_the_kind_that_gains_most_is_taken(early: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    averaged = done(early, kind="averaged")
    assert not np.array_equal(done(early).norms[1].var, averaged.norms[1].var)
    monkeypatch.setattr(AuditContext, "best", "averaged")
    assert np.array_equal(done(early).norms[1].var, averaged.norms[1].var)


def test_start_values_and_the_variance_convention_are_taken_out() -> None:
    net = trained(4)
    share = 0.9**4
    new = done(net, kind="debiased")
    for a, b in zip(net.norms, new.norms, strict=True):
        assert np.allclose(b.mean, a.mean / (1 - share))
        assert np.allclose(b.var, (a.var - share) / (1 - share))
    assert np.allclose(done(net, kind="biased").norms[0].var, net.norms[0].var * 31 / 32)


def test_only_chosen_layers_change(early: Net) -> None:
    new = done(early, layers=["norm1"])
    assert np.array_equal(new.norms[0].mean, early.norms[0].mean)
    assert not np.array_equal(new.norms[1].mean, early.norms[1].mean)
    with pytest.raises(ValueError, match="layer 'norm7'"):
        done(early, layers=["norm7"])


def test_loaders_of_any_kind(early: Net) -> None:
    expected = done(early, kind="population").norms[0].mean
    assert np.array_equal(done(early, iter(GIVEN), "population").norms[0].mean, expected), "one that is read once"
    assert np.allclose(
        done(early, cycle(GIVEN), "population", amount=ReadingLimits(batches=40)).norms[0].mean, expected
    )
    assert np.array_equal(done(early, [{"x": x, "y": y} for x, y in GIVEN], "population").norms[0].mean, expected)

    def failing() -> Any:
        yield from GIVEN[:3]
        raise OSError("disk")

    with pytest.raises(ValueError, match="loader raises OSError: disk after 3 batches"):
        done(early, failing())


def test_there_has_to_be_something_to_recalibrate() -> None:
    plain = Net([Dense(np.ones((8, 4)), np.zeros(4))])
    with pytest.raises(
        ValueError, match="recalibration needs batch-norm layers; a forward pass of this model calls none"
    ):
        done(plain)
    always = network()
    for norm in always.norms:
        norm.always = True
    with pytest.warns(
        UserWarning, match="recalibrating changes nothing: evaluation mode normalizes by the statistics of each batch"
    ):
        done(always)


def test_no_running_statistics_are_refused(early: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numpy_model.NumpyModel.get", lambda _: {})
    with pytest.raises(ValueError, match="there is nothing to recalibrate: no layer keeps running statistics"):
        done(early)


def test_what_the_model_raises_is_said(early: Net) -> None:
    def forward(run: Any, batch: Any) -> Any:
        if batch[1][0] == GIVEN[5][1][0] and np.array_equal(batch[0], GIVEN[5][0]):
            raise RuntimeError("row too long")
        return run(batch[0])

    with pytest.raises(ValueError, match="the model raises RuntimeError: row too long on batch"):
        done(early, options=AuditOptions(forward=forward))
    with pytest.raises(ValueError, match="the model raises RuntimeError: row too long on batches of the loader"):
        done(early, kind="population", options=AuditOptions(forward=forward))


def test_the_sum_of_kinds_is_what_the_audit_makes(early: Net) -> None:
    model = NumpyFramework().isolate(early, GIVEN[0])
    seen = kinds.observe(model, GIVEN, "train")
    assert np.allclose(done(early, kind="precise").norms[1].var, kinds.pooled(seen)["norm1"].var)

"""What the tables of an audit hold, against the definitions computed with plain NumPy; and what is said of few rows.

Batches are drawn once from normal values with a fixed seed; nothing that is asserted depends on chance but the distance
of the expected gaps from the observed ones, for which a margin is given.
"""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

from broken_models import healthy
from torch import nn

import bnstats as bn
from bnstats.audit import kinds
from bnstats.audit.causes import NOTICED
from bnstats.audit.scores import Estimate

COUNT, ROWS, CHANNELS = 60, 16, 3


@pytest.fixture(scope="module")
def batches() -> Any:
    """Of values whose channels have other means and scales."""
    rng = np.random.default_rng(0)
    x = rng.normal([0, 5, -2], [1, 3, 0.5], size=(COUNT, ROWS, CHANNELS))
    return [torch.tensor(batch, dtype=torch.float32) for batch in x]


@pytest.fixture
def model(batches: Any) -> nn.Module:
    """A normalized input, its statistics those of the batches at momentum 0.1."""
    torch.manual_seed(0)
    made = nn.Sequential(nn.BatchNorm1d(CHANNELS), nn.Linear(CHANNELS, 2))
    with torch.no_grad():
        for batch in batches:
            made(batch)
    return made.eval()


def test_gaps_of_the_literature(model: nn.Module, batches: Any) -> None:
    """TID: mean distance of batches' statistics from the running ones; shift: distance of population statistics."""
    row = bn.audit(model, batches).layers.iloc[0]
    x = np.stack([batch.double().numpy() for batch in batches])
    running_mean, running_sd = (part.double().numpy() for part in (model[0].running_mean, model[0].running_var.sqrt()))
    unit = np.linalg.norm(running_sd)
    assert row["tid_mean"] == pytest.approx(np.linalg.norm(x.mean(axis=1) - running_mean, axis=1).mean() / unit)
    assert row["tid_var"] == pytest.approx(np.linalg.norm(x.std(axis=1) - running_sd, axis=1).mean() / unit, rel=1e-4)
    made = x[::2].reshape(-1, CHANNELS)
    assert row["shift_mean"] == pytest.approx(np.linalg.norm(running_mean - made.mean(axis=0)) / unit, rel=1e-4)
    assert row["shift_var"] == pytest.approx(np.linalg.norm(running_sd - made.std(axis=0)) / unit, rel=1e-4)
    # Nothing is wrong: each is what is expected, TID as a mean over batches more closely than shift, a single distance.
    for name, within in (("tid_mean", 1.2), ("tid_var", 1.2), ("shift_mean", 3.0), ("shift_var", 3.0)):
        assert 1 / within < row[name] / row[f"{name}_expected"] < within


def test_distance_of_test_rows(model: nn.Module, batches: Any) -> None:
    """Test rows whose mean is two standard deviations off and whose standard deviation is half as large."""
    test = torch.cat(batches)
    shifted = (test - test.mean(0)) / 2 + test.mean(0) + 2 * test.std(0)
    row = bn.audit(model, batches, test=[shifted]).layers.iloc[0]
    assert row["wasserstein"] == pytest.approx((2**2 + 0.5**2) ** 0.5, rel=0.1)
    assert row["wasserstein_expected"] < 0.15


def test_what_grouping_leaves_is_said(model: nn.Module, batches: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    two = nn.Sequential(*model, nn.BatchNorm1d(2)).eval()
    assert bn.audit(two, batches).layers["population_error"].tolist() == [0, 0]
    monkeypatch.setattr(kinds, "LARGEST", 64 * CHANNELS)
    first, second = bn.audit(two, batches).layers["population_error"]
    assert first == pytest.approx(0, abs=1e-6)  # what enters the first layer is the same however rows are grouped
    assert 1e-4 < second < 0.2


def test_statistics_under_a_counter_of_0_have_an_unknown_age(model: nn.Module, batches: Any) -> None:
    """Some converted models have real statistics that nobody has counted: they are old, not start values."""
    model[0].num_batches_tracked.zero_()
    report = bn.audit(model, batches)
    assert report.layers["steps"].isna().all()
    assert report.layers["start_weight"].tolist() == [0]
    assert report.findings[0].cause == "nothing_wrong"


def test_the_cost_that_would_have_been_noticed() -> None:
    """Material in four of five samples whose mean is so many standard errors: .8 within five of its own, .056."""
    rng = np.random.default_rng(0)
    material = [Estimate(value, 1.0, 0.0, 0.0).material(0.0) for value in rng.normal(NOTICED, 1, size=1250)]
    assert abs(np.mean(material) - 0.8) < 0.056
    broken = healthy("dense")
    evidence = bn.audit(broken.model, broken.loader, test=broken.test).findings[0].evidence
    assert 0.01 <= evidence["noticed"] < 0.1


def test_progress_is_shown_when_asked_for(model: nn.Module, batches: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bn.audit(model, batches)
    assert capsys.readouterr().err == ""
    bn.audit(model, batches, progress=True)
    assert "batch/s" in capsys.readouterr().err

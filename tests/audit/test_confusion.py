"""A small part of the campaign of `python -m benchmarks.audits`: causes are named, and costly models are never fine.

Models and batches are made of one fixed seed, and an audit is deterministic given its own. Wrong bounds fail
in `test_bounds_are_held`. True gains are those of plain passes over thousands of fresh rows.
"""

import os

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch", reason="the audit of PyTorch models needs PyTorch: pip install 'bnstats[torch]'")

from torch.nn import functional

import bnstats as bn
from benchmarks.audits.auditing import _case, handed_out, row_of
from benchmarks.audits.jobs import KINDS, Job
from benchmarks.audits.judged import judged, rates
from benchmarks.audits.models.torch_models import tensors

SEED = 100
PART = (
    ("healthy", "dense"),
    ("recalibrated by averages", "dense"),
    ("never updated", "graph"),
    ("few updates, one layer", "dense"),
    ("small batches and a large weight", "dense"),
    ("averaged weights, live model given", "dense"),
    ("statistics of other data", "1-D"),
    ("NaN in one channel", "conv"),
    ("batch statistics in evaluation", "dense"),
    ("dropout before batch norm", "dense"),
    ("shifted test data", "dense"),
    ("frozen, all layers", "dense"),
    ("a recurrent cell", "recurrent"),
    ("dictionaries in and out", "conv"),
)


@pytest.mark.parametrize(("kind", "family"), PART, ids=[f"{kind}, {family}" for kind, family in PART])
def test_the_cause_is_named_and_nothing_of_the_user_changes(kind: str, family: str) -> None:
    row = row_of(Job("broken", "torch", kind, family, SEED))
    assert row["verdict"] == ("off" if KINDS[kind].cause else "fine"), row["said"]
    assert row["cause"] == KINDS[kind].cause
    assert row["changed"] == 0


@pytest.mark.parametrize("batches", [1, 2, 3, 10])
@pytest.mark.parametrize("damage", ["never updated, one layer", "statistics of other data"])
def test_few_batches_of_rows_that_vary_with_missing_inputs_are_never_fine(damage: str, batches: int) -> None:
    row = row_of(Job("grid", "torch", damage, "dense", SEED, batches, rows_vary=True, missing=True))
    (found,) = judged(pd.DataFrame([row]))["outcome"]
    assert found in ("right", "off", "not judged", "harmless"), row


def test_bounds_are_held() -> None:
    """A campaign with one wrong cause in four, and a costly model called fine, misses its bounds."""
    right = {"table": "broken", "expected": "stale", "also": "", "always": 0, "true_gain": 1.0, "true_se": 0.01}
    right |= {"verdict": "off", "cause": "stale", "changed": 0}
    rows = pd.DataFrame([right, right, right | {"cause": "eps"}, right | {"verdict": "fine", "cause": None}])
    found = {name: rate.value for name, rate in rates(rows).items()}
    assert found["right cause"] == 0.5
    assert found["wrong cause"] == 0.25
    assert found["fine though it costs more than the effect"] == 0.25
    harmless = pd.DataFrame([right | {"verdict": "fine", "cause": None, "true_gain": 0.005}])
    assert judged(harmless)["outcome"].tolist() == ["harmless"]


@pytest.mark.parametrize(("kind", "family"), [("never updated", "dense"), ("weights moved on", "dense")])
def test_the_advised_line_gains_on_fresh_rows_what_the_report_says(kind: str, family: str) -> None:
    """The gain of the line, run as it stands, is within twice the interval's half width: 1 in 10,000 by chance."""
    case, _ = _case(kind, family, SEED, 1)
    model, given = handed_out(Job("broken", "torch", kind, family, SEED), case)
    fix = bn.audit(model, **given).fix
    mended = eval(fix.text, {"bn": bn, "model": model, "loader": given["loader"]})
    fresh = [tensors(case.draw(500, np.random.default_rng([SEED, k]))) for k in range(20)]
    with torch.no_grad():
        before, after = (
            sum(functional.cross_entropy(m.eval()(x), y).item() for x, y in fresh) / len(fresh) for m in (model, mended)
        )
    assert abs(before - after - fix.gain.value) < fix.gain.high - fix.gain.low


@pytest.mark.parametrize("framework", ["keras", "flax"])
@pytest.mark.parametrize("kind", ["averaged weights, live model given", "batch statistics in evaluation"])
def test_other_frameworks_name_the_same_causes(kind: str, framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Keras, the layers of the live model have numbers, and so names, of their own."""
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "torch"))
    pytest.importorskip(framework, reason=f"this part needs {framework}")
    row = row_of(Job("broken", framework, kind, "dense", SEED))
    assert row["cause"] == KINDS[kind].cause, row["said"]
    assert row["changed"] == 0

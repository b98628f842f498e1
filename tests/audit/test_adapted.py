"""Scores of adaptations in a real model: against batch statistics, which are one of them, and where they help.

Nothing is random but the models and images; the network is stored, the seed fixed.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

from broken_models import healthy, shifted
from torch import nn

import bnstats as bn


@pytest.mark.parametrize("network", ["dense", "convolutional"])
def test_prediction_time_is_pytorchs_own_batch_normalization(network: str) -> None:
    broken = healthy(network)
    x, y = (part[:128] for part in broken.test[0])
    report = bn.audit(
        broken.model, broken.loader, test=[(x, y)], adaptations=["prediction-time", bn.adaptation.Mixed(0)]
    )
    nll = report.adaptations.query("metric == 'nll'").set_index(["adaptation", "test_batch_size"])["value"]
    order = np.random.default_rng(0).permutation(128)
    with torch.no_grad():
        outputs = [broken.model.train()(x[order[i : i + 32]]) for i in range(0, 128, 32)]
        expected = nn.functional.cross_entropy(torch.cat(outputs), y[order]).item()
    assert nll["prediction-time", 32] == pytest.approx(expected, rel=1e-3)
    assert nll["mixed 0", 32] == pytest.approx(expected, rel=1e-3)


def test_test_batches_help_under_shift_from_some_size_on_and_not_without() -> None:
    broken = shifted("dense")
    report = bn.audit(broken.model, broken.loader, test=broken.test, adaptations=["prediction-time", "mixed"])
    helps = report.helps_from()
    assert 2 < helps["prediction-time"] <= 64
    assert helps["mixed 16"] is not None
    assert f"(prediction-time): helps from {helps['prediction-time']} rows on" in report.summary()
    well = healthy("dense")
    assert bn.audit(well.model, well.loader, test=well.test, adaptations="prediction-time").helps_from() == {
        "prediction-time": None
    }


def test_unknown_adaptations_are_refused() -> None:
    broken = healthy("dense")
    with pytest.raises(ValueError, match="did you mean 'mixed'"):
        bn.audit(broken.model, broken.loader, adaptations="mixd")

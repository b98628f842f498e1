"""Predicted noise of batch means along the inference path, against that of random batches.

Batches of 32 rows drawn with replacement, each run through the network in evaluation mode. The root mean square over a
layer's channels of the standard deviation of 400 batch means has a relative error of at most 0.036 (one independent
channel); four of them are allowed, for eight layers: false alarms 5e-4. Power: with positions taken as independent it
fails in some layer of each network, with all positions of a row taken as alike in every convolution. The seed is fixed
and was not chosen.
"""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

from audited_networks import loader, split
from broken_models import stored

import bnstats as bn

BATCHES, ROWS, WITHIN = 400, 32, 4 * 0.036


def noise(model: Any, x: Any, names: list[str]) -> dict[str, Any]:
    """Variance of random batches' means, by layer and channel, in evaluation mode."""
    means: dict[str, list[Any]] = {name: [] for name in names}

    def keep(name: str) -> Any:
        return lambda _, inputs: means[name].append(inputs[0].double().transpose(0, 1).flatten(1).mean(1).numpy())

    handles = [model.get_submodule(name).register_forward_pre_hook(keep(name)) for name in names]
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for _ in range(BATCHES):
            model(x[torch.from_numpy(rng.integers(len(x), size=ROWS))])
    for handle in handles:
        handle.remove()
    return {name: np.var(found, axis=0, ddof=1) for name, found in means.items()}


@pytest.mark.parametrize("network", ["convolutional", "residual"])
def test_rows_are_the_independent_unit_along_the_inference_path(network: str) -> None:
    model, (rows, _) = stored(network, "healthy"), split(0)
    report = bn.audit(model, loader(rows))
    measured = noise(model, rows[0], report.layers["layer"].tolist())
    nominal, off = report.layers.set_index("layer")["n"], []
    for name, channels in report.channels.groupby("layer", sort=False):
        found = measured[str(name)].mean()

        def ratio(n: Any, channels: Any = channels, found: float = found) -> float:
            return float(np.sqrt((channels["population_var"] / n).mean() / found))

        assert abs(ratio(channels["predicted_n"]) - 1) < WITHIN
        off.append(abs(ratio(nominal[name]) - 1))
        assert nominal[name] == ROWS or ratio(ROWS) > 1 + WITHIN
    assert max(off) > 3 * WITHIN


def test_a_dense_layer_has_a_value_per_row() -> None:
    channels = bn.audit(stored("dense", "healthy"), loader(split(0)[0])).channels
    assert np.allclose(channels["predicted_n"], ROWS)

"""Recalibrated copies against PyTorch's own computation, and against the definition of population statistics."""

from itertools import count
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

from audited_networks import convolutional, dense, norms, split
from torch import nn

import bnstats as bn
from bnstats.audit import kinds


def batches(rows: int = 320, size: int = 32) -> list[Any]:
    x, y = split(0)[0]
    return [(x[i : i + size], y[i : i + size]) for i in range(0, rows, size)]


def buffers(model: nn.Module) -> list[Any]:
    return [(layer.running_mean.double().numpy(), layer.running_var.double().numpy()) for layer in norms(model)]


@pytest.mark.parametrize("network", [convolutional, dense])
def test_averaged_equals_update_bn(network: Any) -> None:
    torch.manual_seed(0)
    model = network()
    ours = bn.recalibrate(model, batches(), "averaged")
    torch.optim.swa_utils.update_bn(batches(), model)
    for mine, theirs in zip(buffers(ours), buffers(model), strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert np.allclose(a, b, rtol=1e-5, atol=1e-6)


def test_precise_equals_fvcore() -> None:
    precise_bn = pytest.importorskip("fvcore.nn.precise_bn", reason="fvcore is not installed")
    torch.manual_seed(0)
    model = convolutional()
    ours = bn.recalibrate(model, batches(), "precise")
    model.train()
    precise_bn.update_bn_stats(model, [x for x, _ in batches()], num_iters=10, progress=None)
    for mine, theirs in zip(buffers(ours), buffers(model), strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert np.allclose(a, b, rtol=2e-3, atol=1e-5)


def test_precise_statistics_of_the_first_layer_are_those_of_all_rows() -> None:
    torch.manual_seed(0)
    model = dense()
    ours = bn.recalibrate(model, batches(), "precise")
    with torch.no_grad():
        entering = model[2](model[0](torch.cat([x for x, _ in batches()]))).double()
    mean, var = buffers(ours)[0]
    assert np.allclose(mean, entering.mean(0), atol=1e-6)
    assert np.allclose(var, entering.var(0, correction=0), rtol=1e-5)


def population_errors(mended: nn.Module, names: list[str]) -> float:
    """Largest log ratio of a stored variance to that of what enters the layer in evaluation mode."""
    entering: dict[str, Any] = {}
    mended.eval()
    handles = [
        mended.get_submodule(name).register_forward_pre_hook(
            lambda _, inputs, name=name: entering.update({name: inputs[0]})
        )
        for name in names
    ]
    with torch.no_grad():
        mended(torch.cat([x for x, _ in batches()]))
    for handle in handles:
        handle.remove()
    errors = []
    for name in names:
        x = entering[name].double()
        var = x.var([axis for axis in range(x.ndim) if axis != 1], correction=0)
        alive = var > 1e-8
        errors.append((mended.get_submodule(name).running_var.double() / var)[alive].log().abs().max().item())
    return max(errors)


@pytest.mark.parametrize(("network", "names"), [(convolutional, ["1", "5", "11"]), (dense, ["3", "7", "11"])])
def test_population_statistics_are_those_of_the_inputs_at_test_time(network: Any, names: list[str]) -> None:
    torch.manual_seed(0)
    model = network(dropout=0.3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    mended = bn.recalibrate(model, batches())
    assert population_errors(mended, names) < 1e-3
    assert population_errors(bn.recalibrate(model, batches(), "precise"), names) > 0.02
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_population_statistics_of_large_groups_are_close(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model, names = dense(), ["3", "7", "11"]
    errors = []
    for rows in (32, 160, 320):
        monkeypatch.setattr(kinds, "LARGEST", rows * 65)
        errors.append(population_errors(bn.recalibrate(model, batches()), names))
    assert errors[0] > errors[1] > errors[2]
    assert errors[0] < 0.2
    assert errors[2] < 1e-3


def test_only_chosen_layers_change_and_precision_is_kept() -> None:
    torch.manual_seed(0)
    model = convolutional().eval()
    mended = bn.recalibrate(model, batches(), layers=["5"])
    old, new = buffers(model), buffers(mended)
    assert np.array_equal(old[0][1], new[0][1])
    assert not np.array_equal(old[1][1], new[1][1])
    assert not mended.training
    half = convolutional().half()
    half[0].weight.data *= 3000
    stored = norms(bn.recalibrate(half, [(x.half(), y) for x, y in batches()]))
    assert stored[0].running_var.dtype == torch.float32
    assert torch.isfinite(stored[0].running_var).all()
    assert stored[1].running_var.dtype == torch.float16


def test_debiased_and_biased() -> None:
    """After three steps the start has a weight of .9³; dividing it out leaves what batches made."""
    torch.manual_seed(0)
    model = dense()
    with torch.no_grad():
        for x, _ in batches()[:3]:
            model(x)
    (mean, var), (mean0, var0) = buffers(bn.recalibrate(model, batches(), "debiased"))[0], buffers(model)[0]
    assert np.allclose(mean, mean0 / (1 - 0.9**3), rtol=1e-5)
    assert np.allclose(var, (var0 - 0.9**3) / (1 - 0.9**3), rtol=1e-4)
    assert np.allclose(buffers(bn.recalibrate(model, batches(), "biased"))[0][1], var0 * 31 / 32, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "presise"}, "did you mean 'precise'"),
        ({"layers": ["12"]}, "layer '12'"),
        ({"batches": 0}, "batches"),
        ({"layers": 3}, "layer takes a name"),
        ({"seed": 1.5}, "seed"),
        ({"device": "moon"}, "device is one of"),
        ({"forward": 3}, "forward can be called"),
        ({"forward": lambda model, _: model("x")}, "the model cannot be called with the first batch, TypeError"),
    ],
)
def test_bad_input_is_refused(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bn.recalibrate(convolutional(), batches(), **options)


def test_a_seed_may_be_any_whole_number() -> None:
    for seed in (2**70, 3.0, np.uint64(2**63)):
        bn.recalibrate(dense(), batches()[:2], seed=seed)


@pytest.mark.parametrize("loader", [None, {"x": 1}, count(), [1, 2], np.zeros((2, 2))])
def test_what_is_no_loader_is_refused(loader: Any) -> None:
    with pytest.raises(ValueError, match=r"loader|a batch is a tensor"):
        bn.recalibrate(dense(), loader)

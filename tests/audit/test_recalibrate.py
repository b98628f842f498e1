"""Recalibrated copies against PyTorch's own computation, and against the definition of population statistics."""

import copy
import threading
import warnings
from itertools import count, cycle
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

from audited_networks import convolutional, dense, norms, split
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils.parametrizations import weight_norm

import bnstats as bn
from bnstats.audit.core import recalibration


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
    mended = bn.recalibrate(model, batches(), "population")
    assert population_errors(mended, names) < 1e-3
    assert population_errors(bn.recalibrate(model, batches(), "precise"), names) > 0.02
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_population_statistics_of_large_groups_are_close(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model, names = dense(), ["3", "7", "11"]
    errors = []
    for at_once in (1, 5, 10):
        monkeypatch.setattr(recalibration, "AT_ONCE", at_once)
        errors.append(population_errors(bn.recalibrate(model, batches(), "population"), names))
    assert errors[0] > errors[1] > errors[2]
    assert errors[0] < 0.2
    assert errors[2] < 1e-3


def test_only_chosen_layers_change_and_precision_is_kept() -> None:
    torch.manual_seed(0)
    model = convolutional().eval()
    mended = bn.recalibrate(model, batches(), "population", layers=["5"])
    old, new = buffers(model), buffers(mended)
    assert np.array_equal(old[0][1], new[0][1])
    assert not np.array_equal(old[1][1], new[1][1])
    assert not mended.training
    half = convolutional().half()
    half[0].weight.data *= 3000
    stored = norms(bn.recalibrate(half, [(x.half(), y) for x, y in batches()], "population"))
    assert stored[0].running_var.dtype == torch.float32
    assert torch.isfinite(stored[0].running_var).all()
    assert stored[1].running_var.dtype == torch.float16


def state(model: nn.Module) -> dict[str, Any]:
    """Everything that is not a running statistic: weights, counters, modes, attributes, momentum."""
    kept = {name: value.clone() for name, value in model.state_dict().items() if "running" not in name}
    modes = {name: (module.training, getattr(module, "momentum", None)) for name, module in model.named_modules()}
    return kept | {"modes": modes, "grad": [p.requires_grad for p in model.parameters()]}


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert torch.equal(value, after[name]) if isinstance(value, torch.Tensor) else value == after[name], name


@pytest.mark.parametrize("training", [True, False])
def test_in_place_running_statistics_change_and_nothing_else(training: bool) -> None:
    torch.manual_seed(0)
    model = convolutional().train(training)
    parameters, held, own = list(model.parameters()), model[1].running_mean, state(model)
    random, expected = torch.get_rng_state(), buffers(bn.recalibrate(model, batches()))
    assert torch.equal(torch.get_rng_state(), random)
    assert bn.recalibrate(model, batches(), inplace=True) is model
    assert_same(own, state(model))
    assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
    assert model[1].running_mean is held, "an optimizer, an average or a process group may hold the buffer"
    for one, other in zip(buffers(model), expected, strict=True):
        assert np.allclose(one, other)


class Locked(nn.Module):
    """A model that holds a lock, a generator and a file, as models with caches do."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.lock, self.rows = dense(), threading.Lock(), count()

    def forward(self, x: Any) -> Any:
        with self.lock:
            return self.body(x)


def pruned() -> nn.Module:
    model = dense()
    prune.l1_unstructured(model[2], "weight", 0.3)
    return model


def weight_normed() -> nn.Module:
    model = dense()
    weight_norm(model[6])
    return model


def old_weight_norm() -> nn.Module:
    model = dense()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.utils.weight_norm(model[6])
    return model


def in_a_graph() -> nn.Module:
    """A weight that another tensor was computed from; deepcopy refuses such models."""
    model = dense()
    model.penalty = model[2].weight.square().sum()
    return model


@pytest.mark.parametrize("network", [Locked, pruned, weight_normed, old_weight_norm, in_a_graph])
@pytest.mark.parametrize("inplace", [True, False])
def test_models_that_deepcopy_refuses(network: Any, inplace: bool) -> None:
    torch.manual_seed(0)
    model = network().eval()
    x = torch.cat([x for x, _ in batches()])
    before, own = buffers(model), state(model)
    new = bn.recalibrate(model, batches(), inplace=inplace)
    assert_same(own, state(model))
    assert (new is model) == inplace
    if not inplace:
        for one, other in zip(buffers(model), before, strict=True):
            assert np.array_equal(one, other)
    with torch.no_grad():
        entering = (new.body if isinstance(new, Locked) else new)[:3](x).double()
    assert np.allclose(buffers(new)[0], (entering.mean(0), entering.var(0, correction=0)), rtol=1e-4, atol=1e-5)
    new.train()(x).sum().backward()  # a copy trains as its original does
    assert all(p.grad is not None for p in new.parameters() if p.requires_grad)


def test_wrapped_models_are_returned_in_their_wrapper() -> None:
    torch.manual_seed(0)
    model = torch.optim.swa_utils.AveragedModel(dense())
    new = bn.recalibrate(model, batches())
    assert type(new) is type(model)
    expected = buffers(bn.recalibrate(model.module, batches()))
    for one, other in zip(buffers(new), expected, strict=True):
        assert np.allclose(one, other)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.GroupNorm(2, 8)), "recalibration needs batch-norm layers"),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 8)), "recalibration needs batch-norm layers"),
        (
            nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64, track_running_stats=False)),
            "there is nothing to recalibrate: no layer keeps running statistics",
        ),
        (3, "model is a model of PyTorch, Keras or Flax; got int"),
    ],
)
def test_nothing_to_recalibrate_is_said(model: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        bn.recalibrate(model, batches())


def test_a_folded_model_has_nothing_to_recalibrate() -> None:
    from torch.nn.utils.fusion import fuse_linear_bn_eval

    model = dense().eval()
    folded = nn.Sequential(model[0], model[1], fuse_linear_bn_eval(model[2], model[3]), nn.ReLU())
    with pytest.raises(ValueError, match="recalibration needs batch-norm layers"):
        bn.recalibrate(folded, batches())


def test_loaders_of_any_kind() -> None:
    torch.manual_seed(0)
    model, given = dense(), batches()
    expected = buffers(bn.recalibrate(model, given, "population"))
    for loader, options in (
        (iter(given), {}),
        (cycle(given), {"batches": 10}),
        (cycle(given), {"rows": 320}),
        ([{"x": x, "y": y} for x, y in given], {"forward": lambda network, batch: network(batch["x"])}),
        ([x[:k] for x, k in ((given[i][0], 32) for i in range(10))], {}),
        ([given[0], (torch.cat([x for x, _ in given[1:4]]), None), *given[4:]], {}),
    ):
        for one, other in zip(buffers(bn.recalibrate(model, loader, "population", **options)), expected, strict=True):
            assert np.allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_tolerance_reads_as_many_batches_as_it_needs() -> None:
    torch.manual_seed(0)
    model, read = dense(), []

    def loader() -> Any:
        for batch in cycle(batches()):
            read.append(len(batch[0]))
            yield batch

    bn.recalibrate(model, loader(), "population", tolerance=0.1)
    few = len(read)
    read.clear()
    bn.recalibrate(model, loader(), "population", tolerance=0.05)
    assert few < len(read) < 6 * few
    with pytest.warns(UserWarning, match="the loader's 10 batches leave a displacement"):
        bn.recalibrate(model, batches(), "population", tolerance=0.01)


def test_a_batch_that_overflows_is_left_out() -> None:
    torch.manual_seed(0)
    model, given = dense(), batches()
    bad = given[3][0].clone()
    bad[0] = torch.inf
    with pytest.warns(UserWarning, match="1 of 10 batches lead to values that are not finite"):
        new = bn.recalibrate(model, [*given[:3], (bad, given[3][1]), *given[4:]], "population")
    for one, other in zip(
        buffers(new), buffers(bn.recalibrate(model, given[:3] + given[4:], "population")), strict=True
    ):
        assert np.allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_loader_that_raises_and_a_model_that_raises_change_nothing() -> None:
    def failing() -> Any:
        yield from batches()[:3]
        raise OSError("disk")

    model = dense()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="loader raises OSError: disk after 3 batches"):
        bn.recalibrate(model, failing(), inplace=True)
    with pytest.raises(ValueError, match="the model"):
        bn.recalibrate(model, [*batches()[:3], (torch.zeros(4, 3), torch.zeros(4))], inplace=True)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


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
        ({"kind": "presise"}, "precise"),
        ({"rows": 0}, "rows"),
        ({"tolerance": 0}, "tolerance"),
        ({"inplace": 1}, "inplace is True or False"),
        ({"layers": ["12"]}, "layer '12'"),
        ({"batches": 0}, "batches"),
        ({"layers": 3}, "layer"),
        ({"seed": 1.5}, "seed"),
        ({"device": "moon"}, "device is one of"),
        ({"forward": 3}, "forward can be called"),
        ({"forward": lambda model, _: model("x")}, "TypeError"),
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
    with pytest.raises(ValueError, match=r"loader|first batch"):
        bn.recalibrate(dense(), loader)

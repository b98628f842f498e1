"""Every kind of batch-norm layer is found by what it does, and can be set, moved and normalized by its batch.

Nothing here is random but the models' weights and data, and nothing depends on them.
"""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, spectral_norm
from torch.utils.checkpoint import checkpoint

from bnstats.audit.core.history.rates import replaced
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.audit.torch import FRAMEWORK

CHANNELS = 6


class Frozen(nn.Module):
    """Batch norm with fixed statistics, as detection libraries have it: no subclass, no call of PyTorch's own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name, value in {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}.items():
            self.register_buffer(name, torch.full((channels,), value))
        self.eps = 1e-5

    def forward(self, x: Any) -> Any:
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)


class WithActivation(nn.BatchNorm2d):
    """A subclass that calls PyTorch's function by itself, as image-model libraries have it."""

    def forward(self, x: Any) -> Any:
        mean, var = self.running_mean, self.running_var
        return functional.relu(
            functional.batch_norm(x, mean, var, self.weight, self.bias, self.training, self.momentum, self.eps)
        )


class Functional(nn.Module):
    """A call of PyTorch's function with tensors of other names; `how` is one of the ways to call it."""

    def __init__(self, channels: int, how: str = "functional", registered: bool = True) -> None:
        super().__init__()
        self.how = how
        for name, tensor in (("m", torch.zeros(channels)), ("v", torch.ones(channels))):
            if registered:
                self.register_buffer(name, tensor)
            else:
                setattr(self, name, tensor)

    def forward(self, x: Any) -> Any:
        if self.how == "functional":
            return functional.batch_norm(x, self.m, self.v, training=self.training, momentum=0.2, eps=1e-3)
        if self.how == "torch":
            return torch.batch_norm(x, None, None, self.m, self.v, self.training, 0.2, 1e-3, False)
        if self.how == "operator":
            return torch.ops.aten.native_batch_norm(x, None, None, self.m, self.v, self.training, 0.2, 1e-3)[0]
        return torch.native_batch_norm(x, None, None, self.m, self.v, self.training, 0.2, 1e-3)[0]


class OneTensor(nn.Module):
    """Both statistics in one buffer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("both", torch.stack([torch.zeros(channels), torch.ones(channels)]))

    def forward(self, x: Any) -> Any:
        return functional.batch_norm(x, self.both[0], self.both[1], training=self.training)


class ByHand(nn.Module):
    """Normalization written out, with names that say nothing; new buffers in place of the old ones or written into."""

    def __init__(self, channels: int, rebinds: bool, last: bool = False, ddof: int = 0) -> None:
        super().__init__()
        shape = (channels,) if last else (1, channels, 1, 1)
        self.register_buffer("a", torch.ones(shape))
        self.register_buffer("b", torch.zeros(shape))
        self.rebinds, self.last, self.ddof = rebinds, last, ddof
        self.epsilon = 1e-4

    def forward(self, x: Any) -> Any:
        x = x.movedim(1, -1) if self.last else x
        axes = tuple(axis for axis in range(4) if axis != (3 if self.last else 1))
        mean, var = self.b, self.a
        if self.training:
            mean, var = x.mean(axes, keepdim=not self.last), x.var(axes, correction=self.ddof, keepdim=not self.last)
            if self.rebinds:
                self.b, self.a = 0.7 * self.b + 0.3 * mean, 0.7 * self.a + 0.3 * var
            else:
                self.b.lerp_(mean, 0.3)
                self.a.lerp_(var, 0.3)
        y = (x - mean) / (var + self.epsilon).sqrt()
        return y.movedim(-1, 1) if self.last else y


class LastAxis(nn.Module):
    """A layer whose input has its channels last."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelsLast(channels)

    def forward(self, x: Any) -> Any:
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


class ChannelsLast(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("center", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels))

    def forward(self, x: Any) -> Any:
        mean, var = self.center, self.spread
        if self.training:
            mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
            self.center.lerp_(mean, 0.1)
            self.spread.lerp_(var, 0.1)
        return (x - mean) / (var + 1e-5).sqrt()


class Twice(nn.Module):
    """One layer that is called twice, and one that is never called."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.unused = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x: Any) -> Any:
        return self.norm(functional.relu(self.norm(x)) + x)


class Checkpointed(nn.Module):
    """Activations are not kept but computed again for the backward pass."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Any) -> Any:
        return checkpoint(self.norm, x, use_reentrant=False)


class Volume(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm3d(channels)

    def forward(self, x: Any) -> Any:
        return self.norm(x[:, :, None])[:, :, 0]


def beside(layer: Any) -> Any:
    return lambda c: nn.Sequential(layer(c), nn.BatchNorm2d(c))


LAYERS: dict[str, tuple[Any, str]] = {
    "plain": (nn.BatchNorm2d, "1"),
    "3d": (Volume, "1.norm"),
    "synchronized": (nn.SyncBatchNorm, "1"),
    "lazy": (lambda _: nn.LazyBatchNorm2d(), "1"),
    "subclass": (WithActivation, "1"),
    "frozen": (Frozen, "1"),
    "of timm": (lambda c: pytest.importorskip("timm.layers").BatchNormAct2d(c), "1"),
    "of torchvision, frozen": (lambda c: pytest.importorskip("torchvision.ops").FrozenBatchNorm2d(c), "1"),
    "functional": (Functional, "1.m"),
    "function of torch": (lambda c: Functional(c, "torch"), "1.m"),
    "native": (lambda c: Functional(c, "native"), "1.m"),
    "operator": (lambda c: Functional(c, "operator"), "1.m"),
    "plain attributes": (lambda c: Functional(c, registered=False), "1.m"),
    "one tensor": (OneTensor, "1.both"),
    "by hand": (lambda c: ByHand(c, rebinds=False), "1"),
    "by hand, unbiased": (lambda c: ByHand(c, rebinds=False, ddof=1), "1"),
    "by hand, new buffers": (lambda c: ByHand(c, rebinds=True), "1"),
    "by hand, channels last": (LastAxis, "1.norm"),
    "called twice": (Twice, "1.norm"),
    "no running statistics": (lambda c: nn.BatchNorm2d(c, track_running_stats=False), "1"),
    "cumulative": (lambda c: nn.BatchNorm2d(c, momentum=None), "1"),
    "momentum 0": (lambda c: nn.BatchNorm2d(c, momentum=0.0), "1"),
    "no affine": (lambda c: nn.BatchNorm2d(c, affine=False), "1"),
    "checkpointed": (Checkpointed, "1.norm"),
    "instance norm beside it": (beside(lambda c: nn.InstanceNorm2d(c, track_running_stats=True)), "1.1"),
    "group norm beside it": (beside(lambda c: nn.GroupNorm(2, c)), "1.1"),
    "dropout beside it": (beside(lambda _: nn.Dropout(0.2)), "1.1"),
    "spectral norm beside it": (beside(lambda c: spectral_norm(nn.Conv2d(c, c, 1))), "1.1"),
    "parametrized beside it": (beside(lambda c: parametrizations.spectral_norm(nn.Conv2d(c, c, 1))), "1.1"),
}


def network(layer: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, CHANNELS, 3, padding=1), layer, nn.ReLU(),
        nn.Flatten(), nn.Linear(CHANNELS * 16, CHANNELS), nn.BatchNorm1d(CHANNELS), nn.ReLU(), nn.Linear(CHANNELS, 3),
    )  # fmt: skip


def rows(count: int = 16, seed: int = 0, dtype: Any = torch.float32) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn((count, 1, 4, 4), generator=generator) * 2 + 1).to(dtype)


def trained(kind: str) -> nn.Module:
    """A network whose statistics are those of some batches; lazy layers have seen one."""
    torch.manual_seed(0)
    model = network(LAYERS[kind][0](CHANNELS))
    with torch.no_grad():
        for seed in range(3):
            model.train()(rows(seed=seed))
    return model.eval()


@pytest.mark.parametrize("kind", LAYERS)
def test_found_by_what_it_does(kind: str) -> None:
    model, name = trained(kind), LAYERS[kind][1]
    private = FRAMEWORK.isolate(model, rows())
    assert [layer.name for layer in private.layers] == [name, "5"]
    assert all(layer.channels == CHANNELS for layer in private.layers)
    assert list(private.never_called) == (["1.unused"] if kind == "called twice" else [])
    assert private.layers[0].calls == (2 if kind == "called twice" else 1)
    assert private.layers[0].tracks == (kind != "no running statistics")


@pytest.mark.parametrize("kind", LAYERS)
def test_its_statistics_are_set_move_and_decide_the_output(kind: str) -> None:
    private, name = FRAMEWORK.isolate(trained(kind), rows()), LAYERS[kind][1]
    found = private.get()
    assert (name in found) == (kind != "no running statistics")
    if name not in found:
        return
    before = private.eval_pass(rows())
    new = ChannelStatistics(found[name].mean + 0.5, found[name].var * 3)
    private.set({name: new})
    assert not torch.allclose(private.eval_pass(rows()), before, atol=1e-4), "the output follows them"
    private.train_pass(rows())
    moved = not np.allclose(private.get()[name].mean, new.mean)
    assert moved == (kind not in ("frozen", "of torchvision, frozen", "momentum 0"))
    private.set(found)
    assert torch.equal(private.eval_pass(rows()), before)


@pytest.mark.parametrize("kind", LAYERS)
def test_moments_and_batch_statistics(kind: str) -> None:
    """Set to the moments of a batch, evaluation gives what normalizing by the batch gives."""
    private, name = FRAMEWORK.isolate(trained(kind), rows()), LAYERS[kind][1]
    moments = private.moments(rows(), "batch")
    assert set(moments) == {name, "5"}
    if kind in ("called twice", "no running statistics"):
        assert len(moments[name]) == private.layers[0].calls
        return
    assert float(moments[name][0].n) == 16 * 16
    private.set({layer: ChannelStatistics(m[0].mean, m[0].var()) for layer, m in moments.items()})
    assert torch.allclose(private.eval_pass(rows()), private.batch_pass(rows()), atol=1e-5)
    found = private.lockstep([rows(5, 1), rows(11, 2)])
    whole = private.moments(torch.cat([rows(5, 1), rows(11, 2)]), "batch")
    for layer, statistics in found.items():
        assert np.allclose(statistics.mean, whole[layer][0].mean, atol=1e-5)
        assert np.allclose(statistics.var, whole[layer][0].var(), rtol=1e-5)


def test_moments_of_calls_are_told_apart() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2))
    private = FRAMEWORK.isolate(model, rows()[:, 0, 0, :2], forward=lambda m, x: m[1](10 * m[1](m[0](x))))
    first, second = private.moments(rows()[:, 0, 0, :2], "train")["1"]
    assert np.allclose(second.var(), 100 * first.var(), rtol=1e-3)


def test_descriptions() -> None:
    def first(kind: str) -> Any:
        return FRAMEWORK.isolate(trained(kind), rows()).layers[0]

    assert first("plain").weight == 0.1
    assert first("plain").updates == 3
    assert first("cumulative").weight is None
    assert first("momentum 0").weight == 0.0
    assert (first("functional").weight, first("functional").eps, first("functional").updates) == (0.2, 1e-3, None)
    assert first("by hand").eps == 1e-4
    assert first("by hand").weight == pytest.approx(0.3, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (torch.compile, ["1", "5"]),
        (nn.DataParallel, ["1", "5"]),
        (lambda model: nn.Sequential(nn.DataParallel(model)), ["0.1", "0.5"]),
        (lambda model: nn.Sequential(torch.compile(model)), ["0.1", "0.5"]),
        (lambda model: (model.compile(), model)[1], ["1", "5"]),
        (lambda model: model.to(memory_format=torch.channels_last), ["1", "5"]),
        (lambda model: model.double(), ["1", "5"]),
        (lambda model: model.to(torch.bfloat16), ["1", "5"]),
    ],
    ids=[
        "compiled",
        "wrapped",
        "wrapped inside",
        "compiled inside",
        "compiled in place",
        "channels last",
        "double",
        "bfloat16",
    ],
)
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # PyTorch's own, when it compiles
def test_wrapped_compiled_and_other_precisions(change: Any, names: list[str]) -> None:
    plain = trained("plain")
    model = change(trained("plain")).eval()
    batch = rows(dtype=next(model.parameters()).dtype)
    private = FRAMEWORK.isolate(model, batch)
    assert [layer.name for layer in private.layers] == names
    expected = FRAMEWORK.isolate(plain, rows()).eval_pass(rows())
    assert torch.allclose(private.eval_pass(batch).float(), expected, atol=0.05)
    private.train_pass(batch)
    private.batch_pass(batch)
    assert private.lockstep([batch, batch]) is not None
    new = {name: ChannelStatistics(s.mean + 1, s.var * 2) for name, s in private.get().items()}
    for target in (FRAMEWORK.copied(model), model):
        FRAMEWORK.write(target, new)
        again = FRAMEWORK.isolate(target, batch).get()
        assert all(np.allclose(again[name].mean, new[name].mean, rtol=0.01) for name in names)


def test_a_model_of_several_processes_is_audited_alone(tmp_path: Any) -> None:
    """Synchronized batch norm refuses the CPU as long as there is a group of processes."""
    synchronized, inner = trained("synchronized"), trained("plain")
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        wrapped = nn.Sequential(nn.parallel.DistributedDataParallel(inner)).eval()
        for model, names in ((synchronized, ["1", "5"]), (wrapped, ["0.1", "0.5"])):
            private = FRAMEWORK.isolate(model, rows())
            assert [layer.name for layer in private.layers] == names
            private.train_pass(rows())
            assert not np.allclose(private.get()[names[0]].mean, FRAMEWORK.isolate(model, rows()).get()[names[0]].mean)
    finally:
        torch.distributed.destroy_process_group()


def test_half_precision_statistics_that_overflow_become_single() -> None:
    """The largest half is 65504."""
    torch.manual_seed(0)
    model = network(nn.BatchNorm2d(CHANNELS)).half().eval()
    batch = rows(dtype=torch.float16)
    private = FRAMEWORK.isolate(model, batch)
    found = private.get()["1"]
    FRAMEWORK.write(model, {"1": ChannelStatistics(found.mean, found.var * 1e6)})
    assert model[1].running_var.dtype is torch.float32
    assert torch.isfinite(model[1].running_var).all()
    assert model[1].running_mean.dtype is torch.float16


def test_large_variances_do_not_overflow_in_bfloat16() -> None:
    torch.manual_seed(0)
    model = network(nn.BatchNorm2d(CHANNELS))
    with torch.no_grad():
        model[0].weight *= 2000
    private = FRAMEWORK.isolate(model.to(torch.bfloat16), rows(dtype=torch.bfloat16))
    assert private.moments(rows(dtype=torch.bfloat16), "train")["1"][0].var().max() > 65504


def test_batches_of_one_row() -> None:
    """Training mode refuses them where a channel has one value; evaluation does not."""
    private = FRAMEWORK.isolate(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).eval(), torch.randn(1, 4))
    assert private.eval_pass(torch.randn(1, 4)).shape == (1, 4)
    with pytest.raises(ValueError, match="more than 1 value"):
        private.train_pass(torch.randn(1, 4))
    assert [layer.name for layer in private.layers] == ["1"]


def test_layers_of_training_alone_are_found() -> None:
    """As those of heads that only training uses; they have no statistics along the inference path."""

    class WithHead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.head = nn.BatchNorm1d(4), nn.BatchNorm1d(4)

        def forward(self, x: Any) -> Any:
            return (self.norm(x), self.head(x)) if self.training else self.norm(x)

    batch = torch.randn(8, 4)
    private = FRAMEWORK.isolate(WithHead(), batch)
    assert [layer.name for layer in private.layers] == ["norm", "head"]
    assert set(private.moments(batch, "train")) == {"norm", "head"}
    assert set(private.moments(batch, "eval")) == set(private.lockstep([batch, batch])) == {"norm"}


def test_a_layer_whose_tracking_was_turned_off_keeps_its_statistics() -> None:
    """PyTorch's layer normalizes by them in evaluation mode, and hands none over in training mode."""
    model = nn.Sequential(nn.Linear(5, CHANNELS), nn.BatchNorm1d(CHANNELS))
    model[1].running_mean += 2.0
    model[1].track_running_stats = False
    x = torch.randn(8, 5)
    copy = FRAMEWORK.isolate(model, x)
    assert [layer.tracks for layer in copy.layers] == [True]
    np.testing.assert_allclose(copy.get()["1"].mean, np.full(CHANNELS, 2.0))
    copy.set({"1": ChannelStatistics(np.zeros(CHANNELS), np.ones(CHANNELS))})
    assert not torch.allclose(copy.eval_pass(x), model.eval()(x))
    assert set(copy.moments(x, "train")) == {"1"}
    assert replaced(copy, x) == {"1": 0.0}

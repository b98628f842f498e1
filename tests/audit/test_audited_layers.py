"""Every kind of layer and setting that an audit meets: it is found, and the model is left exactly as it was.

Nothing here is random but the models' weights and data, and nothing depends on them.
"""

import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, spectral_norm
from torch.utils.checkpoint import checkpoint

import bnstats as bn

CHANNELS, CLASSES = 6, 3


class Frozen(nn.Module):
    """Batch norm with fixed statistics, as detection libraries have it: no subclass, no call of PyTorch's own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
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
    """A functional call with buffers of other names, momentum and eps as numbers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("m", torch.zeros(channels))
        self.register_buffer("v", torch.ones(channels))

    def forward(self, x: Any) -> Any:
        return functional.batch_norm(x, self.m, self.v, training=self.training, momentum=0.2, eps=1e-3)


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
    """Three dimensions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm3d(channels)

    def forward(self, x: Any) -> Any:
        return self.norm(x[:, :, None])[:, :, 0]


LAYERS = {
    "plain": lambda c: nn.BatchNorm2d(c),
    "3d": Volume,
    "synchronized": lambda c: nn.SyncBatchNorm(c),
    "lazy": lambda _: nn.LazyBatchNorm2d(),
    "subclass": WithActivation,
    "frozen": Frozen,
    "of timm": lambda c: pytest.importorskip("timm.layers").BatchNormAct2d(c),
    "of torchvision, frozen": lambda c: pytest.importorskip("torchvision.ops").FrozenBatchNorm2d(c),
    "functional": Functional,
    "instance and group norm": lambda c: nn.Sequential(
        nn.InstanceNorm2d(c, track_running_stats=True), nn.GroupNorm(2, c), nn.BatchNorm2d(c)
    ),
    "called twice": Twice,
    "no running statistics": lambda c: nn.BatchNorm2d(c, track_running_stats=False),
    "cumulative": lambda c: nn.BatchNorm2d(c, momentum=None),
    "momentum 0": lambda c: nn.BatchNorm2d(c, momentum=0.0),
    "no affine": lambda c: nn.BatchNorm2d(c, affine=False),
    "checkpointed": Checkpointed,
    "dropout": lambda c: nn.Sequential(nn.Dropout(0.2), nn.BatchNorm2d(c)),
    "spectral norm": lambda c: nn.Sequential(
        spectral_norm(nn.Conv2d(c, c, 1)), parametrizations.spectral_norm(nn.Conv2d(c, c, 1)), nn.BatchNorm2d(c)
    ),
}


def network(layer: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, CHANNELS, 3, padding=1), layer, nn.ReLU(),
        nn.Flatten(), nn.Linear(CHANNELS * 16, CHANNELS), nn.BatchNorm1d(CHANNELS), nn.ReLU(),
        nn.Linear(CHANNELS, CLASSES),
    )  # fmt: skip


def data(dtype: Any = torch.float32) -> Any:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((400, 1, 4, 4), generator=generator).to(dtype)
    y = torch.randint(CLASSES, (400,), generator=generator)
    rows = torch.utils.data.TensorDataset(x, y)
    return torch.utils.data.DataLoader(rows, 8, shuffle=True, generator=torch.Generator().manual_seed(1))


def trained(model: nn.Module, loader: Any) -> nn.Module:
    """Some steps of training, with a gradient left behind and a graph that waits for its backward pass."""
    with torch.no_grad():
        model(next(iter(loader))[0])
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    for x, y in loader:
        optimizer.zero_grad()
        functional.cross_entropy(model(x).float(), y).backward()
        optimizer.step()
    return model


def bits(tensor: Any) -> bytes:
    return tensor.detach().contiguous().view(torch.uint8).numpy().tobytes() if tensor.ndim else str(tensor).encode()


def everything(model: nn.Module, loader: Any) -> dict[str, Any]:
    """All that an audit must not change."""
    seen: dict[str, Any] = {"python": random.getstate(), "torch": bits(torch.get_rng_state())}
    numpy = np.random.get_state()  # noqa: NPY002
    seen["numpy"] = (numpy[1].tobytes(), *numpy[2:])
    seen["loader"] = bits(loader.generator.get_state())
    for path, module in model.named_modules():
        seen[f"{path} mode"] = module.training
        seen[f"{path} hooks"] = [
            list(getattr(module, hooks)) for hooks in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
        ]
        seen[f"{path} numbers"] = {k: v for k, v in vars(module).items() if isinstance(v, float | int | bool | str)}
        for name, value in [*vars(module).items(), *module._buffers.items(), *module._parameters.items()]:
            if isinstance(value, torch.Tensor):
                gradient = bits(value.grad) if value.is_leaf and value.grad is not None else None
                seen[f"{path} {name}"] = (id(value), value._version, value.requires_grad, bits(value), gradient)
    return seen


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("training", [False, True])
def test_every_kind_of_layer_is_audited_and_left_as_it_was(kind: str, training: bool) -> None:
    torch.manual_seed(0)
    loader = data()
    model = trained(network(LAYERS[kind](CHANNELS)), loader)
    model.train(training)
    waiting = functional.cross_entropy(model(torch.randn(8, 1, 4, 4)), torch.zeros(8, dtype=torch.long))
    before = everything(model, loader)
    report = bn.audit(model, loader, batches=50)
    assert everything(model, loader) == before
    waiting.backward()  # no buffer of the waiting graph was written into
    assert report.layers["layer"].iloc[-1] == "5"
    assert len(report.layers) == 2
    assert set(report.scores["statistics"]) == {"batch", "running", "averaged", "precise", "population"}
    assert [finding.cause for finding in report.findings] == ["mixed_modes" if "frozen" in kind else "nothing_wrong"]


def test_calls_of_a_layer_are_told_apart() -> None:
    """Values of the second call vary 100 times as much; each call's batch variances spread alike."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2)).train()

    def twice(model: nn.Module, batch: Any) -> Any:
        return model[1](10 * model[1](model[0](batch)))

    layers = bn.audit(model, [torch.randn(64, 2) for _ in range(60)], forward=twice).layers.set_index("layer")
    assert layers.loc["1", "var_spread"] < 0.3


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # PyTorch's own, when it compiles
@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda model: torch.compile(model), ["1", "5"]),
        (lambda model: nn.DataParallel(model), ["1", "5"]),
        (lambda model: nn.Sequential(nn.DataParallel(model)), ["0.1", "0.5"]),
        (lambda model: model.to(memory_format=torch.channels_last), ["1", "5"]),
        (lambda model: model.double(), ["1", "5"]),
        (lambda model: model.to(torch.bfloat16), ["1", "5"]),
        (lambda model: model.half(), ["1", "5"]),
    ],
    ids=["compiled", "wrapped", "wrapped inside", "channels last", "double", "bfloat16", "half"],
)
def test_wrapped_compiled_and_other_precisions(change: Any, names: list[str]) -> None:
    torch.manual_seed(0)
    model = change(trained(network(nn.BatchNorm2d(CHANNELS)), data()))
    loader = data(next(model.parameters()).dtype)
    before = everything(model, loader)
    report = bn.audit(model.eval(), loader, batches=50)
    model.train()
    assert everything(model, loader) == before
    assert list(report.layers["layer"]) == names


def test_large_variances_do_not_overflow_in_half_precision() -> None:
    """The largest half is 65504; statistics are kept in float32."""
    torch.manual_seed(0)
    model = network(nn.BatchNorm2d(CHANNELS))
    with torch.no_grad():
        model[0].weight *= 2000
    loader = data(torch.bfloat16)
    report = bn.audit(model.to(torch.bfloat16), loader, batches=50)
    assert report.channels["precise_var"].max() > 65504
    assert np.isfinite(report.channels["population_var"]).all()


class StopError(Exception):
    pass


@pytest.mark.parametrize("error", [StopError, KeyboardInterrupt])
@pytest.mark.parametrize("after", [0, 20, 60, 200])
def test_an_interrupted_audit_leaves_all_as_it_was(error: Any, after: int) -> None:
    torch.manual_seed(0)
    loader = data()
    model = trained(network(LAYERS["spectral norm"](CHANNELS)), loader)
    before, calls = everything(model, loader), 0

    def forward(model: nn.Module, batch: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise error
        return model(batch[0])

    # What a model raises on its first batch is refused in a sentence; an interruption never is.
    with pytest.raises((ValueError, StopError) if error is StopError else error):
        bn.audit(model, loader, forward=forward, batches=50)
    assert everything(model, loader) == before


def test_layers_are_named_and_described() -> None:
    torch.manual_seed(0)
    loader = data()
    layers = bn.audit(trained(network(Twice(CHANNELS)), loader), loader, batches=50).layers.set_index("layer")
    assert list(layers.index) == ["1.norm", "5"]
    assert list(layers["calls"]) == [2, 1]
    assert list(layers["n"]) == [8 * 16, 8]
    model = trained(network(Functional(CHANNELS)), loader)
    functional_call = bn.audit(model, loader, batches=50).layers.set_index("layer").loc["1.m"]
    assert functional_call["eps"] == 1e-3
    assert functional_call["momentum"] == 0.2


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)


def test_importing_bnstats_does_not_import_torch() -> None:
    assert python("import sys, bnstats; bnstats.advise; sys.exit('torch' in sys.modules)").returncode == 0


@pytest.mark.parametrize("name", ["audit", "recalibrate"])
def test_without_torch_it_is_said_what_to_install(name: str) -> None:
    found = python(f"import sys; sys.modules['torch'] = None; import bnstats; bnstats.{name}")
    assert "pip install 'bnstats[torch]'" in found.stderr


def test_the_name_means_the_same_whatever_was_imported_before() -> None:
    for first in ("bnstats.audit.watch", "bnstats"):
        found = python(f"import bnstats, {first}; bnstats.audit('model', [])")
        assert "ValueError: model is a torch.nn.Module" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((nn.Linear(2, 2), [torch.zeros(4, 2)]), {}, "calls none"),
        (("model", [torch.zeros(4, 2)]), {}, "torch.nn.Module"),
        ((nn.BatchNorm1d(2), iter([torch.zeros(4, 2)])), {}, "only once"),
        ((nn.BatchNorm1d(2), (x for x in [torch.zeros(4, 2)])), {}, "only once"),
        ((nn.BatchNorm1d(2), []), {}, "empty"),
        ((nn.BatchNorm1d(2), torch.zeros(4, 2)), {}, "single"),
        ((nn.BatchNorm1d(2), 3), {}, "iterable"),
        ((nn.BatchNorm1d(2), ["ab"]), {}, "tensor"),
        ((nn.BatchNorm1d(2), [torch.zeros(4, 2)]), {"batches": 10}, "batches"),
        ((nn.BatchNorm1d(2), [torch.zeros(4, 2)]), {"seed": -1}, "seed"),
        ((nn.BatchNorm1d(2), [torch.zeros(4, 2)]), {"steps": 0}, "steps"),
        ((nn.LazyBatchNorm1d(), [torch.zeros(4, 2)]), {}, "lazy"),
        ((nn.BatchNorm1d(2), [(torch.randn(4, 2), torch.randn(4))] * 60), {}, "score="),
        ((nn.BatchNorm1d(2), [torch.randn(4, 2)] * 60), {"score": lambda output, _: output}, "per row"),
        ((nn.BatchNorm1d(2), [torch.randn(4, 2)] * 60), {"test": iter([])}, "only once"),
        ((nn.BatchNorm1d(2), [torch.randn(4, 2)] * 60), {"test": []}, "test holds batches of rows; it is empty"),
        ((nn.BatchNorm1d(2), [torch.randn(4, 2)] * 60), {"test": np.array(5.0)}, "test cannot be read, TypeError"),
        ((nn.BatchNorm1d(2), np.array(5.0)), {}, "loader cannot be read, TypeError"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bn.audit(*arguments, **options)

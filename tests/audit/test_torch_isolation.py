"""Whatever a model does when it runs, the original, its data and all random state stay as they are, bit for bit.

Nothing here is random but the models' weights and data, and nothing depends on them. `copy.deepcopy` fails for those of
`DEEPCOPY_FAILS`, or what it makes changes the original when it runs.
"""

import copy
import gc
import random
from collections import UserDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

from awkward_models import MODELS, WIDTH, Net
from torch import nn

from bnstats import audit
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.audit.torch import FRAMEWORK

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*quantized:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.ao.*:DeprecationWarning"),
]


def made(name: str) -> nn.Module:
    torch.manual_seed(0)
    return MODELS[name]().eval()


def bits(tensor: Any) -> bytes:
    return (
        bytes(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()) if tensor.numel() else b""
    )


def everything(model: nn.Module) -> dict[str, Any]:
    """All state of a model: identities, versions and bits of tensors, attributes, hooks, modes; global random state."""
    seen: dict[str, Any] = {"torch": bits(torch.get_rng_state()), "python": random.getstate()}
    seen["numpy"] = str(np.random.get_state())  # noqa: NPY002
    for path, module in model.named_modules():
        held = {**vars(module), **module._buffers, **module._parameters}
        for name, value in held.items():
            seen[f"{path} {name}"] = _state(value)
        for hook in module._forward_hooks.values():
            seen[f"{path} hook"] = _state(hook)
    return seen


def _state(value: Any, depth: int = 0) -> Any:
    if isinstance(value, torch.Tensor):
        version = None if value.is_inference() else value._version
        grad = value.grad is None if value.is_leaf else None
        return id(value), version, value.requires_grad, value.data_ptr(), bits(value), grad
    if isinstance(value, torch.Generator):
        return bits(value.get_state())
    if isinstance(value, np.random.Generator):
        return str(value.bit_generator.state)
    if isinstance(value, np.ndarray):
        return id(value), value.tobytes()
    if isinstance(value, dict) and depth < 3:
        return id(value), [(key, _state(v, depth + 1)) for key, v in value.items()]
    if isinstance(value, list | tuple) and depth < 3:
        return id(value), [_state(v, depth + 1) for v in value]
    if callable(value) and getattr(value, "__closure__", None) and depth < 3:
        return id(value), [_state(cell.cell_contents, depth + 1) for cell in value.__closure__], vars(value).copy()
    if hasattr(value, "__slots__") and depth < 3:
        return id(value), [str(getattr(value, name, None)) for name in value.__slots__]
    return id(value)


def batches() -> list[Any]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(n, WIDTH, generator=generator) for n in (8, 5, 12)]


def run_all(model: nn.Module, rows: list[Any], forward: Any = None) -> Any:
    """Every pass of the protocol; the guard, and the output in evaluation mode before and after training passes."""
    with FRAMEWORK.guarded(model, [rows], 0) as guard:
        private = FRAMEWORK.isolate(model, rows[0], forward=forward)
        statistics = private.get()
        first = private.eval_pass(rows[0])
        for batch in rows:
            private.train_pass(batch)
            private.batch_pass(batch)
        for mode in ("train", "eval", "batch"):
            private.moments(rows[0], mode)
        found = private.lockstep(rows)
        if found is not None:
            private.set({name: found[name] for name in statistics if name in found})
        private.set(statistics)
        again = private.eval_pass(rows[0])
        FRAMEWORK.isolate(model, rows[0], forward=forward).train_pass(rows[1])
    return guard, first, again, private.written


@pytest.mark.parametrize("name", MODELS)
def test_passes_leave_everything_as_it_was(name: str) -> None:
    model, rows = made(name), batches()
    data = [batch.clone() for batch in rows]
    before = everything(model)
    guard, first, again, written = run_all(model, rows)
    assert everything(model) == before
    assert list(guard.changed) == []
    assert written == (["last.weight"] if name == "closure_that_writes_weights" else [])
    assert all(torch.equal(a, b) for a, b in zip(rows, data, strict=True))
    assert torch.equal(first, again), "training passes have moved the copy"
    with torch.no_grad():
        assert torch.equal(first, model(data[0].clone())), "the copy computes something else"


DEEPCOPY_FAILS = {
    "tensor_within_a_graph", "old_weight_norm", "old_spectral_norm", "pruned", "with_a_lock", "with_a_generator",
    "with_a_thread", "closure_that_counts", "closure_that_writes_weights", "refuses_deepcopy", "refuses_pickle",
    "counter_of_a_function", "tensor_of_a_subclass",
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_how_many_of_them_deepcopy_manages(name: str) -> None:
    """It is why there is a copier; an entry that is no longer true tells that PyTorch or Python has changed."""
    model, rows = made(name), batches()
    before = everything(model)
    try:
        other = copy.deepcopy(model)
        other.train()(rows[0])
        worked = everything(model) == before and other.state_dict().keys() == model.state_dict().keys()
        other.eval()
        del other
        gc.collect()
        model(rows[1])
    except Exception:
        worked = False
    assert worked == (name not in DEEPCOPY_FAILS)


def test_paths_of_what_is_shared() -> None:
    guard, *_ = run_all(made("with_a_lock"), batches())
    assert guard.shared == ["lock"]
    guard, *_ = run_all(made("with_a_generator"), batches())
    assert guard.shared == ["numbers"]


GLOBAL: Any = None


def global_hook(*_: Any) -> None:
    GLOBAL.count = getattr(GLOBAL, "count", 0) + 1
    with torch.no_grad():
        GLOBAL.last.weight.add_(1)


def test_a_hook_that_reaches_the_original_by_a_global_name_is_put_back_and_said() -> None:
    global GLOBAL
    GLOBAL = made("plain")
    waiting = GLOBAL(batches()[0].clone()).sum()
    GLOBAL.norm.register_forward_hook(global_hook)
    before = everything(GLOBAL)
    guard, first, again, _ = run_all(GLOBAL, batches())
    assert everything(GLOBAL) == before
    assert "last.weight" in guard.changed
    assert any("model" in path or path == "" for path in guard.changed)
    assert torch.equal(first, again)
    waiting.backward()
    GLOBAL = None


PASSES: list[int] = []
WRITES: dict[str, Any] = {
    "data": lambda weight: weight.data.mul_(1.1),
    "new data": lambda weight: setattr(weight, "data", weight.data * 1.1),
    "several at once": lambda weight: torch._foreach_mul_([weight.data], 1.1),
    "numpy": lambda weight: np.multiply(weight.detach().numpy(), 1.1, out=weight.detach().numpy()),
    "dlpack": lambda weight: torch.from_dlpack(weight.detach()).mul_(1.1),
    "storage": lambda weight: torch.empty(0).set_(weight.untyped_storage()).mul_(1.1),
}


class WritesLate(Net):
    """From some pass on, it writes to a weight, and PyTorch does not count it."""

    def forward(self, x: Any) -> Any:
        PASSES.append(len(x))
        if len(PASSES) > self.late:
            WRITES[self.kind](self.last.weight)
        return super().forward(x)


def writes_late(kind: str, late: int) -> nn.Module:
    model = made("plain")
    model.__class__, model.kind, model.late = WritesLate, kind, late
    PASSES.clear()
    return model


@pytest.mark.parametrize("kind", WRITES)
def test_once_evaluation_was_seen_to_write_to_weights_passes_begin_with_the_same_ones(kind: str) -> None:
    model, rows = writes_late(kind, 5), batches()
    before = everything(model)
    private = FRAMEWORK.isolate(model, rows[0])
    assert private.written == []
    first, *_ = [private.eval_pass(rows[0]) for _ in range(9)]
    private.train_pass(rows[0])
    assert private.written == ["last.weight"]
    outputs = [private.eval_pass(rows[0]) for _ in range(3)]
    assert not torch.equal(first, outputs[0])
    assert all(torch.equal(outputs[0], other) for other in outputs)
    assert everything(model) == before
    assert FRAMEWORK.isolate(model, rows[0]).written == ["last.weight"], "it writes at once"


def test_an_audit_compares_the_same_weights_and_names_those_that_evaluation_writes_to() -> None:
    """Results of passes before a write was seen are measured again, as if passes had written from the first on."""
    rows = [(batch, torch.arange(len(batch)) % 2) for batch in batches() * 4]
    reports = [audit(writes_late("data", late), rows) for late in (52, 0)]  # while the first statistics are scored
    assert "Evaluation passes write to last.weight, which this audit puts back after each pass." in reports[0].notes
    assert reports[0].notes == reports[1].notes
    pd.testing.assert_frame_equal(reports[0].scores, reports[1].scores)


@pytest.mark.parametrize("training", [False, True])
def test_a_graph_that_waits_for_its_backward_pass(training: bool) -> None:
    model = made("plain").train(training)
    model.first.weight.requires_grad_(False)
    waiting = model(batches()[0]).square().sum()
    before = everything(model)
    run_all(model, batches())
    assert everything(model) == before
    assert model.training == training
    waiting.backward()


def test_outputs_keep_no_graph() -> None:
    private = FRAMEWORK.isolate(made("plain"), batches()[0])
    for out in (private.train_pass(batches()[0]), private.eval_pass(batches()[0]), private.batch_pass(batches()[0])):
        assert not out.requires_grad


def test_within_inference_mode() -> None:
    model = made("plain")
    before = everything(model)
    with torch.inference_mode():
        run_all(model, batches())
    assert everything(model) == before


def test_random_state_and_generators_of_loaders() -> None:
    rows = torch.utils.data.TensorDataset(torch.randn(20, WIDTH))
    generator = torch.Generator().manual_seed(5)
    loader, model = torch.utils.data.DataLoader(rows, 5, shuffle=True, generator=generator), made("plain")
    before = bits(generator.get_state()), bits(torch.get_rng_state()), random.getstate()
    with FRAMEWORK.guarded(model, [loader], 7):
        first = [batch[0] for batch in loader]
        random.random()
        np.random.rand()  # noqa: NPY002
    assert before == (bits(generator.get_state()), bits(torch.get_rng_state()), random.getstate())
    assert all(torch.equal(a, b[0]) for a, b in zip(first, loader, strict=True)), "the next epoch is as it would be"


# ---- batches of any form


@dataclass
class Labeled:
    x: Any
    y: Any


class Graph:
    """Nodes and edges, as graph libraries hold them."""

    def __init__(self, x: Any) -> None:
        self.x, self.edges = x, torch.zeros(2, 3)


class OfGraphs(Net):
    def forward(self, graph: Any) -> Any:
        graph.x.mul_(2)
        return super().forward(graph.x)


class OfTwo(Net):
    def forward(self, a: Any, b: Any) -> Any:
        return super().forward(a.add_(b))


class OfMapping(Net):
    def forward(self, x: Any, extra: Any = None) -> Any:
        return super().forward(x.mul_(2))


class OfNumpy(Net):
    def forward(self, x: Any) -> Any:
        x *= 2
        return super().forward(torch.from_numpy(x))


def some(n: int = 6) -> Any:
    return torch.randn(n, WIDTH, generator=torch.Generator().manual_seed(n))


BATCHES: dict[str, tuple[Any, Any]] = {
    "pair with numpy labels": (Net, lambda n: (some(n), np.arange(n))),
    "names and weights": (Net, lambda n: [some(n), [f"row {i}" for i in range(n)], np.ones(n)]),
    "two inputs and labels": (OfTwo, lambda n: (some(n), some(n), np.arange(n))),
    "dictionary": (OfMapping, lambda n: {"x": some(n), "y": torch.arange(n), "name": ["a"] * n}),
    "user's dictionary": (OfMapping, lambda n: UserDict(x=some(n), labels=torch.arange(n))),
    "object": (OfGraphs, lambda n: Graph(some(n))),
    "numpy": (OfNumpy, lambda n: some(n).numpy()),
}


@pytest.mark.parametrize("kind", BATCHES)
def test_batches_of_any_form_and_width_are_copied_and_passed(kind: str) -> None:
    make_model, make_batch = BATCHES[kind]
    torch.manual_seed(0)
    model = make_model().eval()
    rows, data = [make_batch(n) for n in (6, 9, 3)], [make_batch(n) for n in (6, 9, 3)]
    before = everything(model)
    _, first, again, _ = run_all(model, rows)
    assert everything(model) == before
    assert len(first) == 6
    assert torch.equal(first, again)
    for one, other in zip(rows, data, strict=True):
        assert str(one if not hasattr(one, "x") else one.x) == str(other if not hasattr(other, "x") else other.x)


def test_forward_is_called_with_the_copy() -> None:
    model, seen = made("plain"), []

    def forward(given: Any, batch: Any) -> Any:
        seen.append(given)
        batch.x.zero_()
        return given(batch.x)

    rows = [Labeled(some(n), 1) for n in (6, 4)]
    run_all(model, rows, forward)
    assert all(given is not model for given in seen)
    assert rows[0].x.abs().sum() > 0


def test_statistics_are_set_and_move_as_in_training() -> None:
    model = made("plain")
    private = FRAMEWORK.isolate(model, batches()[0])
    before = private.get()["norm"]
    new = ChannelStatistics(before.mean + 1, before.var * 2)
    private.set({"norm": new})
    assert np.allclose(private.get()["norm"].mean, new.mean)
    private.eval_pass(batches()[0])
    private.batch_pass(batches()[0])
    assert np.allclose(private.get()["norm"].mean, new.mean), "these passes move nothing"
    private.train_pass(batches()[0])
    x = model.first(batches()[0]).detach().double().numpy()
    assert np.allclose(private.get()["norm"].mean, 0.9 * new.mean + 0.1 * x.mean(axis=0), atol=1e-6)
    assert np.allclose(private.get()["norm"].var, 0.9 * new.var + 0.1 * x.var(axis=0, ddof=1), atol=1e-6)
    assert private.layers[0].updates == 0, "the counter stays"


# ---- written into the user's model, and copied for use


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"made_for_inference"}))
def test_statistics_are_written_into_the_model_or_a_copy(name: str) -> None:
    for inplace in (True, False):
        model, rows = made(name), batches()
        with FRAMEWORK.guarded(model, [rows], 0):
            private = FRAMEWORK.isolate(model, rows[0])
            found = private.get()
            wanted = {layer: ChannelStatistics(s.mean + 1, s.var * 2) for layer, s in found.items()}
            private.set(wanted)
            expected = private.eval_pass(rows[0])
        before = everything(model)
        target = FRAMEWORK.write(model if inplace else FRAMEWORK.copied(model), wanted)
        assert (target is model) == inplace
        assert inplace or everything(model) == before
        with torch.no_grad():
            assert torch.allclose(target.eval()(rows[0].clone()), expected)


def test_views_of_several_types_look_at_the_same_places() -> None:
    """Imaginary parts begin within a number: a copy of the memory from there on would hold no whole numbers."""
    model, numbers = made("plain"), torch.arange(8.0).view(torch.complex64)
    model.imaginary, model.later = torch.view_as_real(numbers)[:, 1], numbers[1:]
    new = FRAMEWORK.copied(model)
    assert torch.equal(new.later, model.later)
    new.imaginary.zero_()
    assert torch.equal(new.later, model.later.real + 0j)


def test_a_copy_draws_from_pytorchs_own_generator_as_the_model_does() -> None:
    model = made("plain")
    model.generator = torch.default_generator
    assert FRAMEWORK.copied(model).generator is torch.default_generator


def test_a_copy_can_be_trained() -> None:
    model = made("pruned")
    new = FRAMEWORK.copied(model)
    before = everything(model)
    assert [p.requires_grad for p in new.parameters()] == [p.requires_grad for p in model.parameters()]
    new.train()(batches()[0]).sum().backward()
    torch.optim.SGD(new.parameters(), 0.1).step()
    assert everything(model) == before
    assert not torch.equal(new.first.weight_orig, model.first.weight_orig)


# ---- the guard of the original


def of_all_kinds() -> nn.Module:
    """Its last bias has a gradient; a list, an array of numbers and one of objects are attributes."""
    model = made("plain")
    model(batches()[0]).sum().backward()
    model.first.weight.grad = None
    model.log, model.numbers, model.objects = [1], np.arange(3.0), np.array([[1], None], dtype=object)
    return model


def rebind(model: Any) -> None:
    model.last.weight.data = torch.zeros_like(model.last.weight)


def write_numbers(model: Any) -> None:
    model.numbers[1] = 7


def replace_object(model: Any) -> None:
    model.objects[0] = "other"


TOUCHED: dict[str, tuple[Any, str]] = {
    "other memory": (rebind, "last.weight"),
    "no gradient": (lambda model: model.last.weight.requires_grad_(False), "last.weight"),
    "a gradient": (
        lambda model: setattr(model.first.weight, "grad", torch.ones_like(model.first.weight)),
        "first.weight",
    ),
    "another gradient": (lambda model: setattr(model.last.bias, "grad", None), "last.bias"),
    "an attribute": (lambda model: setattr(model, "new", 1), "model"),
    "a list": (lambda model: model.log.append(2), "log"),
    "an array": (write_numbers, "numbers"),
    "an array of objects": (replace_object, "objects"),
    "a hook": (lambda model: model.last.register_forward_hook(lambda *_: None), "last._forward_hooks"),
    "written and back": (lambda model: model.last.weight.add_(1).sub_(1), "last.weight"),
}


@pytest.mark.parametrize("change", TOUCHED)
def test_what_changes_in_the_original_is_put_back_and_said(change: str) -> None:
    model = of_all_kinds()
    with torch.no_grad():
        model.last.weight.fill_(0.5)  # so that adding one and taking it away is exact
    before, gradient = everything(model), model.last.bias.grad
    touch, path = TOUCHED[change]
    with FRAMEWORK.guarded(model, [], 0) as guard, torch.no_grad():
        touch(model)
    assert path in guard.changed
    assert everything(model) == before
    assert model.last.bias.grad is gradient


@pytest.mark.parametrize("name", ["first.weight", "norm.running_mean"])
def test_values_that_cannot_be_put_back_are_told_as_an_error(name: str) -> None:
    model = of_all_kinds()
    message = f"{name} of the original, which could not be put back"
    with pytest.raises(RuntimeError, match=message), FRAMEWORK.guarded(model, [], 0), torch.no_grad():
        model.state_dict()[name].add_(1)


# ---- refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (nn.LazyBatchNorm1d, "lazy layers that have not seen a batch"),
        (lambda: torch.jit.script(Net()), "is scripted"),
        (lambda: 3, r"torch.nn.Module; got int"),
        (lambda: nn.Linear(3, 1), "does not run on the first batch: RuntimeError"),
    ],
)
def test_refused_in_a_sentence(make: Any, message: str) -> None:
    model = make()
    with pytest.raises(ValueError, match=message):
        FRAMEWORK.isolate(model, some())


def test_sharded_tensors_are_refused() -> None:
    class DTensor(torch.Tensor):
        """As PyTorch names those that are spread over processes."""

    model = made("plain")
    model.last.weight = nn.Parameter(model.last.weight.detach().as_subclass(DTensor))
    with pytest.raises(ValueError, match="audit a gathered copy"):
        FRAMEWORK.isolate(model, some())

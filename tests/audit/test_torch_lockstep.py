"""Population statistics in one pass are those of one big batch, and no way out leaves a thread waiting.

Nothing here is random but the models' weights and data, and nothing depends on them.
"""

import threading
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

from torch import nn
from torch.nn import functional

from bnstats.audit.core.kinds import population
from bnstats.audit.torch import FRAMEWORK

SIZES = (16, 5, 9, 30)


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one, self.two = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x: Any) -> Any:
        return functional.relu(x + self.norm2(self.two(functional.relu(self.norm1(self.one(x))))))


def residual() -> nn.Module:
    torch.manual_seed(0)
    first = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
    return nn.Sequential(*first, *(Residual(8) for _ in range(4)), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def images() -> list[Any]:
    torch.manual_seed(1)
    return [torch.randn(n, 3, 12, 12) * (1 + n / 10) + n / 20 for n in SIZES]


def isolated(model: nn.Module, rows: list[Any], forward: Any = None) -> Any:
    return FRAMEWORK.isolate(model, rows[0], forward=forward)


def assert_as_one_batch(private: Any, rows: list[Any], tolerance: float = 2e-7) -> None:
    """In standard deviations and relative to the variance."""
    found = private.lockstep(rows)
    whole = private.moments(torch.cat(rows), "batch")
    for name, (mean, var) in found.items():
        expected = whole[name][0]
        assert np.abs(mean - expected.mean).max() <= tolerance * np.sqrt(expected.var()).max()
        assert np.abs(var / expected.var() - 1).max() <= tolerance


def test_equal_to_one_big_batch() -> None:
    private = isolated(residual(), images())
    assert len(private.lockstep(images())) == 9
    assert_as_one_batch(private, images())
    before = private.get()
    private.lockstep(images())
    after = private.get()
    assert all(np.array_equal(after[name].var, before[name].var) for name in before), "the model's own stay"


def test_a_pass_with_these_statistics_reproduces_them() -> None:
    """Independent of the lockstep: along the inference path, statistics of what a layer gets are those that it has."""
    private = isolated(residual(), images())
    found = private.lockstep(images())
    private.set(found)
    seen = [private.moments(batch, "eval") for batch in images()]
    for name, (mean, var) in found.items():
        total = seen[0][name][0]
        for other in seen[1:]:
            total = total.merge(other[name][0])
        assert np.allclose(total.mean, mean, atol=1e-5)
        assert np.allclose(total.var(), var, rtol=1e-5)


def test_statistics_of_independent_passes_differ() -> None:
    """The lockstep is needed: batches that are normalized by themselves give deeper layers other statistics."""
    private = isolated(residual(), images())
    found, seen = private.lockstep(images()), [private.moments(batch, "batch") for batch in images()]
    name = private.layers[-1].name
    total = seen[0][name][0]
    for other in seen[1:]:
        total = total.merge(other[name][0])
    assert np.abs(total.var() / found[name].var - 1).max() > 0.01


class Keeping(nn.Module):
    """Keeps what it passes on in an attribute; with `forgets`, only until the pass ends."""

    def __init__(self, forgets: bool) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.BatchNorm1d(4)
        self.forgets = forgets

    def forward(self, x: Any) -> Any:
        self.kept = self.first(x)
        y = self.second(self.norm(x) + self.kept)
        if self.forgets:
            del self.kept
        return y


@pytest.mark.parametrize("forgets", [False, True])
def test_batches_do_not_mix_in_attributes(forgets: bool) -> None:
    torch.manual_seed(0)
    rows = [torch.randn(8, 4) + k for k in range(4)]
    assert_as_one_batch(isolated(Keeping(forgets), rows), rows, 1e-6)


def test_batches_do_not_mix_in_a_list_that_is_empty_again() -> None:
    """Nothing is left to see after the pass: only the check of the first batch alone tells."""

    class Stack(Keeping):
        def forward(self, x: Any) -> Any:
            self.stack.append(self.first(x))
            y = self.norm(x)
            return self.second(y + self.stack.pop())

    torch.manual_seed(0)
    rows, model = [torch.randn(8, 4) + k for k in range(4)], Stack(False)
    model.stack = []
    private = isolated(model, rows)
    assert not private.working.apart
    assert_as_one_batch(private, rows, 1e-6)


def test_the_first_batch_keeps_what_the_others_then_use_in_no_lockstep() -> None:
    """The first batch alone is as among the others, so its check tells nothing: what evaluation leaves behind does."""

    class First(Keeping):
        def forward(self, x: Any) -> Any:
            if not hasattr(self, "kept"):
                self.kept = self.first(x)
            return self.second(self.norm(x) + self.kept)

    torch.manual_seed(0)
    rows = [torch.randn(8, 4) + k for k in range(4)]
    assert_as_one_batch(isolated(First(False), rows), rows, 1e-6)


def test_layers_that_normalize_by_themselves() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("running_mean", torch.zeros(4))
            self.register_buffer("running_var", torch.ones(4))

        def forward(self, x: Any) -> Any:
            return (x - self.running_mean) / (self.running_var + 1e-5).sqrt()

    torch.manual_seed(0)
    rows = [torch.randn(8, 4) * (1 + k) + k for k in range(4)]
    private = isolated(nn.Sequential(Own(), nn.Linear(4, 4), Own(), nn.BatchNorm1d(4)), rows)
    assert_as_one_batch(private, rows, 1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions(dtype: Any) -> None:
    rows = [batch.to(dtype) for batch in images()]
    private = isolated(residual().to(dtype), rows)
    assert_as_one_batch(private, rows, 1e-12 if dtype is torch.float64 else 2e-2)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: Any) -> Any:
        return self.norm(functional.relu(self.norm(x)))


class OtherOrder(nn.Module):
    """Small batches meet the layers in another order, or leave one out."""

    def __init__(self, skips: bool) -> None:
        super().__init__()
        self.a, self.b, self.skips = nn.BatchNorm1d(4), nn.BatchNorm1d(4), skips

    def forward(self, x: Any) -> Any:
        if len(x) > 6:
            return self.b(self.a(x))
        return self.a(x) if self.skips else self.a(self.b(x))


@pytest.mark.parametrize("model", [Twice(), OtherOrder(True), OtherOrder(False)])
@pytest.mark.parametrize("sizes", [(8, 5, 8), (8, 8, 5), (8, 5)])
def test_other_paths_are_left_to_repeated_passes(model: nn.Module, sizes: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    rows = [torch.randn(n, 4) for n in sizes]
    private = isolated(model, rows)
    before = threading.active_count()
    assert private.lockstep(rows) is None
    assert threading.active_count() == before
    assert set(population(private, rows)) == {layer.name for layer in private.layers}


class StopError(Exception):
    pass


@pytest.mark.parametrize("error", [StopError, KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("at", [0, 2, 3])
@pytest.mark.parametrize("layers", [0, 1, 2])
def test_an_error_in_one_batch_ends_all(error: Any, at: int, layers: int) -> None:
    """Before, between and behind the layers; in the first batch, in the middle and in the last."""
    torch.manual_seed(0)
    norms = nn.ModuleList([nn.BatchNorm1d(4), nn.BatchNorm1d(4)])
    rows = [torch.randn(8, 4) for _ in range(4)]
    rows[at][0, 0] = 1000.0
    asked = threading.Event()

    def forward(model: Any, x: Any) -> Any:
        marked = float(x[0, 0]) == 1000
        for place in range(3):
            if marked and place == layers and asked.is_set():
                raise error
            x = model[place](x) if place < 2 else x
        return x

    private = isolated(norms, rows, forward)
    before = threading.active_count()
    asked.set()
    with pytest.raises(error):
        private.lockstep(rows)
    assert threading.active_count() == before
    asked.clear()
    assert private.lockstep(rows) is not None, "the copy can be used again"


def test_errors_that_a_model_catches_do_not_go_on() -> None:
    """A model that catches everything ends, too: each of its layers tells it again."""
    torch.manual_seed(0)

    class Catching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norms = nn.ModuleList([nn.BatchNorm1d(4) for _ in range(3)])

        def forward(self, x: Any) -> Any:
            for norm in self.norms:
                try:
                    x = norm(x)
                except BaseException:
                    continue
            if len(x) == 5 and self.fails:
                raise StopError
            return x

    model, rows = Catching(), [torch.randn(n, 4) for n in (8, 5, 8)]
    model.fails = False
    private = isolated(model, rows)
    private.working.module.fails = True
    before = threading.active_count()
    with pytest.raises(StopError):
        private._in_step(rows, apart=False)
    assert threading.active_count() == before


class Locked(nn.Module):
    """Holds a lock while its layer runs."""

    def __init__(self, lock: Any) -> None:
        super().__init__()
        self.norm, self.lock = nn.BatchNorm1d(4), lock

    def forward(self, x: Any) -> Any:
        with self.lock:
            return self.norm(x)


@pytest.mark.parametrize("make", [threading.Lock, threading.RLock, threading.Condition])
def test_a_lock_of_the_model_is_one_of_each_batch(make: Any) -> None:
    torch.manual_seed(0)
    rows = [torch.randn(8, 4) for _ in range(3)]
    private = isolated(Locked(make()), rows)
    private._patience = 600  # it does not wait
    assert_as_one_batch(private, rows, 1e-6)


LOCK = threading.Lock()


def test_a_lock_around_the_layers_ends_within_the_time() -> None:
    """The second batch waits for the lock of the first, and the first for the second's arrival."""
    rows = [torch.randn(8, 4) for _ in range(3)]

    def forward(model: Any, x: Any) -> Any:
        with LOCK:
            return model(x)

    private = isolated(nn.BatchNorm1d(4), rows, forward)
    private._patience = 0.2
    before = threading.active_count()
    assert private.lockstep(rows) is None
    assert threading.active_count() == before
    assert LOCK.acquire(blocking=False), "it was given back"
    LOCK.release()


def test_settings_of_the_caller_hold_in_every_batch() -> None:
    rows = images()
    private = isolated(residual(), rows)
    with torch.autocast("cpu", torch.bfloat16):
        found = private.lockstep(rows)
        expected = private.moments(torch.cat(rows), "batch")
    plain = private.lockstep(rows)
    name = private.layers[-1].name
    difference = np.abs(found[name].var / plain[name].var - 1).max()
    assert difference > 1e-5, "bfloat16 rounds"
    assert np.abs(found[name].var / expected[name][0].var() - 1).max() < 0.05


def test_one_batch_and_many() -> None:
    private = isolated(residual(), images())
    assert_as_one_batch(private, images()[:1])
    many = [batch[:4] for batch in images()] * 10
    assert_as_one_batch(private, many)

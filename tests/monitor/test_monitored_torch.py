"""A PyTorch loop that is watched: what is read, and that the model does not notice."""

from __future__ import annotations

import copy
import io
import os
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install bnstats[torch]")

from torch import nn

import bnstats as bn
from bnstats.monitor.core.readings import reading_of
from bnstats.monitor.torch_reader import TorchReader

ROWS, LABELS = torch.randn(512, 6, generator=torch.Generator().manual_seed(0)), torch.arange(512) % 3


def model(**options) -> nn.Module:
    torch.manual_seed(0)
    inner = (nn.Linear(6, 8), nn.BatchNorm1d(8, **options), nn.ReLU(), nn.Linear(8, 8), nn.BatchNorm1d(8, **options))
    return nn.Sequential(*inner, nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))


def train(net, m=None, *, steps=60, size=16, rate=0.1, start=0, forward=None):
    torch.manual_seed(1 + start)
    rng = np.random.default_rng(start)
    optimizer = torch.optim.SGD(net.parameters(), rate)
    for _ in range(start, steps):
        rows = torch.tensor(rng.integers(0, 512, size))
        optimizer.zero_grad()
        nn.functional.cross_entropy((forward or net)(ROWS[rows]).float(), LABELS[rows]).backward()
        optimizer.step()
        if m is not None:
            m.step()
    return net


def test_the_bits_of_the_model_are_the_same_with_and_without():
    alone, watched = model(), model()
    m = bn.BatchNormMonitor(batch_size=16, check_every=10).watch(watched)
    train(alone)
    train(watched, m)
    assert all(
        torch.equal(a, b) for a, b in zip(alone.state_dict().values(), watched.state_dict().values(), strict=True)
    )
    assert not [hook for module in watched.modules() for hook in module._forward_hooks]
    assert m.table["layer"].tolist() == ["1", "4"]
    assert m.table["start_weight"].tolist() == pytest.approx([0.9**60] * 2)


def test_reading_and_arrays_say_the_same():
    net = model()
    watching, given = bn.BatchNormMonitor(batch_size=16).watch(net), bn.BatchNormMonitor(batch_size=16)
    layers = {"1": net[1], "4": net[4]}

    class Both:
        def step(self):
            watching.step()
            arrays = {name: (n.running_mean.numpy(), n.running_var.numpy()) for name, n in layers.items()}
            given.update(arrays, 0.1, updates=int(net[1].num_batches_tracked))

    given.update({name: (np.zeros(8), np.ones(8)) for name in layers}, 0.1, updates=0)
    train(net, Both())
    np.testing.assert_allclose(watching.table.iloc[:, 2:], given.table.iloc[:, 2:])


def test_recovered_statistics_are_those_of_the_batch_and_not_biased():
    net, seen = model(), {}
    net[1].register_forward_hook(lambda *call: seen.update(x=call[1][0].detach().double().numpy()))
    m = bn.BatchNormMonitor().watch(net)
    train(net, m, steps=5)
    batch = m._engine.state.batch
    mean, var = batch[:8], batch[16:24]
    error = 4 * np.finfo(np.float32).eps * 3 / 0.1
    assert np.abs(mean - seen["x"].mean(axis=0)).max() < error
    assert np.abs(var - seen["x"].var(axis=0, ddof=1)).max() < error
    assert np.abs(var - seen["x"].var(axis=0)).max() > 20 * error


def test_compiled_models_and_wrappers_keep_their_names():
    net = model()
    compiled = torch.compile(net, backend="eager")
    m = bn.BatchNormMonitor().watch(compiled)
    train(net, m, steps=10, forward=compiled)
    assert m.table["layer"].tolist() == ["1", "4"]
    assert m.table["start_weight"].tolist() == pytest.approx([0.9**10] * 2)
    assert bn.BatchNormMonitor().watch(nn.DataParallel(net)).table["layer"].tolist() == ["1", "4"]
    assert bn.BatchNormMonitor().watch(nn.BatchNorm1d(3)).table["layer"].tolist() == ["model"]


def test_autocast_is_read_as_it_is():
    net = model()

    def forward(x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return net(x)

    m = bn.BatchNormMonitor(batch_size=16).watch(net)
    train(net, m, forward=forward)
    assert m.table["displacement"].notna().all()
    assert list(m.events["code"]) == []


def test_a_momentum_that_changes_is_read_at_every_step():
    net = model()
    m = bn.BatchNormMonitor().watch(net)
    train(net, m, steps=10)
    net[1].momentum, net[4].momentum = 0.5, None
    train(net, m, steps=11, start=10)
    assert m.table["start_weight"].tolist() == pytest.approx([0.9**10 * 0.5, 0.9**10 * 10 / 11])


def test_momentum_0_keeps_the_statistics_and_is_called_frozen():
    net = model(momentum=0.0)
    m = bn.BatchNormMonitor().watch(net)
    train(net, m)
    assert list(m.events["code"]) == ["frozen"]
    assert m.table["frozen_since"].tolist() == [0.0, 0.0]


def test_layers_that_are_added_lazy_or_replaced_are_found():
    net = nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.ReLU(), nn.Linear(8, 3))
    m = bn.BatchNormMonitor(check_every=5).watch(net)
    assert m.table.empty
    net(ROWS[:4])
    m.step()
    train(net, m, steps=12)
    assert m.table["layer"].tolist() == ["1"]
    net[2] = nn.BatchNorm1d(8)
    train(net, m, steps=12)
    assert m.table["layer"].tolist() == ["1", "2"]
    net[1], net[3] = nn.BatchNorm1d(4), nn.Linear(4, 3)
    net[0], net[2] = nn.Linear(6, 4), nn.BatchNorm1d(4)
    train(net, m, steps=6)  # a check finds them
    assert m.table["channels"].tolist() == [4, 4]
    assert "replaced" in set(m.events["code"])


def test_loaded_weights_are_named_and_judged_anew():
    net = model()
    saved = copy.deepcopy(net.state_dict())
    m = bn.BatchNormMonitor().watch(net)
    train(net, m, steps=30)
    net.load_state_dict(saved)
    train(net, m, steps=5)
    assert list(m.events["code"]) == ["loaded"]
    assert m.table["start_weight"].tolist() == pytest.approx([0.9**5] * 2)
    net.load_state_dict(saved, assign=True)
    train(net, m, steps=5)
    assert m.table["start_weight"].tolist() == pytest.approx([0.9**5] * 2)


def test_a_checkpoint_of_model_and_monitor_goes_on():
    whole, net = model(), model()
    m, first = bn.BatchNormMonitor(batch_size=16).watch(whole), bn.BatchNormMonitor(batch_size=16).watch(net)
    train(train(whole, m, steps=30), m, steps=60, start=30)
    train(net, first, steps=30)
    file = io.BytesIO()
    torch.save({"model": net.state_dict(), "monitor": first.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed = model()
    resumed.load_state_dict(saved["model"])
    second = bn.BatchNormMonitor(batch_size=16).watch(resumed)
    second.load_state_dict(saved["monitor"])
    train(resumed, second, steps=60, start=30)
    assert second.table.equals(m.table)
    late = bn.BatchNormMonitor().watch(resumed)
    assert late.table["start_weight"].tolist() == pytest.approx([0.9**60] * 2)


def test_two_forward_passes_a_batch_are_named_and_accumulation_is_not():
    def twice(x):
        net(x)
        return net(x)

    net = model()
    m = bn.BatchNormMonitor().watch(net)
    train(net, m, forward=twice)
    assert list(m.events["code"]) == ["updated_twice"]
    n = bn.BatchNormMonitor().watch(net := model())
    for _ in range(60):
        twice(ROWS[:16])
        n.step(batches=2)
    assert "updated_twice" not in set(n.events["code"])
    assert n._engine.step == 120


def test_an_optimizer_of_another_model_is_named_and_slow_weights_are_not():
    net, other = model(), model()
    m = bn.BatchNormMonitor().watch(net)
    optimizer = torch.optim.SGD(other.parameters(), 0.1)
    for i in range(120):
        nn.functional.cross_entropy(net(ROWS[(rows := torch.arange(16) * 31 * i % 512)]), LABELS[rows]).backward()
        optimizer.step()
        m.step()
    assert list(m.events["code"]) == ["weights_still"]
    n = bn.BatchNormMonitor().watch(net := model())
    train(net, n, steps=120, rate=1e-6)
    assert list(n.events["code"]) == []
    for layer in (net[1], net[4]):
        layer.requires_grad_(False)
    p = bn.BatchNormMonitor().watch(net)
    train(net, p, steps=120, rate=1e-6)
    assert list(p.events["code"]) == []


def test_validation_between_steps_changes_nothing():
    net = model()
    m = bn.BatchNormMonitor().watch(net)
    train(net, m, steps=20)
    net.eval()(ROWS)
    net.train()
    train(net, m, steps=40, start=20)
    assert list(m.events["code"]) == []


@pytest.mark.parametrize(
    "given", [nn.Linear(2, 2), nn.BatchNorm1d(3, track_running_stats=False), nn.InstanceNorm1d(3), "net"]
)
def test_what_cannot_be_watched_warns_once_and_training_goes_on(given):
    with pytest.warns(UserWarning, match="switched itself off"):
        m = bn.BatchNormMonitor().watch(given)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        m.step()
        assert m.table.empty
        assert "No running statistics" in m.summary()


def test_a_step_before_a_model_and_a_bad_momentum_are_said():
    with pytest.warns(UserWarning, match="call watch"):
        bn.BatchNormMonitor().step()
    net = model()
    m = bn.BatchNormMonitor().watch(net)
    net[1].momentum = 1.5
    with pytest.warns(UserWarning, match="from 0 to 1"):
        train(net, m, steps=3)


def test_half_precision_buffers_and_double_ones_are_read():
    for dtype in (torch.float64, torch.bfloat16, torch.float16):
        net = nn.BatchNorm1d(4).to(dtype)
        m = bn.BatchNormMonitor().watch(net)
        net(ROWS[:16, :4].to(dtype))
        m.step()
        assert m._engine.reading.rounding[0] == torch.finfo(dtype).eps


class OnDevice(TorchReader):
    """A reader that keeps its reads back, as it does on another device than a CPU."""

    def _row(self):
        values, counts = super()._row()
        return values.as_subclass(_Elsewhere), counts.as_subclass(_Elsewhere)

    def flush(self):
        self.kept = [(v.as_subclass(torch.Tensor), c.as_subclass(torch.Tensor), *rest) for v, c, *rest in self.kept]
        return super().flush()


class _Elsewhere(torch.Tensor):
    """A tensor that says it is on a GPU, and may be fetched only together with others."""

    @property
    def device(self):
        return torch.device("cuda")

    def cpu(self):
        raise AssertionError("waits")

    item = tolist = numpy = __float__ = __bool__ = cpu


def test_on_a_device_nothing_is_fetched_between_checks():
    net = model()
    m = bn.BatchNormMonitor(check_every=20).watch(net)
    m._reader = reader = OnDevice(net, 20)
    train(net, m, steps=19)
    assert len(reader.kept) == 19
    assert m._engine.step == 0
    net_here = model()
    here = bn.BatchNormMonitor(check_every=20).watch(net_here)
    train(net_here, here, steps=19)
    assert here.table.equals(m.table)  # asking fetches
    assert reader.kept == []


def test_synchronized_layers_and_ranks(monkeypatch):
    net = nn.SyncBatchNorm.convert_sync_batchnorm(model())
    assert bn.BatchNormMonitor().watch(net).table["layer"].tolist() == ["1", "4"]
    os.environ.setdefault("MASTER_ADDR", "localhost")
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    m = bn.BatchNormMonitor().watch(model())
    m.step()
    assert m.table.empty


def test_reads_of_models_and_arrays_have_one_form():
    net = model()
    (read,) = TorchReader(net, 50).read(0)
    given = reading_of(
        {n: (x.running_mean.numpy(), x.running_var.numpy()) for n, x in (("1", net[1]), ("4", net[4]))}, 0.1, 0
    )
    assert read.layout == given.layout
    np.testing.assert_array_equal(read.values, given.values)
    np.testing.assert_array_equal(read.rounding, given.rounding)

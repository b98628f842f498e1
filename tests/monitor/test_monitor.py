"""The monitor on buffers that a user gives: its sentences, and that it never ends a training."""

from __future__ import annotations

import importlib.util
import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest

import bnstats as bn
from bnstats.monitor import texts
from bnstats.monitor.core.events import RULES, Event
from bnstats.monitor.monitor import COLUMNS


def train(m, *, steps=200, momentum=0.1, channels=32, seed=0, batch=None, start=0, dtype=np.float64, state=None):
    """Normal values through one layer; `batch(step, rng)` gives other ones. Returns the buffers."""
    rng = np.random.default_rng(seed)
    mean, var = (np.zeros(channels, dtype), np.ones(channels, dtype)) if state is None else state
    if start == 0:
        m.update({"norm": (mean, var)}, momentum, updates=0)
    for step in range(1, steps + 1):
        x = rng.normal(size=(16, channels)) if batch is None else batch(step, rng)
        if step <= start:
            continue
        mean = (mean + dtype(momentum) * (x.mean(axis=0).astype(dtype) - mean)).astype(dtype)
        var = (var + dtype(momentum) * (x.var(axis=0, ddof=1).astype(dtype) - var)).astype(dtype)
        m.update({"norm": (mean, var)}, momentum, updates=step)
    return mean, var


def codes(m) -> list[str]:
    return list(m.events["code"])


def drifting(step, rng):
    """Batches of weights that move, as those of a network that learns."""
    return rng.normal(size=(16, 32)) + 0.5 * math.log(step) * np.linspace(-1, 1, 32)


def test_a_healthy_training_names_nothing():
    m = bn.BatchNormMonitor(batch_size=16, total_steps=300)
    train(m, steps=300, batch=drifting)
    assert codes(m) == []
    row = m.table.iloc[0]
    assert list(m.table) == list(COLUMNS)
    assert row["displacement"] == pytest.approx(math.hypot(row["noise"], row["lag"]))
    assert "No event was named." in m.summary()
    assert "bn.audit" in m.summary()


def fault(code: str):
    """A monitor after a training that is broken so, and the step from which on it is."""
    m = bn.BatchNormMonitor(batch_size=16, total_steps=None if code == "lag" else 300)
    since = 1
    if code == "start_remains":
        train(m, momentum=0.001, batch=drifting)
    elif code == "noise":
        train(m, momentum=0.9, batch=drifting)
    elif code == "lag":
        train(m, steps=400, momentum=0.01, batch=lambda t, rng: rng.normal(size=(16, 32)) + 0.01 * t)
    elif code == "changed_data":
        since = 120
        train(m, batch=lambda t, rng: drifting(t, rng) * (4 if t >= 120 else 1))
    elif code == "unstable_steps":
        since = 120
        train(m, batch=lambda t, rng: drifting(t, rng) * (4.0 ** (t % 5) if t >= 120 else 1))
    elif code == "alternating_sources":
        train(m, batch=lambda t, rng: drifting(t, rng) + t % 2)
    elif code == "dependent_batches":
        train(m, batch=lambda t, rng: drifting(t, rng) + rng.normal(size=(1, 32)))
    elif code == "weights_still":
        m._engine.learned = [1.0, 1.0]  # as a reader says of scales and shifts that have not moved
        train(m)
    elif code == "dead_channels":
        train(m, batch=lambda t, rng: drifting(t, rng) * (np.arange(32) > 3))
    elif code == "low_precision":
        train(m, batch=lambda t, rng: 200 + drifting(t, rng), momentum=0.01, dtype=np.float16)
    elif code == "not_finite":
        since = 77
        train(m, batch=lambda t, rng: drifting(t, rng) * (math.inf if t == 77 else 1))
    elif code == "frozen":
        since = 61
        state = train(m, steps=60, batch=drifting)
        for step in range(61, 181):
            m.update({"norm": state}, 0.1, updates=None if step < 61 else {"norm": 60})
            m._engine.step = step  # other layers would count the steps
    return m, since


NAMED = ("start_remains", "noise", "lag", "changed_data", "unstable_steps", "alternating_sources", "dependent_batches",
         "weights_still", "dead_channels", "low_precision", "not_finite", "frozen")  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid value|overflow")
@pytest.mark.parametrize("code", NAMED)
def test_what_is_broken_is_named_with_the_step_at_which_it_began(code):
    m, since = fault(code)
    assert codes(m).count(code) == 1
    event = m.events.set_index("code").loc[code]
    assert since <= event["step"] <= since + 100
    assert event["layer"] == "norm"
    assert texts.ACTIONS[code] in m.summary()


def test_batch_statistics_that_do_not_drift_are_no_sign_of_weights_that_do_not_move():
    m = bn.BatchNormMonitor()
    train(m, steps=300)
    assert codes(m) == []
    n = bn.BatchNormMonitor()
    n._engine.learned = [1.0, 1.0]
    train(n, steps=300, batch=drifting)
    assert codes(n) == []


def test_every_rule_has_an_action_and_a_training_that_breaks_it():
    assert {rule.code for rule in RULES} | {"changed_data", "unstable_steps"} == {*NAMED, "updated_twice"}
    assert {*NAMED, "updated_twice", "loaded", "replaced"} == set(texts.ACTIONS)


def test_start_values_that_will_remain_are_named_at_the_first_step():
    m = bn.BatchNormMonitor(total_steps=1000)
    train(m, steps=1, momentum=0.001)
    assert m.events.iloc[0].to_dict() | {"message": ""} == {
        "step": 1, "code": "start_remains", "layer": "norm", "message": "",
    }  # fmt: skip
    assert "37%" in m.events["message"][0]
    assert "37% at the last step" in m.summary()


def test_a_layer_that_stops_is_unknown_since_then():
    m, _ = fault("frozen")
    row = m.table.iloc[0]
    assert row["frozen_since"] == 60
    assert math.isnan(row["displacement"])
    assert "Unknown, as nothing moves them: norm since step 60." in m.summary()


def test_reads_of_every_kth_step_say_the_same():
    """The noise of both comes from the same batches, with an error of some 10 %."""
    every, seldom = bn.BatchNormMonitor(batch_size=16), bn.BatchNormMonitor(batch_size=16)
    train(every, steps=400)
    rng, mean, var = np.random.default_rng(0), np.zeros(32), np.ones(32)
    seldom.update({"norm": (mean, var)}, 0.1, updates=0)
    for step in range(1, 401):
        x = rng.normal(size=(16, 32))
        mean, var = mean + 0.1 * (x.mean(axis=0) - mean), var + 0.1 * (x.var(axis=0, ddof=1) - var)
        if step % 8 == 0:
            seldom.update({"norm": (mean, var)}, 0.1, updates=step)
    a, b = every.table.iloc[0], seldom.table.iloc[0]
    assert a["noise"] == pytest.approx(b["noise"], rel=0.3)
    assert a["start_weight"] == pytest.approx(b["start_weight"])


BAD = [
    ({"norm": ([0.0], [1.0])}, 1.5, "above 0 and at most 1; got 1.5"),
    ({"norm": ([0.0], [1.0])}, 0.0, "above 0 and at most 1; got 0"),
    ({"norm": ([0.0], [1.0])}, "0.1", "got '0.1'"),
    ({"norm": ([0.0], [1.0, 2.0])}, 0.1, "got 1 and 2"),
    ({"norm": [1.0]}, 0.1, "a running mean and a running variance"),
    ({}, 0.1, "buffers maps each layer"),
    (None, 0.1, "buffers maps each layer"),
    ({"norm": (["a"], ["b"])}, 0.1, "switched itself off"),
    ({"norm": ([0.5], [1.0])}, None, "needs updates="),
]


@pytest.mark.parametrize(("buffers", "weight", "said"), BAD)
def test_bad_input_warns_once_and_training_goes_on(buffers, weight, said):
    m = bn.BatchNormMonitor()
    with pytest.warns(UserWarning, match="switched itself off") as caught:
        m.update(buffers, weight)
    assert said in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        m.update(buffers, weight)
        m.update({"norm": ([0.0], [1.0])}, 0.1)
    assert m.table.empty
    assert "switched off" in repr(m)


@pytest.mark.parametrize("updates", [-1, float("nan"), "two", np.ma.masked], ids=str)
def test_counts_of_updates_are_finite_numbers_from_0_on(updates):
    m = bn.BatchNormMonitor()
    with pytest.warns(UserWarning, match="updates is the number of updates, or None, at least 0"):
        m.update({"norm": ([0.0], [1.0])}, 0.1, updates)


def test_what_goes_wrong_later_leaves_what_was_learned():
    m = bn.BatchNormMonitor()
    train(m, steps=20)
    before = m.table
    with pytest.warns(UserWarning, match="after step 20"):
        m.update({"norm": ([0.0], [1.0])}, 7)
    pd.testing.assert_frame_equal(m.table, before)


def test_updates_that_go_backwards_begin_anew_and_are_named():
    m = bn.BatchNormMonitor()
    train(m, steps=100, batch=drifting)
    train(m, steps=60, seed=1, batch=drifting)
    assert codes(m) == ["loaded"]
    assert "from 100 to 0" in m.events["message"][0]
    assert m.table["start_weight"][0] == pytest.approx(0.9**60)


def test_layers_come_go_and_change_their_size():
    m = bn.BatchNormMonitor()
    a, b, wide = ([0.1], [1.0]), ([0.2], [1.0]), (np.zeros(2), np.ones(2))
    m.update({"a": a}, 0.1, updates=0)
    m.update({"a": a, "b": b}, 0.1, updates=1)
    m.update({"a": wide, "b": b}, 0.1, updates=2)
    assert m.table["layer"].tolist() == ["a", "b"]
    assert codes(m) == ["replaced"]
    assert "2 channels where 1 were" in m.events["message"][0]


def test_a_layer_that_is_not_finite_leaves_the_others():
    m = bn.BatchNormMonitor(batch_size=16)
    rng = np.random.default_rng(0)
    for step in range(60):
        good = rng.normal(size=4) / 10
        m.update({"good": (good, np.ones(4)), "bad": (good * (np.nan if step > 30 else 1), np.ones(4))}, 0.1)
    table = m.table.set_index("layer")
    assert np.isfinite(table.loc["good", "displacement"])
    assert math.isnan(table.loc["bad", "displacement"])
    assert m.events.query("code == 'not_finite'")["layer"].tolist() == ["bad"]


def test_a_checkpoint_of_plain_values_goes_on_as_if_nothing_had_happened():
    whole, first = (
        bn.BatchNormMonitor(batch_size=16, total_steps=200),
        bn.BatchNormMonitor(batch_size=16, total_steps=200),
    )
    train(whole, steps=200, momentum=0.9)
    state = train(first, steps=90, momentum=0.9)
    resumed = bn.BatchNormMonitor()
    resumed.load_state_dict(json.loads(json.dumps(first.state_dict())))
    train(resumed, steps=200, momentum=0.9, start=90, state=state)
    pd.testing.assert_frame_equal(resumed.table, whole.table)
    pd.testing.assert_frame_equal(resumed.events, whole.events)
    pd.testing.assert_frame_equal(resumed.history, whole.history)


@pytest.mark.parametrize("state", [{}, {"version": 99}, None])
def test_another_state_is_refused_in_a_sentence(state):
    m = bn.BatchNormMonitor()
    with pytest.warns(UserWarning, match="switched itself off"):
        m.load_state_dict(state)


def test_a_line_on_a_terminal_when_an_event_begins(monkeypatch, capsys):
    m = bn.BatchNormMonitor(total_steps=100)
    train(m, steps=3, momentum=0.001)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    n = bn.BatchNormMonitor(total_steps=100)
    train(n, steps=3, momentum=0.001)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("bnstats, step 1: start_remains in layer norm: at the last step, 100, the start values")


def test_names_of_layers_are_printed_without_control_codes():
    event = Event(1, "noise", "a\x1b[31m", "text")
    assert "\x1b" not in texts.line(event)


def test_numbers_for_loggers_are_finite():
    m = bn.BatchNormMonitor()
    assert m.scalars() == {}
    train(m, steps=30)
    found = m.scalars()
    assert {"batch_norm/displacement", "batch_norm/displacement/norm", "batch_norm/noise"} <= set(found)
    assert all(type(value) is float and math.isfinite(value) for value in found.values())


def test_history_is_thinned_when_it_gets_long():
    m = bn.BatchNormMonitor(check_every=1)
    train(m, steps=1000, channels=2)
    steps = m.history["step"]
    assert len(steps) <= 401
    assert steps.iloc[-1] == 1000


@pytest.mark.parametrize(
    "given", [{"batch_size": 1}, {"total_steps": 0}, {"check_every": 0}, {"batches_per_epoch": -1}]
)
def test_options_are_checked(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        bn.BatchNormMonitor(**given)


def test_the_picture_has_a_line_for_each_layer_and_the_events():
    m, _ = fault("noise")
    figure = m.plot()
    (ax,) = figure.axes
    assert [line.get_label() for line in ax.get_lines() if not line.get_label().startswith("_")] == ["norm"]
    assert any("noise" in text.get_text() for text in ax.texts)
    assert "displaced by up to" in figure.get_suptitle()


def test_the_page_needs_no_other_file_and_is_not_overwritten(tmp_path):
    m, _ = fault("noise")
    page = m.to_html(tmp_path / "monitor.html").read_text()
    assert "data:image/png;base64," in page
    assert "noise in layer norm" in page
    assert 'src="http' not in page
    with pytest.raises(ValueError, match="overwrite=True"):
        m.to_html(tmp_path / "monitor.html")
    m.to_html(tmp_path / "monitor.html", overwrite=True)


def test_a_name_cannot_write_to_the_page(tmp_path):
    """Codes of terminals and markup in a layer's name are written out, in tables too."""
    m, name = bn.BatchNormMonitor(), "norm\x1b[31m<b>"
    for mean in (0.0, 0.1, 0.2, 0.1):
        m.update({name: ([mean], [1.0])}, weight=0.1)
    page = m.to_html(tmp_path / "monitor.html").read_text()
    assert "\x1b" not in page
    assert "<b>" not in page
    assert page.count("norm\\x1b[31m&lt;b&gt;") > 1


def test_the_weight_of_the_start_is_unknown_without_a_count():
    m = bn.BatchNormMonitor()
    for mean in (0.3, 0.2, 0.4):
        m.update({"norm": ([mean], [2.0])}, 0.1)
    assert math.isnan(m.table["start_weight"][0])
    assert "not known in all layers" in m.summary()


@pytest.mark.parametrize("name", ["LightningCallback", "TrainerCallback", "KerasCallback"])
def test_a_callback_without_its_framework_says_what_to_install(name):
    needed = {"LightningCallback": "lightning", "TrainerCallback": "transformers", "KerasCallback": "keras"}[name]
    if importlib.util.find_spec(needed) is not None:
        pytest.skip(f"{needed} is installed")
    with pytest.raises(ModuleNotFoundError, match="pip install"):
        getattr(bn.monitor, name)

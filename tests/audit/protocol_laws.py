"""Laws that the private copy of every framework keeps, whatever the model.

They are held to the model's own evaluation and to moments that NumPy computes, never to another method of the copy
alone. float32 sums in another order differ by some 1e-6 of their size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from bnstats.audit.core.kinds import population
from bnstats.audit.core.protocol import ChannelStatistics, Framework, Model
from bnstats.audit.core.random_state import random_state
from bnstats.audit.core.trees import as_numpy
from bnstats.statistics.running_conventions import CONVENTIONS

CLOSE = {"rtol": 2e-5, "atol": 2e-5}


@dataclass(frozen=True)
class Subject:
    """A user's model, and what its user knows about it.

    Attributes
    ----------
    framework : Framework
        Its adapter.
    model : object
        The model.
    batches : list of batches
        Pairs (x, y) of NumPy arrays, rows first, of different sizes.
    evaluate : callable (x) -> array
        What deployment computes.
    state : callable () -> dict of str to array
        All weights, statistics and seeds of the model.
    reference : callable (x, statistics by layer or None) -> (output, inputs of layers)
        The same model in NumPy, with these statistics, or with those of the batch.
    noisy : bool
        True if training mode draws random numbers.
    weights : dict of str to float
        Share of its running statistics that one training pass replaces in each layer.
    """

    framework: Framework
    model: Any
    batches: list[Any]
    evaluate: Callable[[Any], Any]
    state: Callable[[], dict[str, Any]]
    reference: Callable[[Any, dict[str, ChannelStatistics] | None], tuple[Any, dict[str, Sequence[Any]]]]
    noisy: bool
    weights: dict[str, float]

    def isolated(self) -> Model:
        return self.framework.isolate(self.model, self.batches[0])


def other(statistics: dict[str, ChannelStatistics]) -> dict[str, ChannelStatistics]:
    """Other statistics of the same shapes."""
    rng = np.random.default_rng(1)
    return {
        name: ChannelStatistics(rng.normal(size=s.mean.shape), rng.uniform(0.5, 2, s.var.shape))
        for name, s in statistics.items()
    }


def assert_same(one: dict[str, ChannelStatistics], two: dict[str, ChannelStatistics], **tolerance: float) -> None:
    assert one.keys() == two.keys()
    for name in one:
        assert_allclose(one[name].mean, two[name].mean, err_msg=name, **(tolerance or {"rtol": 0, "atol": 0}))
        assert_allclose(one[name].var, two[name].var, err_msg=name, **(tolerance or {"rtol": 0, "atol": 0}))


def statistics_that_are_set_are_got(subject: Subject) -> None:
    model = subject.isolated()
    before = model.get()
    first = next(iter(before))
    given = {first: other(before)[first]}
    model.set(given)
    assert_same(model.get(), before | given, rtol=1e-6)
    model.set(before)
    assert_same(model.get(), before)


def evaluation_is_that_of_deployment_and_moves_nothing(subject: Subject) -> None:
    model = subject.isolated()
    before = model.get()
    for batch in subject.batches:
        found = model.to_numpy(model.eval_pass(batch))
        assert_allclose(found, subject.evaluate(as_numpy(batch[0])), **CLOSE)
    assert_array_equal(found, model.to_numpy(model.eval_pass(batch)))
    assert_same(model.get(), before)


def evaluation_uses_what_was_set(subject: Subject) -> None:
    model = subject.isolated()
    given = other(model.get())
    model.set(given)
    x = as_numpy(subject.batches[0][0])
    assert_allclose(model.to_numpy(model.eval_pass(subject.batches[0])), subject.reference(x, given)[0], **CLOSE)


def a_batch_pass_normalizes_by_the_batch_and_moves_nothing(subject: Subject) -> None:
    model = subject.isolated()
    before = model.get()
    for batch in subject.batches:
        found = model.to_numpy(model.batch_pass(batch))
        assert_allclose(found, subject.reference(as_numpy(batch[0]), None)[0], **CLOSE)
    assert_same(model.get(), before)


def a_training_pass_moves_running_statistics_alone(subject: Subject) -> None:
    model, batch = subject.isolated(), subject.batches[0]
    before, output = model.get(), model.to_numpy(model.eval_pass(batch))
    model.train_pass(batch)
    model.train_pass(subject.batches[1])
    model.set(before)
    assert_array_equal(model.to_numpy(model.eval_pass(batch)), output)


def running_statistics_move_by_their_weight(subject: Subject) -> None:
    model, batch, after = subject.isolated(), subject.batches[0], []
    start = model.get()
    for value in (0.0, 1.0):
        model.set({n: ChannelStatistics(0 * s.mean + value, 0 * s.var + value) for n, s in start.items()})
        with random_state([], 0):
            model.train_pass(batch)
        after.append(model.get())
    for name, weight in subject.weights.items():
        for low, high in zip(*(s[name] for s in after), strict=True):
            assert_allclose(1 - (high - low), weight, atol=1e-5, err_msg=name)


def running_statistics_follow_the_moments_of_their_inputs(subject: Subject) -> None:
    model, batch = subject.isolated(), subject.batches[0]
    before, ddof = model.get(), CONVENTIONS[model.convention].ddof
    with random_state([], 0):
        seen = model.moments(batch, "train")
    model.set(before)
    with random_state([], 0):
        model.train_pass(batch)
    after = model.get()
    for layer in model.layers:
        weight = subject.weights[layer.name]
        if layer.calls > 1 or layer.name not in before or not weight:
            continue
        moments = seen[layer.name][0]
        for old, new, now in zip(before[layer.name], after[layer.name], (moments.mean, moments.var(ddof)), strict=True):
            assert_allclose(new, old + weight * (now - old), **CLOSE, err_msg=layer.name)


def moments_are_those_of_the_inputs(subject: Subject) -> None:
    model, batch = subject.isolated(), subject.batches[0]
    given = other(model.get())
    for mode, statistics in (("eval", given), ("batch", None)):
        model.set(given)
        inputs = subject.reference(as_numpy(batch[0]), statistics)[1]
        seen = model.moments(batch, mode)  # type: ignore[arg-type]
        assert list(seen) == [layer.name for layer in model.layers] == list(inputs)
        for layer in model.layers:
            assert layer.calls == len(seen[layer.name]) == len(inputs[layer.name])
            for moments, x in zip(seen[layer.name], inputs[layer.name], strict=True):
                assert (float(moments.n), moments.mean.size) == (len(x), layer.channels)
                assert_allclose(moments.mean, x.mean(0), **CLOSE)
                assert_allclose(moments.var(), x.var(0), **CLOSE)


def population_statistics_are_those_of_one_big_batch(subject: Subject) -> None:
    """In lockstep, or by a pass for each layer; rows that differ in shape cannot be one batch."""
    model = subject.isolated()
    before = model.get()
    at_once = model.lockstep(subject.batches)
    assert (at_once is None) == any(layer.calls > 1 for layer in model.layers)
    assert_same(model.get(), before)
    found = population(model, subject.batches)
    big = np.concatenate([as_numpy(x) for x, _ in subject.batches])
    inputs = subject.reference(big, found)[1]
    called = {layer.name for layer in model.layers}
    assert found.keys() == called & model.get().keys()
    for layer in model.layers:
        if layer.calls > 1:  # its second call depends on its own statistics, and later layers on these
            break
        (mean, var), name = found[layer.name], layer.name
        rows = np.concatenate(list(inputs[name]))
        assert_allclose(mean, rows.mean(0), **CLOSE, err_msg=name)
        assert_allclose(var, rows.var(0), **CLOSE, err_msg=name)


def training_noise_is_there_and_is_no_part_of_a_batch_pass(subject: Subject) -> None:
    model, batch = subject.isolated(), subject.batches[0]
    still = model.to_numpy(model.batch_pass(batch))
    training = model.to_numpy(model.train_pass(batch))
    frozen = any(weight == 0 for weight in subject.weights.values())
    if subject.noisy:
        assert np.abs(still - training).max() > 1e-3
    elif not frozen:
        assert_allclose(training, still, **CLOSE)


def original_and_batches_stay_as_they_are(subject: Subject) -> None:
    before = {name: np.array(array) for name, array in subject.state().items()}
    data = [tuple(as_numpy(part) for part in batch) for batch in subject.batches]
    with subject.framework.guarded(subject.model, [], 0) as guard:
        model = subject.isolated()
        model.set(other(model.get()))
        for batch in subject.batches:
            for run in (model.train_pass, model.eval_pass, model.batch_pass):
                run(batch)
            model.moments(batch, "train")
        population(model, subject.batches)
    assert list(guard.changed) == []
    after = subject.state()
    assert before.keys() == after.keys()
    for name, array in before.items():
        assert_array_equal(np.asarray(after[name]), array, err_msg=name)
    for batch, kept in zip(subject.batches, data, strict=True):
        for part, was in zip(batch, kept, strict=True):
            assert_array_equal(as_numpy(part), was)


def statistics_are_written_to_the_users_model(subject: Subject) -> None:
    """Into a copy: the subject serves all laws."""
    given = other(subject.isolated().get())
    copy = subject.framework.copied(subject.model)
    before = {name: np.array(array) for name, array in subject.state().items()}
    written = subject.framework.write(copy, given)
    assert_same(subject.framework.isolate(written, subject.batches[0]).get(), given, rtol=1e-6)
    for name, array in subject.state().items():
        assert_array_equal(np.asarray(array), before[name], err_msg=name)


LAWS: list[Callable[[Subject], None]] = [
    statistics_that_are_set_are_got,
    evaluation_is_that_of_deployment_and_moves_nothing,
    evaluation_uses_what_was_set,
    a_batch_pass_normalizes_by_the_batch_and_moves_nothing,
    a_training_pass_moves_running_statistics_alone,
    running_statistics_move_by_their_weight,
    running_statistics_follow_the_moments_of_their_inputs,
    moments_are_those_of_the_inputs,
    population_statistics_are_those_of_one_big_batch,
    training_noise_is_there_and_is_no_part_of_a_batch_pass,
    original_and_batches_stay_as_they_are,
    statistics_are_written_to_the_users_model,
]

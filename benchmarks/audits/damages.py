"""Kinds that are written as weights and statistics, so that each framework can build them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.audits import parts as p
from benchmarks.audits.cases import ROWS, STEPS, Case, Setting, mixed
from benchmarks.audits.kinds import Kind
from benchmarks.audits.problems import CLASSES, Batch, Labels
from benchmarks.audits.torch_models import model_of, state_of, train, update

MANY = 300
"""Updates after which nothing of the start is left."""


def changed(case: Case, names: list[str], **values: Any) -> Case:
    """Return the case with statistics that are filled with these values, in these layers."""
    state = dict(case.state)
    for name in names:
        for key, value in values.items():
            state[f"{name}.{key}"] = np.full_like(state[f"{name}.{key}"], value)
    return replace(case, state=state)


def never_updated(setting: Setting, scope: str) -> Case:
    """Return a model whose statistics are their start values."""
    case = setting.healthy()
    return changed(case, setting.chosen(case, scope), running_mean=0, running_var=1, num_batches_tracked=0)


def half_saved(setting: Setting) -> Case:
    """Return a model whose means are lost and whose variances are not."""
    case = setting.healthy()
    return changed(case, p.norms(case.parts), running_mean=0)


def slow(case: Case, weight: float = 0.01) -> Case:
    """Return the case with another weight of a new batch, and counters of a long training."""
    long = changed(case, p.norms(case.parts), num_batches_tracked=5000)
    return replace(long, parts=p.with_norms(case.parts, weight=weight))


def few_updates(setting: Setting, scope: str) -> Case:
    """Return a model whose start values weigh .45, as 80 updates of weight .01 leave them."""
    case = slow(setting.healthy())
    names = setting.chosen(case, scope)
    fresh = changed(case, names, running_mean=0, running_var=1, num_batches_tracked=0)
    return mixed(case, setting.updated(fresh, 80), names)


def short_training(setting: Setting) -> Case:
    """Return a model after 100 steps, whose running statistics have a weight of .01."""
    parts = p.with_norms(p.network(setting.family), weight=0.01)
    return Case(parts, state_of(setting.trained(parts, steps=100)), setting.problem.draw, setting.rows)


def few_at_once(case: Case, setting: Setting) -> Case:
    """Return the case with batches that are small enough for noisy statistics, and more of them."""
    return replace(case, rows={"dense": 8, "graph": 8}.get(setting.family, 4), batches=100)


def noisy(setting: Setting, scope: str, weight: float = 0.8) -> Case:
    """Return a model whose running statistics follow the last few small batches."""
    case = few_at_once(slow(setting.healthy(), weight), setting)
    return mixed(case, setting.updated(case, 40), setting.chosen(case, scope))


def other_momentum(setting: Setting) -> Case:
    """Return a model that was given the momentum of another framework."""
    return noisy(setting, "all", weight=0.99 if setting.ddof else 0.95)


def recalibrated_on(setting: Setting, batches: int, rows: int, draw: Any = None) -> Case:
    """Return a model with averages over so many batches."""
    case = setting.healthy()
    for place in range(batches):
        one = setting.updated(case, place + 1, rows=rows, draw=draw or case.draw, weight=1.0)
        share = 1 / (place + 1)
        state = {
            key: value if "running" not in key else value + share * (one.state[key] - value)
            for key, value in (case.state if place else one.state).items()
        }
        case = replace(case, state=state)
    return changed(case, p.norms(case.parts), num_batches_tracked=batches)


def few_rows(setting: Setting) -> Case:
    """Return a model that was recalibrated on two small batches."""
    case = few_at_once(setting.healthy(), setting)
    return replace(recalibrated_on(setting, 2, case.rows), rows=case.rows, batches=case.batches)


def averaged_weights(setting: Setting, *, live: bool) -> Case:
    """Return averaged weights with the last step's statistics."""
    case = setting.healthy()
    model = model_of(case.parts, case.state)
    total: dict[str, NDArray[Any]] = {}
    steps = 100

    def add(current: Any) -> None:
        for name, value in state_of(current).items():
            total[name] = total.get(name, 0) + value / steps

    train(model, setting.stream(key=6), steps, rate=0.03, decay=False, ddof=setting.ddof, each=add)
    last = state_of(model)
    state = {name: last[name] if _is_buffer(name) else total[name].astype("f4") for name in last}
    return replace(case, state=state, live=last if live else None)


def _is_buffer(name: str) -> bool:
    return name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")


def weights_moved(setting: Setting) -> Case:
    """Return a model that was trained on after its statistics were last updated."""
    case = setting.healthy()
    model = model_of(case.parts, case.state)
    train(model, setting.stream(key=6), 40, rate=0.01, decay=False, ddof=setting.ddof)
    moved = replace(case, state=state_of(model))
    return mixed(moved, case, p.norms(case.parts))


def paler(problem: Any, rows: int, rng: np.random.Generator) -> Batch:
    """Return a batch of two classes with a third of the contrast."""
    x, *rest = of_classes(problem, 2, rows, rng)
    return (0.3 * x, *rest)


def other_data(setting: Setting, scope: str) -> Case:
    """Return a model with the statistics of other data."""
    case = setting.healthy()
    other = setting.updated(case, MANY // 3, draw=partial(paler, setting.problem))
    return mixed(case, other, setting.chosen(case, scope))


def of_classes(problem: Any, number: int, rows: int, rng: np.random.Generator) -> Batch:
    """Return a batch of the first so many classes."""
    labels: Labels = rng.integers(number, size=rows)
    batch: Batch = problem.draw(rows, rng, labels)
    return batch


def one_class(problem: Any, rows: int, rng: np.random.Generator) -> Batch:
    """Return a batch of a single class."""
    batch: Batch = problem.draw(rows, rng, np.full(rows, rng.integers(CLASSES)))
    return batch


def one_client(setting: Setting) -> Case:
    """Return a model with the statistics of a client that has the first class alone."""
    case = setting.healthy()
    return setting.updated(case, MANY // 3, draw=partial(of_classes, setting.problem, 1))


def sorted_recalibration(setting: Setting) -> Case:
    """Return a model that was recalibrated on batches of one class, so that variance between classes is lost."""
    return recalibrated_on(setting, 40, ROWS, partial(one_class, setting.problem))


def swapped(setting: Setting) -> Case:
    """Return a model two of whose layers have each other's statistics."""
    case = setting.healthy()
    sizes = {name: case.state[f"{name}.running_mean"].size for name in p.norms(case.parts)}
    first, second = [name for name in sizes if list(sizes.values()).count(sizes[name]) > 1][:2]
    state = dict(case.state)
    for key in ("running_mean", "running_var"):
        state[f"{first}.{key}"], state[f"{second}.{key}"] = state[f"{second}.{key}"], state[f"{first}.{key}"]
    return replace(case, state=state)


def one_value(setting: Setting, scope: str, value: float) -> Case:
    """Return a model with this value as the variance of a channel."""
    case = setting.healthy()
    state = dict(case.state)
    for name in setting.chosen(case, scope):
        var = state[f"{name}.running_var"].copy()
        var[setting.seed % len(var)] = value
        state[f"{name}.running_var"] = var
    return replace(case, state=state)


def batch_statistics(setting: Setting) -> Case:
    """Return a model that uses batch statistics in evaluation mode, too."""
    case = setting.healthy()
    return replace(case, parts=p.with_norms(case.parts, tracks=False))


def noise(setting: Setting) -> Case:
    """Return a model with dropout in front of batch norm."""
    parts = p.network(setting.family, dropout=0.6)
    return Case(parts, state_of(setting.trained(parts)), setting.problem.draw, setting.rows)


def batches_of_2(setting: Setting) -> Case:
    """Return a model that was trained on batches of two rows."""
    parts = p.network(setting.family)
    model = setting.trained(parts, rows=2, steps=3 * STEPS, rate=0.005)
    case = Case(parts, state_of(model), setting.problem.draw, rows=2, batches=400, options={"batches": 400})
    return setting.updated(slow(case), MANY)


def grouped(setting: Setting) -> Case:
    """Return a model that was trained on after its rows had been sorted into batches of one class."""
    case, draw = setting.healthy(), partial(one_class, setting.problem)
    model = model_of(case.parts, case.state)
    train(model, setting.stream(draw=draw), STEPS, rate=0.01, ddof=setting.ddof)
    return setting.updated(replace(slow(case), state=state_of(model), draw=draw, whole=True), MANY)


def other_eps(setting: Setting) -> Case:
    """Return a model that was trained with an eps of .1 and loaded into layers of 1e-5.

    It is trained with an eps of 2, which its inputs notice; then all inputs of layers are scaled so that this is .1.
    """
    parts, scale = p.with_norms(p.network(setting.family), eps=2.0), 0.05**0.5
    model = setting.trained(parts)
    update(model, [batch for _, batch in zip(range(100), setting.stream(key=8), strict=False)], ddof=setting.ddof)
    state = state_of(model)
    in_front = None
    for name, part in p.walk(parts):
        if isinstance(part, p.Norm):
            for key in ("weight", "bias"):
                state[f"{in_front}.{key}"] *= scale
            state[f"{name}.running_mean"] *= scale
            state[f"{name}.running_var"] *= scale**2
        in_front = name
    return Case(
        p.with_norms(parts, eps=1e-5), state, setting.problem.draw, setting.rows, whole=setting.family == "graph"
    )


def shifted(setting: Setting) -> Case:
    """Return a sound model whose test rows have less contrast and more noise."""
    case, problem = setting.healthy(), setting.problem

    def draw(rows: int, rng: np.random.Generator) -> Batch:
        x, *rest = problem.draw(rows, rng)
        return (0.5 * x + 0.3 * x.std() * rng.standard_normal(x.shape, dtype="f4"), *rest)

    return replace(case, draw_test=draw)


DROPPED = ("dense", "conv", "residual", "1-D", "graph")
INFINITE, MISSING = float("inf"), float("nan")
AVERAGED, ALIKE = "averaged_weights", ("dense", "residual", "recurrent", "graph")
PORTABLE: tuple[Kind, ...] = (
    Kind("never updated", partial(never_updated, scope="all"), "never_updated"),
    Kind("never updated, one layer", partial(never_updated, scope="one"), "never_updated"),
    Kind("means never saved", half_saved, "stale", ("never_updated",)),
    Kind("few updates", partial(few_updates, scope="all"), "start_remains"),
    Kind("few updates, one layer", partial(few_updates, scope="one"), "start_remains"),
    Kind("short training", short_training, "start_remains", ("stale",)),
    Kind("small batches and a large weight", partial(noisy, scope="all"), "noisy_average"),
    Kind("small batches and a large weight, one layer", partial(noisy, scope="one"), "noisy_average"),
    Kind("recalibrated on few rows", few_rows, "noisy_average"),
    Kind("averaged weights", partial(averaged_weights, live=False), "stale", ("averaged_weights",)),
    Kind("averaged weights, live model given", partial(averaged_weights, live=True), AVERAGED),
    Kind("weights moved on", weights_moved, "stale"),
    Kind("statistics of other data", partial(other_data, scope="all"), "stale"),
    Kind("statistics of other data, one layer", partial(other_data, scope="one"), "stale"),
    Kind("statistics of one client", one_client, "stale"),
    Kind("recalibrated on sorted rows", sorted_recalibration, "stale", families=("dense", "graph")),
    Kind("two layers swapped", swapped, "stale", families=ALIKE),
    Kind("NaN in one channel", partial(one_value, scope="one", value=MISSING), "not_finite"),
    Kind("infinite variances", partial(one_value, scope="all", value=INFINITE), "not_finite"),
    Kind("a negative variance", partial(one_value, scope="one", value=-0.1), "not_finite"),
    Kind("batch statistics in evaluation", batch_statistics, "batch_statistics_in_evaluation", always=True),
    Kind("dropout before batch norm", noise, "noise_in_training", families=DROPPED),
    Kind("trained on batches of two", batches_of_2, "small_batch", families=("dense",)),
    Kind("trained on one class a batch", grouped, "grouped_batches", families=("residual",)),
    Kind("another eps", other_eps, "eps"),
    Kind("shifted test data", shifted, "shifted_test_data"),
    Kind("momentum of another framework", other_momentum, "momentum_of_another_framework"),
)

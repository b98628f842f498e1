"""Models that were trained in a way that leaves other statistics than they need."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from numpy.typing import NDArray

from benchmarks.audits.broken.damages import MANY, one_class, slow
from benchmarks.audits.cases import STEPS, Case, Setting, mixed
from benchmarks.audits.models import parts as p
from benchmarks.audits.models.torch_models import model_of, state_of, train, update


def short_training(setting: Setting) -> Case:
    """Return a model after 100 steps, whose running statistics have a weight of .01."""
    parts = p.with_norms(p.network(setting.family), weight=0.01)
    return Case(parts, state_of(setting.trained(parts, steps=100)), setting.problem.draw, setting.rows)


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

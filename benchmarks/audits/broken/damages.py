"""Damages to the statistics of a trained model."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.audits.cases import ROWS, Case, Setting, mixed
from benchmarks.audits.models import parts as p
from benchmarks.audits.models.problems import CLASSES, Batch, Labels

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


def shifted(setting: Setting) -> Case:
    """Return a sound model whose test rows have less contrast and more noise."""
    case, problem = setting.healthy(), setting.problem

    def draw(rows: int, rng: np.random.Generator) -> Batch:
        x, *rest = problem.draw(rows, rng)
        return (0.5 * x + 0.3 * x.std() * rng.standard_normal(x.shape, dtype="f4"), *rest)

    return replace(case, draw_test=draw)

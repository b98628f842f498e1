"""True gains of other statistics, on many fresh rows, by plain passes that share nothing with the audit."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.audits.cases import Case, Draw
from benchmarks.audits.models.torch_models import norms_of, tensors

ROWS = 3000
"""Rows whose scores are averaged, and rows that statistics are made from."""
BLOCK = 200
"""Rows of a pass in which rows do not meet."""


class TrueGain(NamedTuple):
    """The largest mean gain in log likelihood over the statistics as they are, its standard error, and what brings it.

    A gain over scores that are not finite is infinite.
    """

    value: float
    se: float
    by: str


def true_gains(case: Case, seed: int) -> dict[str, tuple[float, float]]:
    """Return the mean gain of each kind of statistics, with its standard error."""
    rng = np.random.default_rng([seed, 7])
    deployed = case.draw_test or case.draw
    block = case.rows if case.whole else BLOCK
    scored, trained = _drawn(deployed, block, rng), _drawn(case.draw, block, rng)
    before = _scores(case.built(), scored)
    found = {"population": _gain(before, _scores(populated(case.built(), trained), scored))}
    if case.draw_test is not None:
        adapted = populated(case.built(), _drawn(deployed, block, rng))
        found["adapted"] = _gain(before, _scores(adapted, scored))
    small = _drawn(deployed, case.rows, rng)[:LIMIT]
    found["batch"] = _gain(_scores(case.built(), small), _scores(case.built(), small, batch=True))
    averaged = _averaged(case.built(), _drawn(case.draw, case.rows, rng)[:LIMIT])
    return found | {"averaged": _gain(before, _scores(averaged, scored))}


def true_gain(case: Case, seed: int) -> TrueGain:
    """Return the largest gain."""
    gains = true_gains(case, seed)
    best = max(gains, key=lambda name: gains[name][0])
    return TrueGain(*gains[best], best)


LIMIT = 150
"""Batches of the case's own size."""


def _gain(before: Tensor, after: Tensor) -> tuple[float, float]:
    if not bool(before.isfinite().all()):
        return (math.inf if bool(after.isfinite().all()) else -math.inf), 0.0
    difference = after - before
    return float(difference.mean()), float(difference.std() / math.sqrt(len(difference)))


def _drawn(draw: Draw, rows: int, rng: np.random.Generator) -> list[tuple[Tensor, ...]]:
    return [tensors(draw(rows, rng)) for _ in range(ROWS // rows)]


def _modes(model: Any, training: bool) -> None:
    """Put batch norm alone into a mode; nothing else is noisy."""
    model.eval()
    for layer in norms_of(model):
        layer.train(training)


@torch.no_grad()
def _scores(model: Any, batches: list[tuple[Tensor, ...]], *, batch: bool = False) -> Tensor:
    """Return the mean log likelihood of each batch."""
    weights = [layer.momentum for layer in norms_of(model)]
    _modes(model, batch)
    for layer in norms_of(model):
        layer.momentum = 0.0
    found = [-torch.nn.functional.cross_entropy(model(*given), labels) for *given, labels in batches]
    for layer, weight in zip(norms_of(model), weights, strict=True):
        layer.momentum = weight
    model.eval()
    return torch.stack(found).double()


@torch.no_grad()
def _averaged(model: Any, batches: list[tuple[Tensor, ...]]) -> Any:
    """Average the statistics of batches, dropout off."""
    _modes(model, True)
    for layer in norms_of(model):
        if layer.running_mean is not None:
            layer.reset_running_stats()
        layer.momentum = None
    for *given, _ in batches:
        model(*given)
    return model.eval()


def _keep(seen: list[Tensor], _: Any, given: tuple[Tensor, ...]) -> None:
    seen.append(given[0].transpose(0, 1).flatten(1))


@torch.no_grad()
def populated(model: Any, batches: list[tuple[Tensor, ...]]) -> Any:
    """Set mean and variance of all rows, layer after layer, each with the statistics of those before it."""
    for layer in norms_of(model):
        if layer.running_mean is None:
            continue
        seen: list[Tensor] = []
        handle = layer.register_forward_pre_hook(partial(_keep, seen))
        for *given, _ in batches:
            model(*given)
        handle.remove()
        var, mean = torch.var_mean(torch.cat(seen, dim=1).double(), dim=1)
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(var)
    return model

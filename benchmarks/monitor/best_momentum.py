"""The momentum that the monitor recommends against the best of its kind: true displacement in each phase."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.monitor.networks import Training, healthy, norms, with_population
from bnstats._checks.array_types import FloatArray
from bnstats.monitor.core.shadow import MOMENTA

PHASES, EVERY = 3, 10


def _true(training: Training) -> list[tuple[FloatArray, FloatArray]]:
    right = with_population(training.model)
    return [(layer.running_mean.double().numpy(), layer.running_var.double().numpy()) for layer in norms(right)]


def measured(seed: int) -> list[dict[str, object]]:
    """A row for each phase: displacement with the recommended momentum over that with the best one."""
    training = Training(replace(healthy(seed), steps=600), seed)
    engine = training.monitor._engine
    averages: list[FloatArray] = []
    squares: dict[int, list[FloatArray]] = {}
    recommended: dict[int, FloatArray] = {}
    length = training.setup.steps // PHASES

    def look(step: int) -> None:
        batch = engine.state.batch
        weights = np.maximum(MOMENTA, 1 / step)[:, None]
        averages[:] = (
            [batch + np.zeros((MOMENTA.size, 1))] if not averages else [averages[0] + weights * (batch - averages[0])]
        )
        phase = (step - 1) // length
        if step % EVERY == 0:
            squares.setdefault(phase, []).append(_squares(training, averages[0]))
        if step % length == 0:
            recommended[phase] = engine.shadows.best

    training.run(look, every=1)
    rows: list[dict[str, object]] = []
    for phase, found in squares.items():
        each = np.mean(found, axis=0)
        chosen = each[np.searchsorted(-MOMENTA, -recommended[phase]), np.arange(each.shape[1])]
        ratio = float(np.sqrt(chosen.sum() / each.min(axis=0).sum()))
        rows.append({"step": (phase + 1) * length, "ratio": ratio, "architecture": training.setup.architecture})
    return rows


def _squares(training: Training, averages: FloatArray) -> FloatArray:
    """Squared true displacement of each average, shape (momenta, layers)."""
    reading = training.monitor._engine.reading
    assert reading is not None
    found = []
    for layer, (mean, var) in enumerate(_true(training)):
        of_mean, of_var = reading.layout.entries(layer)
        scale = var + reading.eps[layer]
        apart = (averages[:, of_mean] - mean) ** 2 / scale + (averages[:, of_var] - var) ** 2 / (4 * scale**2)
        found.append(apart.mean(axis=1))
    return np.array(found).T

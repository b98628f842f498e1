"""A model with what it is audited with, and how models are trained and damaged; needs PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import torch

from benchmarks.audits.models import parts as p
from benchmarks.audits.models.problems import Batch, Problem
from benchmarks.audits.models.torch_models import Network, State, model_of, state_of, train, update

Draw = Callable[[int, np.random.Generator], Batch]
"""A batch of so many rows."""

ROWS, BATCHES = 32, 40
STEPS = 200


@dataclass(frozen=True)
class Case:
    """A model as plain data, and the laws of the batches that it is audited with.

    Attributes
    ----------
    parts : tuple of parts
    state : dict of arrays
    draw : callable (rows, generator) -> batch
        A batch as training has it.
    rows : int
        Rows of a batch.
    batches : int
        Batches of the loader.
    whole : bool
        True if rows of a batch meet in a forward pass, as nodes of a graph and rows of one class do.
    draw_test : callable, optional
        A batch as deployment has it; None if it is as training's.
    live : dict of arrays, optional
        Weights and statistics of the live model that was averaged.
    adapt : callable (model) -> model, optional
        What is done to the model when it has been built in PyTorch.
    outer : callable (model) -> model, optional
        A wrapper or a setting that leaves outputs in evaluation mode as they are.
    pack : callable (batch) -> batch, optional
        The form in which the loader hands out a batch.
    options : dict
        Further arguments of the audit.
    """

    parts: p.Parts
    state: State
    draw: Draw
    rows: int = ROWS
    batches: int = BATCHES
    whole: bool = False
    draw_test: Draw | None = None
    live: State | None = None
    adapt: Callable[[Any], Any] | None = None
    outer: Callable[[Any], Any] | None = None
    pack: Callable[[Batch], Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def loader(
        self, seed: int, batches: int | None = None, *, vary: bool = False, missing: bool = False
    ) -> list[Batch]:
        """Return batches, of rows that vary by half and with some missing inputs if asked."""
        return _batches(self.draw, self.rows, batches or self.batches, np.random.default_rng([seed, 2]), vary, missing)

    def test(
        self, seed: int, batches: int | None = None, *, vary: bool = False, missing: bool = False
    ) -> list[Batch] | None:
        """Return test batches, or None where the loader's serve."""
        if self.draw_test is None:
            return None
        return _batches(
            self.draw_test, self.rows, batches or self.batches, np.random.default_rng([seed, 3]), vary, missing
        )

    def built(self, state: State | None = None) -> Any:
        """Return the model in PyTorch, in evaluation mode."""
        model = model_of(self.parts, self.state if state is None else state)
        return model if self.adapt is None else self.adapt(model)

    def handed_out(self) -> Any:
        """Return the model as its user hands it to the audit."""
        return self.built() if self.outer is None else self.outer(self.built())


def _batches(draw: Draw, rows: int, batches: int, rng: np.random.Generator, vary: bool, missing: bool) -> list[Batch]:
    made = []
    for _ in range(batches):
        size = int(rng.integers(max(rows // 2, 2), rows * 3 // 2 + 1)) if vary else rows
        batch = draw(size, rng)
        if missing and rng.random() < 0.3:
            batch[0][rng.integers(len(batch[0]))] = np.nan
        made.append(batch)
    return made


@dataclass(frozen=True)
class Setting:
    """The family and seed of a model, and the convention of its framework.

    Attributes
    ----------
    family : str
    seed : int
    ddof : int
        That of the stored variance.
    """

    family: str
    seed: int
    ddof: int = 1

    @property
    def rows(self) -> int:
        """Rows of a batch."""
        return 128 if self.family == "graph" else ROWS

    @property
    def problem(self) -> Problem:
        return Problem(self.family, self.seed)

    def rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *key])

    def stream(self, rows: int | None = None, draw: Draw | None = None, key: int = 4) -> Iterator[Batch]:
        """Yield batches without end."""
        rng = self.rng(key)
        while True:
            yield (draw or self.problem.draw)(rows or self.rows, rng)

    def untrained(self, parts: p.Parts) -> Network:
        """Return a network with random weights."""
        torch.manual_seed(self.seed)
        return model_of(parts)

    def trained(self, parts: p.Parts, *, rows: int | None = None, draw: Draw | None = None, **options: Any) -> Network:
        """Return a network trained on its problem."""
        model = self.untrained(parts)
        train(model, self.stream(rows, draw), **({"steps": STEPS, "ddof": self.ddof} | options))
        return model

    def healthy(self) -> Case:
        """Return a sound model."""
        parts = p.network(self.family)
        return Case(parts, dict(_healthy(self)), self.problem.draw, self.rows, whole=self.family == "graph")

    def updated(self, case: Case, batches: int, **changes: Any) -> Case:
        """Return the case with statistics that so many batches of `rows` rows have updated.

        Parameters
        ----------
        case : Case
        batches : int
        rows, draw, weight : optional
            Those of the updates; by default the case's own.
        """
        model = model_of(case.parts, case.state)
        rows, draw = changes.get("rows", case.rows), changes.get("draw", case.draw)
        given = (batch for _, batch in zip(range(batches), self.stream(rows, draw, key=5), strict=False))
        update(model, given, ddof=self.ddof, weight=changes.get("weight"))
        return replace(case, state=state_of(model))

    def chosen(self, case: Case, scope: str) -> list[str]:
        """Return the paths of all norms, or of one that depends on the seed."""
        names = p.norms(case.parts)
        return names if scope == "all" else [names[self.seed % len(names)]]


@cache
def _healthy(setting: Setting) -> State:
    """Return the state after training and some updates at fixed weights, whose noise costs less than .005 nats."""
    model = setting.trained(p.network(setting.family))
    update(model, [batch for _, batch in zip(range(100), setting.stream(key=8), strict=False)], ddof=setting.ddof)
    return state_of(model)


def mixed(case: Case, other: Case, names: list[str]) -> Case:
    """Return the case with the other's statistics in these layers."""
    state = dict(case.state)
    for name in names:
        for key in ("running_mean", "running_var", "num_batches_tracked"):
            state[f"{name}.{key}"] = other.state[f"{name}.{key}"]
    return replace(case, state=state)

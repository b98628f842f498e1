"""A model under audit: what was measured so far, and what is measured when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from bnstats.audit.core import kinds
from bnstats.audit.core.history.measured import Measured
from bnstats.audit.core.judging.findings import Estimate
from bnstats.audit.core.kinds import LayerStatistics
from bnstats.audit.core.protocol import Model
from bnstats.audit.core.scoring.trial import Scores, Trial, bad, gain

STEPS = ("running", "averaged", "without_noise", "population", "batch")
"""The gap between evaluation and batch statistics, step by step."""

# Another kind than population statistics is advised where it is better by this many standard errors.
BETTER_BY = 2.0


P = ParamSpec("P")
T = TypeVar("T")


def once(make: Callable[P, T]) -> Callable[P, T]:
    """Return a function of a context and of names that is computed once for the same ones."""

    @wraps(make)
    def kept(*given: P.args, **named: P.kwargs) -> T:
        context: Any = given[0]
        key = (make.__qualname__, *given[1:])
        if key not in context.memo:
            context.memo[key] = make(*given, **named)
        found: T = context.memo[key]
        return found

    return kept


@dataclass(eq=False)
class AuditContext(Measured):
    """A model under audit.

    Attributes
    ----------
    model, batches, train, still
        See `Measured`.
    trial : Trial
        Scores statistics on batches that they were not made from.
    live : Model or None
        Private copy of the model whose weights were averaged.
    test : sequence of batches or None
        Batches of a test loader, which are those that are scored.
    effect : float
        Smallest gain that is worth having.
    seed : int
        Seed of all random numbers.
    unpredicted : bool
        True if labels fit the outputs, which predict them no better than their proportions do.
    """

    trial: Trial
    live: Model | None
    test: Sequence[Any] | None
    effect: float
    seed: int
    unpredicted: bool = False
    memo: dict[Any, Any] = field(default_factory=dict, repr=False)

    def fit_of(self, fold: Any) -> list[int]:
        """Return the usable batches that a fold makes statistics from; all usable ones where it has none."""
        return [k for k in fold.fit if k in self.usable] or list(fold.fit)

    @once
    def made(self, kind: str) -> list[LayerStatistics]:
        """Return statistics of one kind for each fold."""
        return [self._make(kind, self.fit_of(fold)) for fold in self.trial.folds]

    def _make(self, kind: str, fit: list[int]) -> LayerStatistics:
        ddof = self.convention.ddof
        train, still = [self.train[k] for k in fit], [self.still[k] for k in fit]
        if kind == "running":
            return self.running
        if kind == "population":
            return kinds.population(self.model, [self.batches[k] for k in fit])
        if kind == "debiased":
            return kinds.debiased(self.running, self.start_left, self.convention.start)
        return kinds.of_training(kind, self.running, still if kind == "without_noise" else train, ddof)

    @once
    def scores(self, kind: str) -> Scores:
        """Return the scores with one kind of statistics."""
        return self.trial.score_outputs(self.batch_outputs) if kind == "batch" else self.trial.score(self.made(kind))

    @property
    def tried(self) -> tuple[str, ...]:
        """Kinds that were scored so far."""
        return tuple(given[0] for name, *given in self.memo if name == "AuditContext.scores")

    @cached_property
    def batch_outputs(self) -> Mapping[int, Any]:
        """Outputs with batch statistics of the batches that are scored, where a pass gives one."""
        return batch_outputs(self.model, self.trial.batches)

    @property
    def unit(self) -> str:
        """Unit of the metric that decides."""
        return self.trial.scorers[0].unit

    @property
    def metric(self) -> str:
        """The metric that decides."""
        return next(iter(self.scores("running")), "score")

    def gain(self, kind: str, base: str = "running") -> Estimate:
        """Return what one kind of statistics gains over another."""
        return gain(self.scores(kind)[self.metric], self.scores(base)[self.metric])

    def gain_of(self, given: Sequence[LayerStatistics]) -> Estimate:
        """Return what other statistics gain, one set for each fold; layers that they lack keep their own."""
        return gain(self.trial.score(given)[self.metric], self.scores("running")[self.metric])

    def bad(self, kind: str) -> int:
        """Return the number of rows whose score is not finite."""
        return bad(self.scores(kind)[self.metric])

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """Kinds along the gap, those that can be made."""
        # A batch is the reference of distances, and has none itself.
        left_out = (
            ({"batch"} if self.trial.scorers[0].by_distance else set())
            | ({"averaged", "without_noise"} if not self.usable else set())
            | (set() if self.noisy else {"without_noise"})
        )
        return tuple(kind for kind in STEPS if kind not in left_out)

    @cached_property
    def best(self) -> str:
        """The kind of statistics to recalibrate with: population ones, unless others are better by more than chance."""
        best = "population"
        biased = ("biased",) if self.convention.ddof == 1 else ()
        for kind in ("averaged", "precise", *biased) if self.usable else ():
            ahead = self.gain(kind, best)
            if ahead.value > max(BETTER_BY * ahead.se, self.effect / 10):
                best = kind
        return best

    @cached_property
    def gap(self) -> Estimate:
        """The largest gain of any kind, which causes have to explain."""
        return max((self.gain(kind) for kind in self.steps[1:]), key=lambda found: np.nan_to_num(found.value, nan=-1))

    def explains(self, gained: Estimate) -> bool:
        """Return True if a gain closes at least half of the gap."""
        return bool(gained.value >= 0.5 * self.gap.value and gained.value > 0)


def batch_outputs(model: Model, batches: Sequence[Any]) -> dict[int, Any]:
    """Return outputs with batch statistics, by index; a batch that cannot be normalized by itself has none."""
    found = {}
    for index, batch in enumerate(batches):
        try:
            found[index] = model.batch_pass(batch)
        except Exception:  # a batch of one row raises errors of several kinds
            continue
    return found

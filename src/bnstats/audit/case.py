"""Everything that is known of a model before causes are looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray, IntArray
from bnstats.audit.batches import count_rows, joined, labels_of, taken
from bnstats.audit.bench import Bench
from bnstats.audit.between import Between, class_mix, row_mean_f
from bnstats.audit.kinds import Kind
from bnstats.audit.layers import Layer
from bnstats.audit.null import Comparison
from bnstats.audit.scores import Estimate
from bnstats.audit.watch import Runner, Watched
from bnstats.networks.adaptation import Adaptation

# Kinds of statistics that a mend may put in place of the running ones.
MENDS = ("population", "precise", "biased")
# Another kind than the first is advised where it is better by this many standard errors, and a tenth of `effect`.
BETTER_BY = 2.0


@dataclass(frozen=True, eq=False)
class Options:
    """What was asked of an audit.

    Attributes
    ----------
    test : iterable of batches or None
    score : callable (output, batch) -> a number per row, or None
    effect : float
        Smallest gain that is worth having.
    steps : int or None
        Optimisation steps, if they are known.
    shares : dict or None
        Classes' shares at test time, if they are known.
    seed : int
    adaptations : tuple of Adaptation
        Whose scores are wanted.
    """

    test: Iterable[Any] | None
    score: Callable[[Any, Any], Any] | None
    effect: float
    steps: int | None
    shares: Mapping[int, float] | None
    seed: int
    adaptations: tuple[Adaptation, ...]


@dataclass(eq=False)
class Case:
    """A model under audit.

    Attributes
    ----------
    runner : Runner
    full : iterable of batches
        Full batches of the loader as training draws them, the same whenever they are read.
    kept : list of batches
        Full batches of its first epoch.
    made, held : batch
        The rows that mends are made from, and all others of the first epoch.
    batch_size : int
    short : int
        Rows of a last, shorter batch of an epoch; 0 if there is none.
    per_epoch : int or None
        Batches of an epoch, the short one included; None if no epoch ended.
    frozen : set of str
        Layers that use running statistics in training mode, too.
    mixed : bool
        Whether some are frozen and others not.
    watched, compared : dict
        By layer.
    kinds : dict of kinds
        "population", "precise", "averaged", "biased", "debiased", made from `made`.
    loader_bench, test_bench : Bench
        Rows of the loader that no mend is made from; test rows, None if there are none.
    test : batch or None
        All test rows.
    options : Options
    """

    runner: Runner
    full: Iterable[Any]
    kept: list[Any]
    made: Any
    held: Any
    batch_size: int
    short: int
    per_epoch: int | None
    frozen: set[str]
    mixed: bool
    watched: Mapping[str, Watched]
    compared: Mapping[str, Comparison]
    kinds: Mapping[str, Kind]
    loader_bench: Bench
    test_bench: Bench | None
    test: Any
    options: Options

    @property
    def effect(self) -> float:
        """Smallest gain that is worth having."""
        return self.options.effect

    @property
    def seed(self) -> int:
        """The seed of all random numbers."""
        return self.options.seed

    @property
    def bench(self) -> Bench:
        """The rows whose score is to be explained."""
        return self.test_bench or self.loader_bench

    @property
    def layers(self) -> list[Layer]:
        """All batch-norm layers, in the order of the forward pass."""
        return self.runner.layers

    @property
    def live(self) -> list[str]:
        """Layers with running statistics that training updates."""
        return [layer.name for layer in self.layers if layer.name in self.compared and layer.name not in self.frozen]

    def labels(self) -> list[IntArray] | None:
        """Integer labels of each full batch of the first epoch, if there are any."""
        found = [labels_of(batch) for batch in self.kept]
        if any(label is None or label.is_floating_point() or label.ndim != 1 for label in found):
            return None
        return [label.cpu().numpy().astype(np.int64) for label in found if label is not None]

    def mixes(self) -> dict[str, Between]:
        """How far batches differ: in classes or, without labels, at the deepest layer, and at the first layer."""
        labels, names = self.labels(), [layer.name for layer in self.layers if layer.normalizes]
        found: dict[str, Between] = {}
        if labels is not None and len(labels) > 1:
            found["classes"] = class_mix(labels)
        if names and len(self.kept) > 1:
            chosen = {"first layer": names[0]} | ({} if labels is not None else {"deepest layer": names[-1]})
            rows = list(self.runner.by_row(self.kept, set(chosen.values())))
            means = {place: [means for means, _ in (r[name] for r in rows)] for place, name in chosen.items()}
            found |= {place: row_mean_f(batches, self.seed) for place, batches in means.items()}
        return found

    def short_batches(self, count: int = 100) -> list[Any]:
        """Random batches as short as the last one of an epoch."""
        rows, rng = joined(self.kept), np.random.default_rng(self.seed)
        return [taken(rows, rng.choice(count_rows(rows), self.short, replace=False)) for _ in range(count)]

    def spread(self, name: str) -> float:
        """Median relative standard deviation of a layer's batch variances, over channels and calls."""
        var = self.watched[name].var
        mean = var.mean(axis=0)
        alive = mean > 0
        return float(np.median(var.std(axis=0, ddof=1)[alive] / mean[alive])) if alive.any() and len(var) > 1 else 0.0


@dataclass(eq=False)
class Gap:
    """What evaluation mode loses on some rows, once earlier mends are in place.

    Attributes
    ----------
    case : Case
    bench : Bench
    applied : Kind
        Statistics of earlier mends.
    """

    case: Case
    bench: Bench
    applied: Kind

    @cached_property
    def base(self) -> list[FloatArray]:
        """Scores with the earlier mends alone."""
        return self.bench.score(self.applied)

    @cached_property
    def _scores(self) -> dict[str, list[FloatArray]]:
        return {kind: self.bench.score({**self.applied, **self.case.kinds[kind]}) for kind in MENDS}

    @cached_property
    def gains(self) -> dict[str, Estimate]:
        """What each kind of statistics brings."""
        return {kind: self.bench.gain(scores, self.base) for kind, scores in self._scores.items()}

    @cached_property
    def best(self) -> str:
        """The kind to advise: population statistics, unless others score better by more than chance."""
        best = MENDS[0]
        for kind in MENDS[1:]:
            ahead = self.bench.gain(self._scores[kind], self._scores[best])
            if ahead.t > BETTER_BY and ahead.value > self.case.effect / 10:
                best = kind
        return best

    def gain(self, given: Kind, eps: Mapping[str, float] | None = None) -> Estimate:
        """What other statistics, or another eps, bring."""
        return self.against(self.base, given, eps)

    def against(self, old: list[FloatArray], given: Kind, eps: Mapping[str, float] | None = None) -> Estimate:
        """What they bring against other scores of the same rows."""
        return self.bench.gain(self.bench.score({**self.applied, **given}, eps), old)

    def alone_or_last(self, part: Kind) -> Estimate:
        """What the best statistics of some layers bring alone or, if that is not material, after all others."""
        alone = self.gain(part)
        others = self.only(name for name in self.case.kinds[self.best] if name not in part)
        if alone.material(self.case.effect) or not others:
            return alone
        return self.against(self.bench.score({**self.applied, **others}), {**others, **part})

    @property
    def material(self) -> bool:
        """Whether population or precise statistics are worth having."""
        return any(self.gains[kind].material(self.case.effect) for kind in ("population", "precise"))

    def most(self, given: Kind) -> bool:
        """Whether these statistics bring more than half of what the best ones bring."""
        return self.gain(given).value > 0.5 * self.gains[self.best].value

    def only(self, names: Iterable[str]) -> Kind:
        """The best statistics, of these layers alone."""
        return {name: self.case.kinds[self.best][name] for name in names if name in self.case.kinds[self.best]}

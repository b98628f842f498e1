"""History of running statistics as batches and training passes show it, measured when first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bnstats.audit.core import kinds
from bnstats.audit.core.history.rates import Use, measure_use, replaced
from bnstats.audit.core.kinds import LayerStatistics, Seen
from bnstats.audit.core.protocol import BatchNormLayer, Model
from bnstats.statistics.norm_borders import START_WEIGHT
from bnstats.statistics.running_conventions import CONVENTIONS

# Differences of means in standard deviations that are rounding.
SAME = 1e-3
# Without a counter, start values are seen only where little else separates running statistics from averaged batches.
LEFT_OVER = 0.03


@dataclass(eq=False)
class Measured:
    """A private copy of a model, and what its batches showed.

    Attributes
    ----------
    model : Model
        Private copy.
    batches : sequence of batches
        Batches of the loader, which statistics are made from.
    train, still : sequence of dict
        Moments of each batch in training mode, and with batch statistics but without noise of training. Batches that
        leave none, such as one of a single row, have an empty dict.
    """

    model: Model
    batches: Sequence[Any]
    train: Sequence[Seen]
    still: Sequence[Seen]

    @cached_property
    def layers(self) -> list[BatchNormLayer]:
        """Layers in the order of the forward pass."""
        return list(self.model.layers)

    @cached_property
    def layer(self) -> dict[str, BatchNormLayer]:
        """Layers by their names."""
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def running(self) -> LayerStatistics:
        """Running statistics of all layers that keep them."""
        return {name: s for name, s in self.model.get().items() if name in self.layer}

    @cached_property
    def convention(self) -> Any:
        """Convention of the framework."""
        return CONVENTIONS[self.model.convention]

    @cached_property
    def usable(self) -> list[int]:
        """Batches that leave finite moments in both modes."""
        return [
            k
            for k, (train, still) in enumerate(zip(self.train, self.still, strict=True))
            if train and still and kinds.finite(train) and kinds.finite(still)
        ]

    @cached_property
    def noisy(self) -> bool:
        """True if training mode changes the inputs of layers by more than the batch does, as dropout does.

        Behind layers that normalize by running statistics in training, inputs differ from those of a batch pass anyway.
        """
        return not (self.frozen and self.use.training) and any(
            bool(np.any(np.abs(a.mean - b.mean) > SAME * np.sqrt(b.var() + 1e-30)))
            for k in self.usable[:3]
            for name, calls in self.train[k].items()
            for a, b in zip(calls, self.still[k].get(name, ()), strict=False)
        )

    @cached_property
    def rates(self) -> dict[str, float]:
        """Proportion of running statistics that one training pass replaces, as measured; empty where training fails."""
        try:
            return replaced(self.model, self.batches[self.usable[0]]) if self.usable else {}
        except Exception:  # a training pass may raise anything; the report says that there is none
            return {}

    @cached_property
    def frozen(self) -> list[str]:
        """Layers whose running statistics a training pass leaves alone."""
        return [name for name, rate in self.rates.items() if rate < 1e-6]

    @cached_property
    def use(self) -> Use:
        """Effect of other running statistics on outputs."""
        try:
            return measure_use(self.model, self.batches[self.usable[0] if self.usable else 0], self.frozen)
        except Exception:  # in training mode, where it cannot run
            return measure_use(self.model, self.batches[0], [])

    @cached_property
    def at_start(self) -> list[str]:
        """Layers whose running statistics are the start values."""
        mean, var = self.convention.start
        return [name for name, s in self.running.items() if np.all(s.mean == mean) and np.all(s.var == var)]

    @cached_property
    def passes(self) -> dict[str, float | None]:
        """Training passes so far by the framework's counter; None where it keeps none, or where it contradicts."""
        found: dict[str, float | None] = {}
        for layer in self.layers:
            unknown = layer.updates is None or (layer.updates == 0 and layer.name not in self.at_start)
            found[layer.name] = None if unknown or layer.updates is None else layer.updates / max(layer.calls, 1)
        return found

    @cached_property
    def cumulative(self) -> list[str]:
        """Layers whose statistics are cumulative averages, in which nothing of the start remains."""
        return [layer.name for layer in self.layers if layer.weight is None and layer.updates]

    @cached_property
    def start_weight(self) -> dict[str, float]:
        """Weight of the start values in each layer, from the measured rate and the counter; else as statistics show.

        Nan where there is no counter and statistics show something else than start values.
        """
        found = {}
        for name, rate in self.rates.items():
            passes = self.passes.get(name)
            if name in self.at_start:
                found[name] = 1.0
            elif name in self.cumulative:
                found[name] = 0.0
            elif rate < 1e-6:
                found[name] = float("nan")
            elif passes is not None:
                found[name] = float((1 - rate) ** passes)
            else:
                weight, left_over = self._fitted_start_weight(name)
                found[name] = weight if left_over < LEFT_OVER else float("nan")
        return found

    @cached_property
    def start_left(self) -> dict[str, float]:
        """Weights of the start values that are above the border, where both rate and counter, and statistics show them.

        A counter may be of other training, so that statistics have to agree.
        """
        left = {}
        for name, weight in self.start_weight.items():
            shown = self._fitted_start_weight(name)[0] if START_WEIGHT < weight < 1 else np.nan
            if abs(shown - weight) < 0.5 * weight:
                left[name] = weight
        return left

    def _fitted_start_weight(self, name: str) -> tuple[float, float]:
        """Return the weight with which start values and averaged batches come closest to the running statistics.

        Beside it stands the proportion of the squared distance from averaged batches that this leaves over.
        """
        if name not in self.averaged_all:
            return float("nan"), float("nan")
        running, made, start = self.running[name], self.averaged_all[name], self.convention.start
        scale = made.var + 1e-30
        off = np.concatenate([(running.mean - made.mean) / np.sqrt(scale), running.var / scale - 1])
        to = np.concatenate([(start[0] - made.mean) / np.sqrt(scale), start[1] / scale - 1])
        weight = float(np.clip(np.sum(off * to) / max(np.sum(np.square(to)), 1e-30), 0, 1))
        return weight, float(np.sum(np.square(off - weight * to)) / max(np.sum(np.square(off)), 1e-30))

    @cached_property
    def averaged_all(self) -> LayerStatistics:
        """Averages of all batches in training mode."""
        return kinds.averaged([self.train[k] for k in self.usable], self.convention.ddof)

"""Events that a monitor names at a check, each with its rule, in the order in which a reader should fix them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from bnstats._checks.array_types import BoolArray
from bnstats.monitor.core.measures import LayerMeasures
from bnstats.monitor.core.readings import Reading
from bnstats.monitor.core.state import State
from bnstats.monitor.core.weights import start_weight
from bnstats.statistics.norm_borders import DISPLACEMENT, START_WEIGHT

CLEAR_LAG = 3.0
"""Lag in units of chance above which it is called one."""
ALTERNATING = 1.6
"""Von Neumann ratio of batch statistics above which sources alternate."""
CLEAR = 2 * DISPLACEMENT
"""Lag that is named; half of it is usual while a network learns fast."""
DRIFT = 2.0
"""Drift in units of chance below which no weights have moved; 25 and more where they had, in tuning."""
STILL = 100
"""Steps after which weights should have moved."""
UNMOVED = 20
"""Steps without an update after which a layer is frozen."""
TWICE = 10
"""Steps in a row with more updates than batches after which statistics are updated twice."""
MOST_ROUNDED = 0.5
"""Proportion of rounded channels above which a layer's buffers are too coarse."""
QUIET = 5
"""Checks after which an event that ended may begin anew."""


class Event(NamedTuple):
    """Something that began: at which step, its code, the layer that shows it most, and a sentence with numbers."""

    step: int
    code: str
    layer: str
    message: str


@dataclass(frozen=True)
class Check:
    """Input of the rules: the measures after a read, and the training around it."""

    measures: LayerMeasures
    state: State
    reading: Reading
    step: int
    total_steps: int | None
    batch_size: int | None
    still: bool


@dataclass(frozen=True)
class Rule:
    """Rule of an event: its condition, the distance of each layer from the border, and the sentence.

    Attributes
    ----------
    code : str
        Name of the event.
    holds : callable (Check) -> array of bool
        Layers that show it.
    size : callable (Check) -> array
        The largest value belongs to the layer that is named.
    message : str
        A sentence about one layer, with the names of `_numbers` in braces.
    checks : int
        Checks in a row at which it must hold.
    """

    code: str
    holds: Callable[[Check], Any]
    size: Callable[[Check], Any]
    message: str
    checks: int = 1


def start_at_end(check: Check) -> Any:
    """Return the weight that the start values will have after the last step; nan where the end is not known."""
    if check.total_steps is None:
        return np.full(check.state.start.shape, np.nan)
    left = max(check.total_steps - check.step, 0)
    return check.state.start * start_weight(check.reading.weight, np.full(check.state.start.shape, float(left)))


def _still(check: Check) -> BoolArray:
    z, known = check.measures.drift_z, check.measures.known
    return np.asarray(known & bool(check.still and check.step >= STILL and (z[known] < DRIFT).all()))


def _numbers(check: Check, layer: int) -> dict[str, Any]:
    """Return the numbers that messages name: measures of a layer, and the training around it."""
    weight = check.reading.weight[layer]
    measures = {name: values[layer] for name, values in vars(check.measures).items()}
    return measures | {
        "at_end": start_at_end(check)[layer],
        "batch_size": check.batch_size,
        "total_steps": check.total_steps,
        "weight": "1/t" if np.isnan(weight) else f"{weight:.3g}",
    }


RULES = (
    Rule(
        "not_finite",
        lambda c: ~c.reading.known,
        lambda c: c.state.seen,
        "the running statistics are not finite, and stay so in evaluation mode",
    ),
    Rule(
        "frozen",
        lambda c: (c.step - c.state.moved >= UNMOVED) & c.reading.known,
        lambda c: c.step - c.state.moved,
        "the running statistics do not move: what they should be is unknown since then",
    ),
    Rule(
        "start_remains",
        lambda c: start_at_end(c) > START_WEIGHT,
        start_at_end,
        "at the last step, {total_steps}, the start values 0 and 1 will still have a weight of {at_end:.0%} in the "
        "running statistics",
    ),
    Rule(
        "updated_twice",
        lambda c: c.state.extra >= TWICE,
        lambda c: c.state.extra,
        "each batch updates the running statistics more than once",
    ),
    Rule(
        "low_precision",
        lambda c: c.measures.rounded > MOST_ROUNDED,
        lambda c: c.measures.rounded,
        "the buffers are rounded more than batches vary in {rounded:.0%} of the channels: small updates get lost",
    ),
    Rule(
        "weights_still",
        _still,
        lambda c: -c.measures.drift_z,
        "scales and shifts are those of the first step, and batch statistics have not drifted: weights do not move",
    ),
    Rule(
        "alternating_sources",
        lambda c: c.measures.alternation > ALTERNATING,
        lambda c: c.measures.alternation,
        "successive batches come from two sources in turn (von Neumann ratio {alternation:.2f}, 1 if batches are "
        "independent)",
        checks=3,
    ),
    Rule(
        "dependent_batches",
        lambda c: c.measures.n_eff < (c.batch_size or 0) / 2,
        lambda c: -c.measures.n_eff,
        "a batch of {batch_size} rows is worth {n_eff:.1f} independent values: rows of a batch are alike",
        checks=3,
    ),
    Rule(
        "noise",
        lambda c: c.measures.noise > DISPLACEMENT,
        lambda c: c.measures.noise,
        "noise displaces the running statistics by {noise:.2f} sd: each batch counts for {weight}",
    ),
    Rule(
        "lag",
        lambda c: (c.measures.lag > np.maximum(CLEAR, c.measures.noise)) & (c.measures.lag_z > CLEAR_LAG),
        lambda c: c.measures.lag,
        "the running statistics are {lag:.2f} sd behind the batches ({lag_z:.0f} times what chance gives)",
        checks=3,
    ),
    Rule(
        "dead_channels",
        lambda c: c.measures.dead > 0,
        lambda c: c.measures.dead,
        "{dead:.0f} channels have no variance",
        checks=2,
    ),
)
ALWAYS = ("not_finite", "frozen", "start_remains", "updated_twice", "dead_channels")
"""Rules about layers whose measures need not be known."""


@dataclass
class EventTracker:
    """Rules that held at the latest checks.

    Attributes
    ----------
    in_a_row : dict
        For each code, the checks in a row of each layer.
    last : dict
        For each event that was named, the last check at which it held.
    checks : int
        Checks so far.
    """

    in_a_row: dict[str, dict[str, int]] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    checks: int = 0

    def judge(self, check: Check, every: int) -> list[Event]:
        """Return the events that begin at a check."""
        self.checks += 1
        found = []
        for rule in RULES:
            with np.errstate(invalid="ignore"):
                holds = np.asarray(rule.holds(check), bool)
                holds = holds if rule.code in ALWAYS else holds & check.measures.known
                event = self._named(rule, check, holds, every)
            if event is not None:
                found.append(event)
        return found

    def _named(self, rule: Rule, check: Check, holds: BoolArray, every: int) -> Event | None:
        names = check.reading.layout.names
        before = self.in_a_row.get(rule.code, {})
        counts = {names[i]: before.get(names[i], 0) + 1 for i in np.flatnonzero(holds)}
        self.in_a_row[rule.code] = counts
        ready = np.array([counts.get(name, 0) >= rule.checks for name in names])
        if not ready.any():
            return None
        known_before = self.checks - self.last.get(rule.code, -QUIET - 1) <= QUIET
        self.last[rule.code] = self.checks
        if known_before:
            return None
        layer = int(np.argmax(np.where(ready, rule.size(check), -np.inf)))
        more = int(ready.sum()) - 1
        also = f" ({more} more layer{'s' if more > 1 else ''} too)" if more else ""
        since = _began(rule, check, layer, (counts[names[layer]] - 1) * every)
        return Event(since, rule.code, names[layer], rule.message.format(**_numbers(check, layer)) + also)


def _began(rule: Rule, check: Check, layer: int, before: int) -> int:
    if rule.code == "frozen":
        return int(check.state.moved[layer]) + 1
    return 1 if rule.code in ("start_remains", "weights_still") else max(check.step - before, 1)

"""State of all layers over the reads of any framework: layers that come, go or are loaded, and checks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bnstats.monitor.core.channels import advance
from bnstats.monitor.core.events import MOST_ROUNDED, Check, Event, EventTracker
from bnstats.monitor.core.jumps import Jump, Jumps
from bnstats.monitor.core.measures import measures_of
from bnstats.monitor.core.readings import Layout, Reading
from bnstats.monitor.core.shadow import Shadows
from bnstats.monitor.core.state import State

LOADED = 100
"""Updates between two reads that are too many for training, unless as many batches were read."""
_OPTIONS = ("batch_size", "total_steps", "epoch_batches")
MOST_CHECKS = 400
"""Checks that are remembered for the figure; of more, every second one is forgotten."""


class Checked(NamedTuple):
    """Measures at a check: the step, and numbers of each layer."""

    step: int
    layers: tuple[str, ...]
    noise: list[float]
    lag: list[float]
    displacement: list[float]


class Engine:
    """The state of all layers, advanced by reads, and what checks have named.

    Attributes
    ----------
    step : int
        Batches so far.
    events : list of Event
        What was named.
    history : list of Checked
        Measures at the checks.
    """

    def __init__(
        self, batch_size: int | None, total_steps: int | None, check_every: int, epoch_batches: int | None
    ) -> None:
        self.batch_size, self.total_steps = batch_size, total_steps
        self.check_every, self.epoch_batches = check_every, epoch_batches
        self.step, self.next_check = 0, 1
        self.events: list[Event] = []
        self.history: list[Checked] = []
        self.tracker = EventTracker()
        self.learned: list[float] = []
        self.reading: Reading | None = None
        self.state: State
        self.shadows: Shadows
        self.jumps: Jumps

    def read(self, reading: Reading) -> list[Event]:
        """Take a read in, and return the events that begin with it."""
        if not math.isnan(reading.learned):
            self.learned = [*self.learned[:1], reading.learned]  # the first and the latest
        if self.reading is None:
            clean = reading.cleaned(None)
            self.reading, self.state = clean, State.of(clean, self.step)
            self._begin_layers(clean.layout)
            return []
        begun = self._follow_layers(reading) if reading.layout != self.reading.layout else []
        reading = reading.cleaned(self.state.running)
        begun += self._follow_loading(reading)
        lost = bool((self.reading.known & ~reading.known).any())
        new = reading.updates - self.state.updates
        counted = int(np.nanmax(np.nan_to_num(new), initial=0)) if not np.isnan(new).all() else 1
        self.step += counted if reading.batches is None else reading.batches
        batch = advance(self.state, reading, self.step, self.epoch_batches)
        self.reading = reading
        self.shadows.advance(self.state, reading, batch.active, batch.new)
        self.jumps.see(self.step, np.where(self.coarse, 0.0, batch.z))
        begun += self._decided()
        if self.step >= self.next_check or lost:
            begun += self._check()
        self.events += begun
        return begun

    def check(self) -> Check:
        """Return the measures after the last read, and the training around it."""
        assert self.reading is not None
        measures = measures_of(self.state, self.reading, self.step, self.epoch_batches)
        still = len(self.learned) == 2 and self.learned[0] == self.learned[1]  # those of the first and the latest read
        return Check(measures, self.state, self.reading, self.step, self.total_steps, self.batch_size, still)

    def _begin_layers(self, layout: Layout) -> None:
        self.shadows, self.jumps = Shadows(layout), Jumps(len(layout.names))
        self.coarse = np.zeros(len(layout.names), bool)

    def _follow_layers(self, reading: Reading) -> list[Event]:
        """Continue layers of the same name and size, and start the state of the others again."""
        assert self.reading is not None
        old, new = self.reading.layout, reading.layout
        sizes = dict(zip(old.names, old.sizes, strict=True))
        clean = reading.cleaned(None)
        self.state = self.state.adapted(old, clean, self.step)
        self.reading = replace(clean, finite=None)
        self._begin_layers(new)
        return [
            Event(self.step + 1, "replaced", name, f"{size} channels where {sizes[name]} were: judged anew from here")
            for name, size in zip(new.names, new.sizes, strict=True)
            if sizes.get(name, size) != size
        ]

    def _follow_loading(self, reading: Reading) -> list[Event]:
        """Start the state again of layers whose updates went backwards, or farther than training goes."""
        new = reading.updates - self.state.updates
        with np.errstate(invalid="ignore"):
            loaded = (new < 0) | ((new >= LOADED) & (new > 4 * (reading.batches or np.inf)))
        if not loaded.any():
            return []
        first = int(np.argmax(loaded))
        before, now = self.state.updates[first], reading.updates[first]
        self.state = self.state.restarted(loaded, reading, self.step)
        text = f"updates went from {before:.0f} to {now:.0f}: statistics were loaded, and are judged anew from here"
        return [Event(self.step + 1, "loaded", reading.layout.names[first], text)]

    def _decided(self) -> list[Event]:
        found: tuple[str, Jump] | None = self.jumps.decided(self.step)
        if found is None or self.reading is None:
            return []
        code, jump = found
        what = "began to jump from step to step" if code == "unstable_steps" else "changed at once"
        text = f"batch statistics {what}, by {jump.z:.0f} times what is usual"
        return [Event(jump.step, code, self.reading.layout.names[jump.layer], text)]

    def _check(self) -> list[Event]:
        self.next_check = (self.step // self.check_every + 1) * self.check_every
        check, state = self.check(), self.state
        self.coarse = check.measures.rounded > MOST_ROUNDED  # rounding makes steps that look like jumps
        begun = self.tracker.judge(check, self.check_every)
        if self.step > 1:
            self._remember(check)
            fresh = (state.first_reads == 0) & (state.block_reads > 0)
            state.first = np.where(fresh[check.reading.layout.owner], state.block, state.first)
            state.first_reads = np.where(fresh, state.block_reads, state.first_reads)
            state.block, state.block_reads = np.zeros_like(state.block), np.zeros_like(state.block_reads)
        return begun

    def _remember(self, check: Check) -> None:
        m = check.measures
        shown = [np.where(m.known, values, np.nan) for values in (m.noise, m.lag, m.displacement)]
        self.history.append(Checked(self.step, check.reading.layout.names, *(values.tolist() for values in shown)))
        if len(self.history) > MOST_CHECKS:
            del self.history[-2::-2]

    def to_plain(self) -> dict[str, Any]:
        """Return everything that has been learned, as numbers, text, lists and dictionaries."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in ("step", "next_check", "learned", *_OPTIONS)}
        plain |= {"events": [list(event) for event in self.events], "history": [list(c) for c in self.history]}
        plain |= {"in_a_row": self.tracker.in_a_row, "last": self.tracker.last, "checks": self.tracker.checks}
        if self.reading is None:
            return plain
        r, s, j = self.reading, self.shadows, self.jumps
        return plain | {
            "layers": list(r.layout.names),
            "channels": list(r.layout.sizes),
            "reading": {name: getattr(r, name).tolist() for name in ("weight", "updates", "eps", "rounding", "known")},
            "state": self.state.to_lists(),
            "shadows": {name: getattr(s, name).tolist() for name in ("averages", "errors", "seen")},
            "jumps": {"latest": j.latest.tolist(), "next": j.next, "silent_until": j.silent_until},
            "open": [list(jump) for jump in j.open],
        }

    def from_plain(self, plain: Mapping[str, Any]) -> None:
        """Go on from what `to_plain` has returned."""
        self.step, self.next_check = int(plain["step"]), int(plain["next_check"])
        self.learned = list(plain["learned"])
        for name in _OPTIONS:
            setattr(self, name, getattr(self, name) or plain[name])
        self.events = [Event(*event) for event in plain["events"]]
        self.history = [Checked(c[0], tuple(c[1]), *c[2:]) for c in plain["history"]]
        self.tracker = EventTracker(
            {k: dict(v) for k, v in plain["in_a_row"].items()}, dict(plain["last"]), int(plain["checks"])
        )
        if "layers" not in plain:
            self.reading = None
            return
        layout = Layout(tuple(plain["layers"]), tuple(plain["channels"]))
        numbers: dict[str, Any] = {k: np.array(v) for k, v in plain["reading"].items()}
        self.state = State.from_lists(plain["state"])
        known = numbers.pop("known").astype(bool)
        self.reading = Reading(layout, self.state.running.copy(), **numbers, finite=None if known.all() else known)
        self._begin_layers(layout)
        for name, value in plain["shadows"].items():
            setattr(self.shadows, name, np.array(value))
        for name, value in plain["jumps"].items():
            setattr(self.jumps, name, np.array(value) if name == "latest" else int(value))
        self.jumps.open.extend(Jump(*jump) for jump in plain["open"])

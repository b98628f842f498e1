"""The monitor's summary: displacement first, then events and what to do, then what cannot be seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from bnstats._checks.terminal import printable
from bnstats.monitor.core.events import Event
from bnstats.statistics.norm_borders import DISPLACEMENT, START_WEIGHT, TOLERATED

COSTLY = 0.02
"""Gap between evaluation and training mode that is counted as a cost, in nats."""
BORDERS = (TOLERATED, DISPLACEMENT)
COSTLY_COUNTS = ((0, 38), (34, 180), (294, 382))
"""Measured checkpoints below, between and above these borders that cost more, of how many; `benchmarks/monitor`."""

ACTIONS = {
    "not_finite": "Find the batch that overflows, reset the statistics, and recalibrate: bn.recalibrate.",
    "frozen": "If the layer should learn its statistics, put it in training mode and let it keep statistics.",
    "start_remains": "Use a larger momentum, train longer, or recalibrate at the end: bn.recalibrate.",
    "updated_twice": "If the forward pass runs twice for a batch, as checkpointing does, pause the second update.",
    "low_precision": "Keep running statistics in float32, or use a larger momentum.",
    "weights_still": "Check that the optimizer holds the parameters of this model, and the learning rate.",
    "alternating_sources": "Give each source its own batch norm, or mix the sources in each batch.",
    "dependent_batches": "Shuffle the rows, so that each batch holds all classes and sources.",
    "noise": "Use a smaller momentum or larger batches, or recalibrate at the end: bn.recalibrate.",
    "lag": "Use a larger momentum or a smaller learning rate, or recalibrate at the end: bn.recalibrate.",
    "dead_channels": "Lower the learning rate, or check the activation in front of the layer.",
    "unstable_steps": "Lower the learning rate, or clip gradients.",
    "changed_data": "Check what changed in the data; running statistics follow only after some updates.",
    "loaded": "Nothing, if a checkpoint was loaded.",
    "replaced": "Nothing, if the layer was meant to change.",
}
MOST_NAMES = 4
"""Layers that a sentence names."""
NOT_SEEN = (
    "Not visible in running statistics: padding, batches of one class in convolutional networks, averaged weights, "
    "shifts of the test data, statistics of other ranks. bn.audit measures what they cost."
)


def line(event: Event) -> str:
    """Return an event in a line."""
    return printable(f"bnstats, step {event.step}: {event.code} in layer {event.layer}: {event.message}.")


def summary(table: pd.DataFrame, events: Sequence[Event], step: int, end: float) -> str:
    """Return the state of all layers in words.

    Parameters
    ----------
    table : DataFrame
        A row for each layer.
    events : list of Event
        What was named.
    step : int
        Batches so far.
    end : float
        The largest weight that start values will have at the end of training, nan if the end is not known.
    """
    if table.empty:
        return f"No running statistics were read in {step} steps."
    lines = [*_displacement(table, step), *_start(table, end)]
    for number, event in enumerate(events, 1):
        lines += [
            f"{number}. {event.code} in layer {event.layer}, since step {event.step}: {event.message}.",
            f"   {ACTIONS[event.code]}",
        ]
    if not events:
        lines.append("No event was named.")
    unknown = table[table["displacement"].isna() & table["frozen_since"].notna()]
    if len(unknown):
        frozen = zip(unknown["layer"], unknown["frozen_since"], strict=True)
        names = [f"{layer} since step {step:.0f}" for layer, step in frozen]
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        lines.append(f"Unknown, as nothing moves them: {', '.join(names[:MOST_NAMES])}{more}.")
    return "\n".join(map(printable, [*lines, NOT_SEEN]))


def _displacement(table: pd.DataFrame, step: int) -> Iterator[str]:
    known = table.dropna(subset=["displacement"])
    if known.empty:
        yield f"After {step} steps, the displacement of the running statistics is not known in any layer."
        return
    worst: Any = known.iloc[int(known["displacement"].to_numpy(float).argmax())]
    yield (
        f"After {step} steps, running statistics are displaced by {worst['displacement']:.2f} standard deviations "
        f"in layer {worst['layer']} (noise {worst['noise']:.2f}, lag {worst['lag']:.2f}), the largest of {len(known)} "
        "layers."
    )
    costly, measured = COSTLY_COUNTS[sum(worst["displacement"] > border for border in BORDERS)]
    yield (
        f"{costly} of {measured} measured checkpoints of small networks with such a displacement cost more "
        f"than {COSTLY} nats in evaluation mode."
    )
    if worst["displacement"] > DISPLACEMENT and not math.isnan(worst["best_momentum"]):
        rows = worst["recalibration_rows"]
        recalibration = f"; a recalibration to {BORDERS[0]:g} standard deviations takes {rows:.0f} rows"
        yield (
            f"In that layer, a momentum of {worst['best_momentum']:.2g} follows the batches best (weight of the new "
            f"batch){'' if math.isnan(rows) else recalibration}."
        )


def _start(table: pd.DataFrame, end: float) -> Iterator[str]:
    now = table["start_weight"].max()
    if now > START_WEIGHT:
        later = "" if math.isnan(end) else f", {end:.0%} at the last step"
        yield f"The start values 0 and 1 have a weight of up to {now:.0%} now{later}."
    if table["start_weight"].isna().any():
        yield "The weight of the start values is not known in all layers: give updates= from the first read on."

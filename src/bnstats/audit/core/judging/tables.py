"""The tables of an audit: scores, the gap step by step, layers and channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core.history.origin import ORIGINS, UNKNOWN, distance, origins
from bnstats.audit.core.judging.context import AuditContext
from bnstats.audit.core.judging.findings import Estimate
from bnstats.audit.core.kinds import of_layer
from bnstats.audit.core.scoring.trial import gain, mean

SCORES = ["statistics", "metric", "value", "low", "high", "gain", "gain_low", "gain_high"]
GAP = ["step", "gain", "low", "high"]
CHANNELS = [
    "layer", "channel", "running_mean", "running_var", "averaged_mean", "averaged_var", "population_mean",
    "population_var", "dead",
]  # fmt: skip


def score_table(context: AuditContext, leads: str | None) -> pd.DataFrame:
    """Return a row for each metric and kind of statistics.

    Parameters
    ----------
    context : AuditContext
        Model under audit.
    leads : str or None
        The user's own metric, which comes first.
    """
    losses = {scorer.loss for scorer in context.trial.scorers}
    metrics = sorted(context.scores("running"), key=lambda name: name != leads)
    rows = []
    for metric in metrics:
        base = context.scores("running")[metric]
        for kind in dict.fromkeys((*context.steps, *context.tried)):
            scores = context.scores(kind).get(metric)
            if scores is None:
                continue
            value, gained = mean(scores), gain(scores, base)
            ends = (-value.value, -value.high, -value.low) if metric in losses else (value.value, value.low, value.high)
            gains = (0.0, 0.0, 0.0) if kind == "running" else (gained.value, gained.low, gained.high)
            rows.append((kind, metric, *ends, *gains))
    return pd.DataFrame(rows, columns=SCORES)


def gap_table(context: AuditContext) -> pd.DataFrame:
    """Return a row for each step of the gap."""
    steps: list[tuple[str, Estimate]] = [
        (new, context.gain(new, old)) for old, new in zip(context.steps, context.steps[1:], strict=False)
    ]
    return pd.DataFrame([(step, g.value, g.low, g.high) for step, g in steps], columns=GAP)


def layer_table(context: AuditContext) -> pd.DataFrame:
    """Return a row for each layer, in the order of the forward pass."""
    tests = origins(context) if context.usable else {}
    made = context.made("population")[0] if context.running else {}
    rows = []
    for layer in context.layers:
        name = layer.name
        row: dict[str, Any] = {"layer": name, "channels": layer.channels, "calls": layer.calls, "eps": layer.eps}
        row |= {"tracks": layer.tracks, "declared_weight": np.nan if layer.weight is None else layer.weight}
        row |= {"measured_weight": context.rates.get(name, np.nan)}
        row |= {"updates": np.nan if layer.updates is None else layer.updates}
        row |= {"start_weight": context.start_weight.get(name, np.nan), "at_start": name in context.at_start}
        row |= {"frozen": name in context.frozen, "dead": int(np.sum(dead_channels(context, name)))}
        row |= {f"p_{null}": tests.get(name, {}).get(null, UNKNOWN).p for null in ORIGINS}
        row |= {"distance": distance(context, name, made[name]) if name in made and name in context.running else np.nan}
        rows.append(row)
    return pd.DataFrame(rows)


def dead_channels(context: AuditContext, name: str) -> FloatArray:
    """Return True for each channel whose input is the same in all rows of every batch."""
    seen = of_layer([context.still[k] for k in context.usable], name)
    if not seen:
        return np.zeros(context.layer[name].channels, dtype=bool)
    return np.asarray(np.max([m.var() for m in seen], axis=0) < 1e-3 * context.layer[name].eps)


def channel_table(context: AuditContext) -> pd.DataFrame:
    """Return a row for each channel of each layer that keeps running statistics."""
    parts = []
    made = context.made("population")[0] if context.running else {}
    for layer in context.layers:
        if layer.name not in context.running:
            continue
        columns: dict[str, Any] = {"layer": layer.name, "channel": np.arange(layer.channels)}
        for kind, found in (("running", context.running), ("averaged", context.averaged_all), ("population", made)):
            statistics = found.get(layer.name)
            columns[f"{kind}_mean"] = np.nan if statistics is None else statistics.mean
            columns[f"{kind}_var"] = np.nan if statistics is None else statistics.var
        parts.append(pd.DataFrame(columns | {"dead": dead_channels(context, layer.name)}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=CHANNELS)

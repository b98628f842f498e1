"""Causes that are found before any gap is: statistics that are not used, or not finite."""

from __future__ import annotations

import numpy as np

from bnstats.audit.core.causes.cause import Evidence, cause, recalibrated
from bnstats.audit.core.judging.context import AuditContext


@cause(
    "evaluation mode normalizes by the statistics of each batch",
    before="scores",
    fix="Keep running statistics and normalize by them in evaluation mode: model.eval(), track_running_stats=True, or "
    "no training=True by hand.",
    alternative="Adaptation to test batches on purpose",
)
def batch_statistics_in_evaluation(context: AuditContext) -> Evidence | None:
    """Return evidence that running statistics change no output in evaluation mode, or that a layer keeps none."""
    without = [layer.name for layer in context.layers if not layer.tracks or layer.name not in context.running]
    if not without and context.use.evaluation:
        return None
    what = "Changing the running statistics changes no output in evaluation mode"
    if without:
        what = (
            f"Running statistics are missing in {len(without)} of {len(context.layers)} layers, first in {without[0]}"
        )
    text = f"{what}, and a row's output depends on the rows beside it."
    return {"text": text, "layers without running statistics": without}


@cause(
    "running statistics hold or produce impossible values, such as NaN",
    before="gap",
    remedy=recalibrated,
    alternative="An overflow in the data",
)
def not_finite(context: AuditContext) -> Evidence | None:
    """Return evidence of scores that are not finite, fewer after a fix, or of stored values that no batch can give."""
    stored = [
        name
        for name, s in context.running.items()
        if not (np.isfinite(s.mean).all() and np.isfinite(s.var).all() and (s.var >= 0).all())
    ]
    lost, left = context.bad("running"), context.bad("population")
    if not left < lost and not (stored and context.gain("population").value > 0):
        return None
    text = f"In evaluation mode {lost} scores are NaN or infinite, after recalibration {left}."
    if stored:
        where = f"{len(stored)} of {len(context.running)} layers"
        text = f"In {where}, running statistics hold NaN, infinite values or negative variances. {text}"
    return {"text": text, "layers": stored, "bad scores": lost, "bad scores after": left}

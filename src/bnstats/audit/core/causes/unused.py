"""Causes that are found before any gap is: statistics that are not used, or not finite."""

from __future__ import annotations

import numpy as np

from bnstats.audit.core.causes.cause import Evidence, cause, recalibrated
from bnstats.audit.core.judging.case import Case


@cause(
    "",
    fix="Keep running statistics and normalize by them in evaluation mode: model.eval(), track_running_stats=True, or "
    "no training=True by hand.",
    not_told_from="adaptation to test batches on purpose",
)
def batch_statistics_in_evaluation(case: Case) -> Evidence | None:
    """Changing the running statistics changes no output in evaluation mode, or a layer keeps none."""
    without = [layer.name for layer in case.layers if not layer.tracks or layer.name not in case.running]
    if not without and case.use.evaluation:
        return None
    what = "changing the running statistics changes no output"
    if without:
        what = f"{len(without)} of {len(case.layers)} layers keep no running statistics, {without[0]} first"
    text = f"Evaluation mode normalizes by the batch: {what}, so a row's output depends on the rows beside it."
    return {"text": text, "layers without running statistics": without}


@cause("", remedy=recalibrated, not_told_from="an overflow in the data")
def not_finite(case: Case) -> Evidence | None:
    """Scores that are not finite, fewer of them after a fix; or stored values that no batch can give."""
    stored = [
        name
        for name, s in case.running.items()
        if not (np.isfinite(s.mean).all() and np.isfinite(s.var).all() and (s.var >= 0).all())
    ]
    lost, left = case.bad("running"), case.bad("population")
    if not left < lost and not (stored and case.gain("population").value > 0):
        return None
    text = f"{lost} scores are not finite in evaluation mode, {left} after recalibration."
    if stored:
        text = f"Running statistics of {len(stored)} layers hold NaN, infinite or negative values: {text}"
    return {"text": text, "layers": stored, "bad scores": lost, "bad scores after": left}

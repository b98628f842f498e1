"""Sound models: as trained, and recalibrated."""

from __future__ import annotations

from dataclasses import replace

import torch

from benchmarks.audits.broken import torch_changes as c
from benchmarks.audits.broken.damages import changed, recalibrated_on
from benchmarks.audits.broken.kinds import Kind
from benchmarks.audits.cases import Case, Setting
from benchmarks.audits.models import parts as p
from benchmarks.audits.models.torch_models import state_of, tensors
from benchmarks.audits.true_gains import populated

BATCHES = 60


def sound(setting: Setting) -> Case:
    """Return a model as training leaves it."""
    return replace(setting.healthy(), batches=BATCHES)


def averaged(setting: Setting) -> Case:
    """Return a model with cumulative averages of 60 batches, as users recalibrate."""
    return replace(recalibrated_on(setting, BATCHES, setting.rows), batches=BATCHES)


def pooled(setting: Setting) -> Case:
    """Return a model with the statistics of all rows of 60 batches."""
    case = sound(setting)
    given = [tensors(batch) for _, batch in zip(range(BATCHES), setting.stream(key=9), strict=False)]
    with torch.no_grad():
        case = replace(case, state=state_of(populated(case.built(), given)))
    return changed(case, p.norms(case.parts), num_batches_tracked=0)


def accumulated(setting: Setting) -> Case:
    """Return a model that accumulates gradients over four parts of a batch."""
    return replace(sound(setting), outer=c.InParts)


ALONE = ("dense", "conv", "1-D")
HEALTHY: tuple[Kind, ...] = (
    Kind("healthy", sound, None),
    Kind("recalibrated by averages", averaged, None),
    Kind("recalibrated by all rows", pooled, None),
    Kind("gradient accumulation", accumulated, None, families=ALONE),
)

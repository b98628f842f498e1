"""Causes of a gap between running and batch statistics, each with its own evidence and its fix."""

from __future__ import annotations

from bnstats.audit.core.causes.cause import Cause
from bnstats.audit.core.causes.history import (
    AVERAGED_WEIGHTS,
    FROZEN,
    MOMENTUM,
    NEVER_UPDATED,
    NOISY,
    STALE,
    START_REMAINS,
    TWICE,
)
from bnstats.audit.core.causes.settings import EPS, SHIFTED
from bnstats.audit.core.causes.training import GROUPED_BATCHES, NOISE, SEVERAL, SMALL, VARIANCE
from bnstats.audit.core.causes.unused import BATCH_STATISTICS, NOT_FINITE

ASKED = (
    BATCH_STATISTICS, NOT_FINITE, NEVER_UPDATED, AVERAGED_WEIGHTS, FROZEN, SHIFTED, EPS, START_REMAINS,
    SEVERAL, GROUPED_BATCHES, SMALL, VARIANCE, TWICE, MOMENTUM, NOISY, NOISE, STALE,
)  # fmt: skip
"""All causes, in the order in which they are asked."""
CAUSES: dict[str, Cause] = {cause.name: cause for cause in ASKED}
"""All causes by their names."""

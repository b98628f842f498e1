"""Thresholds above which batch-norm statistics are reported, shared by the audit, the monitor and the planner."""

from __future__ import annotations

START_WEIGHT = 0.01
"""Weight of the start values in running statistics above which it is reported."""

NOISY_VARIANCE = 0.7
"""Relative standard error of a batch variance above which normalization is mostly noise."""

OTHER_FRAMEWORK = 0.9
"""Weight of a new batch from which on it is taken for another framework's momentum."""

SMALL_BATCH = 4
"""Values per channel and batch up to which a batch is small."""

DROPOUT_CHANGE = 0.05
"""Relative change of an input's variance by noise in training above which it is reported."""

GROUPED = 1.5
"""Ratio of the variance of batch means to the largest of `REGROUPINGS` above which rows are grouped."""

REGROUPINGS = 9
"""Random regroupings of rows that batches are compared with."""

STREAMS_APART = 0.3
"""Distance between means of several calls of a layer above which it is reported, in standard deviations."""

EFFECT = 0.01
"""Smallest gain that is reported by default, in nats for classes."""

DISPLACEMENT = 0.1
"""Displacement of running statistics above which it is reported, in standard deviations of normalized values."""

TOLERATED = DISPLACEMENT / 2
"""Displacement that plans tolerate by default, in standard deviations of normalized values."""

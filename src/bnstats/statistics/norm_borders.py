"""Borders beyond which batch-norm statistics are worth a word: shared by the audit, the monitor and the planner."""

from __future__ import annotations

START_WEIGHT = 0.01
"""Weight of the start values in running statistics."""

NOISY_VARIANCE = 0.7
"""Relative standard error of a batch variance above which normalization is mostly noise."""

SMALL_BATCH = 4
"""Values per channel and batch up to which a batch is small."""

DROPOUT_CHANGE = 0.05
"""Relative change of an input's variance by noise in training."""

GROUPED = 1.5
"""Ratio of the variation of batch means to the largest of nine random regroupings."""

STREAMS_APART = 0.3
"""Distance between means of several calls of one layer, in standard deviations."""

EFFECT = 0.01
"""Smallest gain worth a word, in nats for classes."""

DISPLACEMENT = 0.1
"""Displacement of running statistics, in standard deviations of the normalized values."""

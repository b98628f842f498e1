"""Causes of a gap between running and batch statistics, each with its own evidence and its fix."""

from __future__ import annotations

from bnstats.audit.core.causes import history, settings, training, unused
from bnstats.audit.core.causes.cause import Cause

ASKED = (
    unused.batch_statistics_in_evaluation, unused.not_finite, history.never_updated, history.averaged_weights,
    history.frozen_though_trained, settings.shifted_test_data, settings.eps, history.start_remains,
    training.several_distributions, training.grouped_batches, training.small_batch, training.variance_convention,
    history.updated_twice, history.momentum_of_another_framework, history.noisy_average, training.noise_in_training,
    history.stale,
)  # fmt: skip
"""All causes, in the order in which they are asked."""
CAUSES: dict[str, Cause] = {cause.name: cause for cause in ASKED}
"""All causes by their names."""

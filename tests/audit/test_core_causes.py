"""Each cause is named where it acts, and not where its fix helps without its evidence.

The networks and batches are fixed by their seeds, so nothing here is random.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy_damage as damage
import pytest

from bnstats.audit.core.causes import CAUSES
from bnstats.audit.core.result import Audit

NAMED: dict[str, list[Callable[[], damage.Damaged]]] = {
    "batch_statistics_in_evaluation": [damage.batch_statistics, damage.batch_statistics_of_one_layer],
    "not_finite": [damage.negative_variance, damage.not_a_number],
    "never_updated": [damage.never_updated, damage.never_updated_one_layer],
    "averaged_weights": [damage.averaged_weights],
    "frozen_though_trained": [damage.frozen],
    "shifted_test_data": [damage.shifted],
    "eps": [damage.other_eps],
    "start_remains": [damage.start_remains],
    "grouped_batches": [damage.grouped],
    "several_distributions": [partial(damage.streams, 6)],
    "small_batch": [damage.small_batches],
    "variance_convention": [damage.variance_convention],
    "updated_twice": [damage.updated_twice],
    "momentum_of_another_framework": [partial(damage.noisy, 0.99)],
    "noisy_average": [partial(damage.noisy, 0.6), damage.few_rows],
    "noise_in_training": [damage.dropout],
    "stale": [damage.stale, damage.stale_uncounted, damage.toward_start],
}

NOT_NAMED: dict[str, Callable[[], damage.Damaged]] = {
    "batch_statistics_in_evaluation": damage.stale,
    "not_finite": damage.huge_variance,
    "never_updated": damage.near_start,
    "averaged_weights": damage.stale_with_unrelated_live,
    "frozen_though_trained": damage.momentum_zero,
    "shifted_test_data": damage.stale_with_test,
    "eps": damage.stale,
    "start_remains": damage.counter_of_other_training,
    "grouped_batches": damage.small_batches,
    "several_distributions": partial(damage.streams, 0),
    "small_batch": damage.variance_convention,
    "variance_convention": damage.large_variances,
    "updated_twice": partial(damage.noisy, 0.6),
    "momentum_of_another_framework": partial(damage.noisy, 0.6),
    "noisy_average": damage.stale,
    "noise_in_training": damage.stale_under_weak_dropout,
    "stale": partial(damage.noisy, 0.6),
}
"""For each cause a network that recalibration, or the cause's own fix, helps too, and that lacks the evidence."""


@cache
def audited(make: Callable[..., damage.Damaged], *given: Any) -> Audit:
    return make(*given).audited()


def report_on(make: Callable[[], damage.Damaged]) -> Audit:
    """The report on a network, which may stand for several causes that it lacks."""
    return audited(make.func, *make.args) if isinstance(make, partial) else audited(make)


def test_every_cause_is_tried_both_ways() -> None:
    assert set(NAMED) == set(NOT_NAMED) == set(CAUSES)


SLOW = (damage.variance_convention, damage.grouped, damage.small_batches)


@pytest.mark.parametrize(
    ("cause", "make"),
    [
        pytest.param(cause, make, marks=pytest.mark.slow if make in SLOW else ())
        for cause, makes in NAMED.items()
        for make in makes
    ],
)
def test_a_cause_is_named_where_it_acts(cause: str, make: Callable[[], damage.Damaged]) -> None:
    report = report_on(make)
    assert (report.verdict, report.cause) == ("off", cause)
    assert report.reason
    if CAUSES[cause].fix:
        assert report.fix is not None
        assert report.fix.text == CAUSES[cause].fix
    else:
        assert report.fix is not None
        assert report.fix.tried
        assert report.fix.text.startswith("bn.recalibrate(model, loader")


@pytest.mark.parametrize(
    "cause", [pytest.param(c, marks=pytest.mark.slow if make in SLOW else ()) for c, make in NOT_NAMED.items()]
)
def test_a_fix_that_helps_without_the_evidence_names_no_cause(cause: str) -> None:
    report = report_on(NOT_NAMED[cause])
    assert report.verdict == "off"
    assert report.cause != cause


def test_sound_networks_of_both_conventions_are_fine() -> None:
    for convention in ("torch", "keras"):
        net = damage.updated(damage.sound(convention), damage.batches(400, 32, 12), weight=0.02)
        report = damage.Damaged(net, damage.batches(80, 32, 5)).audited()
        assert (report.verdict, report.cause, report.fix) == ("fine", None, None)
        assert report.scores.query("metric == 'nll'")["gain_high"].max() < report.effect


def test_a_short_last_batch_of_a_large_weight_is_not_called_stale() -> None:
    """An update from two rows may leave statistics as far off as these are, in all layers alike."""
    report = damage.short_last_batch().audited()
    assert report.verdict == "off"
    assert report.cause in (None, "noisy_average")

"""The worth of keeping a label, against the proportion of its variance between batches.

False alarms: the first test is random, at 1e-6 (normal approximation, split over 8 numbers), with a fixed seed. Its
power is asserted: the share of the population in place of that of rows, and no loss at all, are rejected.
"""

from __future__ import annotations

import numpy as np
import pytest

import bnstats as bn
from bnstats.testing import assert_within_mcse

SHARES, ROWS = (0.0, 0.16, 0.36, 0.64), 8


def test_centering_loses_the_share_and_keeping_the_label_loses_nothing():
    """In a batch of n rows, drawn labels leave (1 - 1/n) p (1 - p), so that 1 - (1 - 1/n) (1 - share) is lost."""
    found = bn.measure_correction(
        "center",
        design=SHARES,
        keep=[False, True],
        batch_sizes=ROWS,
        batches=50,
        measures="bias",
        seed=0,
        precision=None,
        max_replicates=64,
    ).table.pivot(index="design", columns="correction", values=["value", "mcse"])
    values, mcse = found["value"].to_numpy(), found["mcse"].to_numpy()
    lost = 1 - (1 - 1 / ROWS) * (1 - np.array(SHARES))
    exact = np.column_stack([-lost, np.zeros(4)])
    assert_within_mcse(values, exact, mcse, false_alarm=1e-6)
    for wrong in (np.column_stack([-np.array(SHARES), np.zeros(4)]), np.zeros((4, 2)), exact[:, ::-1]):
        with pytest.raises(AssertionError, match="not within Monte Carlo error"):
            assert_within_mcse(values, wrong, mcse, false_alarm=1e-6)


def test_errors_with_the_label_kept_are_smaller_the_more_goes_with_the_batch():
    c = bn.measure_correction(
        ["none", "center"],
        design=[0.16, 0.64],
        keep=[False, True],
        batch_sizes=32,
        measures=["rmse"],
        seed=0,
        precision=None,
        max_replicates=64,
    )
    rmse = c.table.pivot(index="design", columns="correction", values="value")
    gain = rmse["center"] / rmse["center, label kept"]
    assert 1.2 < gain[0.16] < gain[0.64]
    assert list(rmse.columns) == ["center", "center, label kept", "none"]  # which keeps the label anyway
    assert set(c.best_corrections()["best"]) == {"center, label kept"}
    assert c.best_corrections()["clear"].all()


def test_labels_that_cannot_be_told_from_batches_leave_no_number():
    """With two rows in a batch, all batches have one label each in some replicates; the others count."""
    with pytest.warns(bn.exceptions.NotFiniteWarning):
        c = bn.measure_correction(
            "center",
            design=0.98,
            keep=True,
            batch_sizes=2,
            batches=4,
            measures="bias",
            precision=None,
            max_replicates=64,
        )
    assert c.table["value"].isna().all() or c.table["n_failed"].iloc[0] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keep": True}, "keep=True takes the label from each row, .* give measures without accuracies"),
        (
            {"keep": True, "corrections": "spline", "measures": "rmse"},
            "keep=True goes with corrections along batches; got s",
        ),
        ({"keep": "yes"}, "each of keep is True or False; got 'yes'"),
        ({"design": 1.0}, "each of design is .* got 1.0"),
        ({"design": "confonded"}, "each of design is one of balanced, confounded; got"),
    ],
)
def test_what_cannot_be_measured_is_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        bn.measure_correction(**{"corrections": "center"} | arguments)

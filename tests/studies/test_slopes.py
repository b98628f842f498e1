"""Slopes of log error on log batch size: their standard error, recomputed."""

import numpy as np
import pytest

import bnstats as bn
from bnstats.studies.convergence.rates import slope


def test_the_error_of_a_slope_is_a_jackknife_over_groups_of_blocks():
    """Recomputed from the groups themselves, one refit without each."""
    measured = bn.measure_convergence("normal", batch_sizes=[2, 4, 8, 16], estimators="mean", precision=None)
    part = measured.table[measured.table["measure"] == "rmse"]
    fitted = slope(part, measured.simulation)
    groups = np.stack([measured.simulation.samples[row].moments[:, :3] for row in part.index])
    log_n, weight = np.log(part["batch_size"].to_numpy(float)), (part["value"] / part["mcse"]).to_numpy()
    slopes = []
    for out in range(groups.shape[1]):
        n, mean, m2 = np.delete(groups, out, axis=1).transpose(2, 0, 1)
        squares = (m2 + n * mean**2).sum(axis=1) / n.sum(axis=1)
        slopes.append(np.polyfit(log_n, np.log(squares) / 2, 1, w=weight)[0])
    jackknife = np.sqrt((len(slopes) - 1) / len(slopes) * np.sum((slopes - np.mean(slopes)) ** 2))
    assert (fitted.error.mcse, fitted.error.df) == (pytest.approx(jackknife, rel=1e-6), len(slopes) - 1)

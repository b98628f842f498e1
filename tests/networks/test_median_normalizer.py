"""A user's normalizer by median and median absolute deviation (MAD), in this file alone.

It declares that its center and scale are no moments, and supplies its own running and population statistics. All laws
hold for it that hold for the normalizers of the package. Nothing here can fail by chance beyond rounding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest
from normalizer_laws import BATCHES, DATA, laws_of, trained

import bnstats as bn
from bnstats.networks.recalibration import RECALIBRATIONS
from bnstats.normalizers import Normalizer

NORMAL = 1.4826  # the standard deviation of a normal law in units of its MAD


def middle(values: np.ndarray) -> np.ndarray:
    """Weight of each row in the median of its column: 1, or 1/2 for two."""
    order, rows = values.argsort(axis=0), len(values)
    weights = np.zeros_like(values)
    for row in {(rows - 1) // 2, rows // 2}:
        np.put_along_axis(weights, order[row : row + 1], 0.5 if rows % 2 == 0 else 1.0, axis=0)
    return weights


@dataclass(frozen=True)
class Median(Normalizer):
    name = "median"
    uses_batch = True
    moments = False

    def statistics(self, z):
        center = np.median(z, axis=0)
        return center, np.square(NORMAL * np.median(np.abs(z - center), axis=0))

    def follow(self, state, weight):
        """Average medians and MADs, not their squares."""
        state.running_mean[:] += weight * (state.mean[0] - state.running_mean)
        scale = np.sqrt(state.running_var)
        state.running_var[:] = np.square(scale + weight * (np.sqrt(state.var[0]) - scale))

    @staticmethod
    def forward(z, state):
        state.mean[0], state.var[0] = Median().statistics(z)
        state.memory[0] = 1 / np.sqrt(state.var[0] + state.eps)
        z -= state.mean[0]
        z *= state.memory[0]

    @staticmethod
    def backward(gradient, value, state):
        inverse = state.memory[0]
        at_center, at_scale = middle(value), middle(np.abs(value)) * np.sign(value)
        of_scale = (gradient * value).sum(axis=0) * NORMAL * np.sqrt(state.var[0]) * inverse
        of_center = gradient.sum(axis=0) - of_scale * at_scale.sum(axis=0)
        gradient -= at_center * of_center + at_scale * of_scale
        gradient *= inverse


@pytest.mark.parametrize("law", laws_of(Median()), ids=lambda law: law.__name__)
def test_laws(law):
    law(Median())


def test_the_laws_are_those_of_statistics_that_are_no_moments():
    names = {law.__name__ for law in laws_of(Median())}
    assert "running_statistics_follow_those_of_the_batch" in names
    assert "moments_of_sets_merge" not in names


def test_running_statistics_are_averages_of_medians_and_mads():
    """Running statistics average the first layer's medians and MADs of each step; means and squares are wrong."""
    (network, _), found = trained(Median(), BATCHES[:1]), []
    center, scale = network.running.mean[0].astype(float), np.sqrt(network.running.var[0].astype(float))
    for batch in BATCHES[1:6]:
        z = DATA.x[batch] @ network.weights[0]
        found.append(z.var(axis=0))
        median = np.median(z, axis=0)
        center += 0.1 * (median - center)
        scale += 0.1 * (NORMAL * np.median(np.abs(z - median), axis=0) - scale)
        network, _ = network.train(DATA.x, DATA.y, batch[np.newaxis])
    np.testing.assert_allclose(network.running.mean[0], center, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(network.running.var[0], scale**2, rtol=1e-4)
    assert np.abs(network.running.var[0] / np.mean(found, axis=0) - 1).max() > 0.1


def test_it_learns_and_an_outlier_moves_no_statistic():
    """500 steps; three of four classes right by chance would be .33. An outlier moves the variance without bound."""
    network, _ = trained(Median(), np.random.default_rng(5).integers(len(DATA.y), size=(500, 16)))
    right = np.mean(network.logits(DATA.x).argmax(axis=1) == DATA.y)
    assert right > 0.6
    x = DATA.x.copy()
    x[0] = 1e6
    for kind in ("population", "precise", "averaged"):
        before, after = (RECALIBRATIONS[kind](network, rows, BATCHES) for rows in (DATA.x, x))
        assert np.abs(np.sqrt(after.var[0] / before.var[0]) - 1).max() < 0.5, kind


def test_it_is_measured_beside_the_built_in_ones():
    table = bn.measure_mismatch(
        bn.Gaussians(classes=3, inputs=6, rows=60, test_rows=24),
        normalizers=[Median(), "batch"],
        batch_sizes=[4],
        hidden=(8,),
        steps=20,
        statistics=("batch", "running", "averaged", "precise", "population"),
        max_replicates=8,
        precision=None,
    ).table
    assert set(table["normalizer"]) == {"Median()", "batch"}
    assert np.isfinite(table.query("metric == 'accuracy'")["value"]).all()


# ---- refused, in one sentence, before anything is simulated


class Undeclared(Median):
    """Median and MAD that pass as mean and variance."""

    moments = True


class WithoutPopulation(Median):
    statistics = Normalizer.statistics


PARTS = ("name", "uses_batch", "moments", "statistics", "forward", "backward")
WithoutRunning = type("WithoutRunning", (Normalizer,), {part: vars(Median)[part] for part in PARTS})


class OtherPopulation(Median):
    def statistics(self, z):
        return z.mean(axis=0), z.var(axis=0)


REFUSED = {
    "undeclared": (Undeclared, "declare moments = False and give the normalizer statistics(z), of rows, and follow("),
    "no population": (WithoutPopulation, "WithoutPopulation has other statistics than mean and variance (moments = F"),
    "no running": (WithoutRunning, "but no follow; give it statistics(z), of rows, and follow(state, weight)"),
    "other population": (OtherPopulation, "other statistics of rows than its statistics(z) returns."),
}


@pytest.mark.parametrize("what", REFUSED)
def test_statistics_that_would_be_averaged_as_moments_are_refused(what):
    kind, message = REFUSED[what]
    with pytest.raises(ValueError, match=re.escape(message)):
        trained(kind())
    with pytest.raises(ValueError, match=re.escape(message)):
        bn.measure_mismatch("digits", normalizers=kind(), batch_sizes=8, hidden=(8,), steps=10**9)


def test_adaptations_of_means_and_variances_are_refused():
    """Also the study, before it trains."""
    message = re.escape("adaptation 'mixed 16' is of means and variances, and normalizer 'median' has other statistics")
    network, _ = trained(Median())
    with pytest.raises(ValueError, match=message):
        bn.adaptation.Mixed().logits(network, network.running, DATA.x, BATCHES)
    with pytest.raises(ValueError, match=message):
        bn.measure_mismatch("digits", normalizers=Median(), batch_sizes=8, steps=10**9, statistics=["mixed"])

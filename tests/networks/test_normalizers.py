"""Normalizers: forward against NumPy, backward against finite differences, in float64.

Nothing here can fail by chance beyond rounding: inputs come from the default seed and the tolerances are those of
central differences. Power: `test_wrong_gradients_are_rejected` leaves out one term at a time.
"""

import re

import numpy as np
import pytest

from bnstats.networks.kernels.layers import D, R
from bnstats.networks.kernels.passes import Mode, denormalize, normalize
from bnstats.networks.kernels.views import FRAME, Rule
from bnstats.networks.network import Recipe
from bnstats.networks.normalizers import NORMALIZERS, Frozen, Ghost, Group, Normalizer, Renorm

ROWS, UNITS, EPS = 12, 8, 1e-3
CASES = {
    "none": Normalizer.of("none"),
    "batch": Normalizer.of("batch"),
    "renorm": Renorm(r_max=1.5, d_max=0.5, schedule=(0, 0, 0)),
    "layer": Normalizer.of("layer"),
    "group": Group(4),
    "ghost": Ghost(4),
    "frozen": Frozen(after=0),
}


class Pass:
    """One layer's values, forward and backward, through the compiled functions."""

    def __init__(self, normalizer, seed=0):
        rng = np.random.default_rng(seed)
        self.normalizer = normalizer
        self.z = rng.normal(size=(ROWS, UNITS)) * rng.uniform(0.5, 3, UNITS) + rng.normal(size=UNITS)
        self.scale = rng.normal(size=UNITS) if normalizer.learns_scale else np.ones(UNITS)
        self.shift, self.direction = rng.normal(size=UNITS), rng.normal(size=(ROWS, UNITS))
        none = normalizer.name == "none"
        self.mean = np.zeros(UNITS) if none else rng.normal(size=UNITS)
        self.var = np.ones(UNITS) if none else rng.uniform(0.5, 4, UNITS)
        step = np.array([1])
        r_max, d_max = normalizer.limits(step)
        self.mode = Mode(bool(normalizer.frozen(step)[0]), r_max[0], d_max[0])
        rows, groups = normalizer.set_rows(ROWS), normalizer.groups()
        eps = 0.0 if none else EPS
        self.rule = Rule(rows, groups, normalizer.learns_scale, eps)
        self.frames = np.empty((ROWS if groups else ROWS // rows, FRAME, groups or UNITS))
        self.out = np.empty_like(self.z)
        normalize(self.rule, self.mode, self.mean, self.var, self.z, self.frames, self.scale, self.shift, self.out)
        self.r, self.d = self.frames[:, R].copy(), self.frames[:, D].copy()

    def gradients(self):
        """Of sum(direction * out), by the compiled way back: at z, scale and shift."""
        gradient, scale, shift = self.direction.copy(), np.zeros(UNITS), np.zeros(UNITS)
        denormalize(self.rule, self.mode, self.scale, self.z, self.frames, self.out, gradient, scale, shift)
        return gradient, scale, shift

    def sets(self, z):
        """View of z with the values that share a mean along the middle axis."""
        groups = self.rule.groups
        return z.reshape(ROWS, groups, -1).transpose(0, 2, 1) if groups else z.reshape(-1, self.rule.set_rows, UNITS)

    def expected(self, z, scale, shift):
        """What the layer makes of z before it is cut off at zero, in NumPy; r and d stay those of the unchanged z."""
        if self.mode.frozen:
            value = (z - self.mean) / np.sqrt(self.var + self.rule.eps)
        else:
            sets = self.sets(z)
            value = (sets - sets.mean(1, keepdims=True)) / np.sqrt(sets.var(1, keepdims=True) + EPS)
            if self.rule.groups:
                value = value.transpose(0, 2, 1)
            else:
                value = value * self.r[:, np.newaxis] + self.d[:, np.newaxis]
        return value.reshape(z.shape) * scale + shift

    def differences(self, step=1e-4):
        """The same gradients by central differences of fourth order, with what is cut off at zero held fixed."""
        direction = self.direction * (self.out > 0)
        held = [self.z, self.scale, self.shift]
        found = [np.zeros_like(array) for array in held]
        for which, array in enumerate(held):
            for index in np.ndindex(array.shape):
                for steps, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
                    moved = array.copy()
                    moved[index] += steps * step
                    arguments = [moved if k == which else a for k, a in enumerate(held)]
                    found[which][index] += weight * np.sum(direction * self.expected(*arguments)) / (12 * step)
        return found


def error(gradients, differences):
    return max(np.abs(a - b).max() for a, b in zip(gradients, differences, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_forward_equals_numpy(name):
    layer = Pass(CASES[name])
    expected = np.maximum(layer.expected(layer.z, layer.scale, layer.shift), 0)
    np.testing.assert_allclose(layer.out, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_gradients_equal_finite_differences(name):
    layer = Pass(CASES[name])
    # For values of order 1 the differences err by step⁴ = 1e-16 and rounding / step = 1e-11.
    assert error(layer.gradients(), layer.differences()) < 1e-8


def without(layer, term):
    """The gradients with one thing wrong."""
    up = layer.direction * (layer.out > 0) * layer.scale
    sets, ups = layer.sets(layer.z), layer.sets(up)
    s = np.sqrt(sets.var(1, keepdims=True) + EPS)
    value = (sets - sets.mean(1, keepdims=True)) / s
    mean, dot = ups.mean(1, keepdims=True), value * (ups * value).mean(1, keepdims=True)
    r = 1.0 if layer.rule.groups else layer.r[:, np.newaxis]
    wrong = {
        "nothing": r / s * (ups - mean - dot),
        "mean": r / s * (ups - dot),
        "dot": r / s * (ups - mean),
        "both": r / s * ups,
        "r": (ups - mean - dot) / s,
    }[term]
    wrong = wrong.transpose(0, 2, 1) if layer.rule.groups else wrong
    return [wrong.reshape(layer.z.shape), *layer.gradients()[1:]]


@pytest.mark.parametrize("name", ["batch", "renorm", "layer", "group", "ghost"])
def test_wrong_gradients_are_rejected(name):
    layer = Pass(CASES[name])
    differences = layer.differences()
    assert error(without(layer, "nothing"), differences) < 1e-8
    for term in ["mean", "dot", "both"] + ["r"] * (name == "renorm"):
        assert error(without(layer, term), differences) > 1e-2, term


def test_frozen_statistics_are_constants_in_the_gradient():
    frozen = Pass(CASES["frozen"])
    # With the batch's own statistics as the given ones, forward is that of batch normalisation and backward is not.
    batch = Pass(CASES["batch"])
    given = Pass(CASES["frozen"])
    given.mean, given.var = batch.z.mean(0), batch.z.var(0)
    given.z, given.scale, given.shift, given.direction = batch.z, batch.scale, batch.shift, batch.direction
    normalize(given.rule, given.mode, given.mean, given.var, given.z, given.frames, given.scale, given.shift, given.out)
    np.testing.assert_allclose(given.out, batch.out, rtol=1e-12, atol=1e-12)
    assert error(given.gradients(), given.differences()) < 1e-8 < 1e-2 < error(given.gradients(), batch.gradients())
    assert error(frozen.gradients(), frozen.differences()) < 1e-8


def test_renormalization_is_batch_normalisation_at_first_and_running_statistics_at_last():
    free = Pass(Renorm(r_max=1e9, d_max=1e9, schedule=(0, 0, 0)))
    plain = Pass(Renorm(schedule=(5, 6, 7)))
    np.testing.assert_allclose(plain.out, Pass(CASES["batch"]).out, rtol=1e-12)
    value = (free.z - free.mean) / np.sqrt(free.var + EPS)
    np.testing.assert_allclose(free.out, np.maximum(value * free.scale + free.shift, 0), rtol=1e-10, atol=1e-12)


def test_renormalization_limits_rise_linearly():
    r_max, d_max = Renorm(r_max=3, d_max=5, schedule=(100, 500, 900)).limits(np.array([1, 100, 300, 500, 900, 5000]))
    np.testing.assert_allclose(r_max, [1, 1, 1.5, 2, 3, 3])
    np.testing.assert_allclose(d_max, [0, 0, 2.5, 5, 5, 5])
    clipped = Pass(CASES["renorm"])
    assert (clipped.r >= 1 / 1.5).all()
    assert (clipped.r <= 1.5).all()
    assert (np.abs(clipped.d) <= 0.5).all()
    assert len(np.unique(clipped.r)) > 2  # some clipped, some not


def test_names_find_normalizers():
    assert all(Normalizer.of(name).name == name for name in NORMALIZERS)
    assert Normalizer.of(Group(2)) is not Normalizer.of("group")
    assert Normalizer.of(Group(2)) == Group(2)


class Own(Normalizer):
    name = "own"


BAD = {
    "unknown": (lambda: Normalizer.of("bach"), "did you mean 'batch'"),
    "no name": (lambda: Normalizer.of(3), "bn.normalizers.Normalizer"),
    "a user's own": (lambda: Normalizer.of(Own()), "Own would run as batch normalisation under another name"),
    "a recipe of a user's own": (lambda: Recipe(normalizer=Own()), "Own would run as batch normalisation"),
    "r_max": (lambda: Renorm(r_max=0.5), "r_max is at least 1"),
    "d_max": (lambda: Renorm(d_max=-1), "d_max at least 0"),
    "r_max as text": (lambda: Renorm(r_max="3"), "r_max is a number; got '3'"),
    "two steps": (lambda: Renorm(schedule=(1, 2)), "schedule is three steps"),
    "a list of steps": (lambda: Renorm(schedule=[1, 2, 3]), "schedule is three steps"),
    "no schedule": (lambda: Renorm(schedule=None), "schedule is three steps"),
    "groups of 2.0": (lambda: Group(2.0), "number of groups is a whole number of at least 1; got 2.0"),
    "ghosts as text": (lambda: Ghost("8"), "size of ghost batches is a whole number"),
    "after nothing": (lambda: Frozen(None), "after is a whole number of at least 0; got None"),
    "schedule": (lambda: Renorm(schedule=(5, 3, 9)), "the first step the smallest"),
    "groups": (lambda: Group(0), "at least 1"),
    "unequal groups": (lambda: Group(3).check(8, (64,)), "64 hidden units cannot be cut into 3"),
    "ghost of one row": (lambda: Ghost(1), "size of ghost batches is a whole number of at least 2; got 1."),
    "unequal ghosts": (lambda: Ghost(3).check(8, (4,)), "batch of 8 rows cannot be cut into ghost batches of 3"),
    "one row": (lambda: Normalizer.of("batch").check(1, (4,)), "at least 2 rows"),
    "after": (lambda: Frozen(-1), "at least 0"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_normalizers_are_refused(what):
    call, message = BAD[what]
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_normalizers_without_batch_statistics_take_single_rows():
    for name in ("none", "layer", "group"):
        Normalizer.of(name).check(1, (64,))

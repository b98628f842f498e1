"""Normalizers: the laws that every one in the registry obeys, and what is special about a few.

Nothing here can fail by chance beyond rounding: inputs come from the default seed, all passes run in float64, and the
tolerances are those of rounding or of central differences. Power: wrong gradients and wrong settings are rejected.
"""

import re

import numpy as np
import pytest
from normalizer_laws import (
    EPS,
    ROWS,
    UNITS,
    backward_is_the_gradient_of_forward,
    gradient,
    laws_of,
    normalized,
    state_of,
    statistics_are_those_of_their_rows,
    values,
    values_have_no_unit,
)

from bnstats.networks.normalizers.gradient_check import check_gradient
from bnstats.networks.normalizers.registry import is_builtin
from bnstats.normalizers import (
    NORMALIZERS,
    RMS,
    Batch,
    BatchThenGroup,
    Frozen,
    Ghost,
    Group,
    Layer,
    NoNorm,
    Normalizer,
    Renorm,
)

# ---- laws of every normalizer in the registry

LAWS = [(name, law) for name, normalizer in NORMALIZERS.items() for law in laws_of(normalizer)]


@pytest.mark.parametrize(("name", "law"), LAWS, ids=[f"{name}-{law.__name__}" for name, law in LAWS])
def test_laws_of_what_is_declared(name, law):
    law(NORMALIZERS[name])


# What a normalizer declares, wrongly, and the law that finds it.
MISDECLARED = {
    "no unit": (NoNorm, "scale_free", values_have_no_unit),
    "a unit": (Layer, "scale_free", values_have_no_unit),
    "an exact gradient": (Renorm, "exact_gradient", backward_is_the_gradient_of_forward),
    "no exact gradient": (Group, "exact_gradient", backward_is_the_gradient_of_forward),
    "no moments": (Batch, "moments", statistics_are_those_of_their_rows),
}


@pytest.mark.parametrize("what", MISDECLARED)
def test_a_law_fails_on_what_is_declared_wrongly(what):
    kind, declared, law = MISDECLARED[what]
    wrong = type(kind.__name__, (kind,), {declared: not getattr(kind, declared)})()
    with pytest.raises((AssertionError, ValueError)):
        law(wrong)


MISTAKES = {
    "factor": (lambda _, right: 1.01 * right, "all entries are 1.01 times the right ones"),
    "constants": (lambda given, _: given, "entries are wrong"),
    "mean": (lambda given, right: right + given.mean(axis=0), "the same in all rows of a unit"),
    "row": (lambda given, right: right + given.mean(axis=1, keepdims=True), "the same in all units of a row"),
    "not finite": (lambda _, right: right * np.nan, "gives nan"),
    "unit": (lambda given, right: right + 1e-2 * given * (np.arange(UNITS) == 3), "entries are wrong"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("name", [name for name in NORMALIZERS if NORMALIZERS[name].scale_free])
def test_a_wrong_gradient_is_refused_and_named(name, mistake):
    wrong, message = MISTAKES[mistake]

    class Wrong(type(NORMALIZERS[name])):
        exact_gradient = True

        @staticmethod
        def backward(gradient, value, state):
            given = gradient.copy()
            NORMALIZERS[name].backward(gradient, value, state)
            gradient[:] = wrong(given, gradient.copy())

    with pytest.raises(ValueError, match=f"^backward of normalizer '{name}' is not the gradient .*{message}"):
        check_gradient(Wrong(), ROWS, UNITS, EPS)


def test_every_file_is_in_the_registry_under_its_name():
    assert {"none", "batch", "renorm", "layer", "group", "ghost", "frozen", "rms", "batch then group"} <= set(
        NORMALIZERS
    )
    assert all(Normalizer.of(name) is NORMALIZERS[name] for name in NORMALIZERS)
    assert Normalizer.of(Group(2)) == Group(2) != Normalizer.of("group")
    assert all(is_builtin(normalizer) for normalizer in NORMALIZERS.values())


# ---- forward of each against NumPy


def over(z, axis, eps=EPS):
    return (z - z.mean(axis, keepdims=True)) / np.sqrt(z.var(axis, keepdims=True) + eps)


def in_groups(z, number):
    return over(z.reshape(ROWS, number, -1), 2).reshape(z.shape)


FORWARD = {
    NoNorm(): lambda z: z,
    Batch(): lambda z: over(z, 0),
    Layer(): lambda z: over(z, 1),
    Group(4): lambda z: in_groups(z, 4),
    Ghost(4): lambda z: over(z.reshape(4, 4, -1), 1).reshape(z.shape),
    RMS(): lambda z: z / np.sqrt(np.square(z).mean(1, keepdims=True) + EPS),
    BatchThenGroup(4): lambda z: in_groups(over(z, 0), 4),
    Frozen(after=5): lambda z: over(z, 0),
    Renorm(schedule=(5, 6, 7)): lambda z: over(z, 0),
}


@pytest.mark.parametrize("normalizer", FORWARD, ids=repr)
def test_forward_equals_numpy(normalizer):
    found = normalized(normalizer, values(), state_of(normalizer))
    np.testing.assert_allclose(found, FORWARD[normalizer](values()), rtol=1e-12, atol=1e-12)


# ---- running statistics in training


def test_frozen_statistics_are_constants_in_the_gradient():
    """With the batch's own statistics as the given ones, forward is that of batch normalization, backward is not."""
    z, direction, frozen = values(), values(2), Frozen(after=0)
    state = state_of(frozen)
    state.running_mean[:], state.running_var[:] = z.mean(axis=0), z.var(axis=0)
    np.testing.assert_allclose(normalized(frozen, z, state), over(z, 0), rtol=1e-12, atol=1e-12)
    found = gradient(frozen, z, direction, state)
    np.testing.assert_allclose(found, direction / np.sqrt(z.var(axis=0) + EPS), rtol=1e-12)
    batch = gradient(Batch(), z, direction, state_of(Batch()))
    assert np.abs(found - batch).max() > 1e-2


def test_renormalization_ends_with_running_statistics():
    free = Renorm(r_max=1e9, d_max=1e9, schedule=(0, 0, 0))
    state = state_of(free)
    expected = (values() - state.running_mean) / np.sqrt(state.running_var + EPS)
    np.testing.assert_allclose(normalized(free, values(), state), expected, rtol=1e-10, atol=1e-12)


def test_renormalization_holds_r_and_d_constant_in_the_gradient():
    """r times the gradient of batch normalization. Wrong: without r; that of the running statistics' constants."""
    clipped = Renorm(r_max=1.5, d_max=0.5, schedule=(0, 0, 0))
    z, direction, state = values(), values(2), state_of(clipped)
    running = np.sqrt(state.running_var + EPS)
    r = np.clip(np.sqrt(z.var(axis=0) + EPS) / running, 1 / 1.5, 1.5)
    d = np.clip((z.mean(axis=0) - state.running_mean) / running, -0.5, 0.5)
    assert len(np.unique(r)) > 2  # some clipped, some not
    np.testing.assert_allclose(normalized(clipped, z, state), r * over(z, 0) + d, rtol=1e-9, atol=1e-12)
    found, batch = gradient(clipped, z, direction, state), gradient(Batch(), z, direction, state_of(Batch()))
    np.testing.assert_allclose(found, r * batch, rtol=1e-9, atol=1e-12)
    for wrong in (batch, direction / running):
        assert np.abs(found - wrong).max() > 1e-2


def test_renormalization_limits_rise_linearly():
    r_max, d_max = (
        Renorm(r_max=3, d_max=5, schedule=(100, 500, 900)).settings(np.array([1, 100, 300, 500, 900, 5000])).T
    )
    np.testing.assert_allclose(r_max, [1, 1, 1.5, 2, 3, 3])
    np.testing.assert_allclose(d_max, [0, 0, 2.5, 5, 5, 5])


# ---- bad input


BAD = {
    "unknown": (lambda: Normalizer.of("bach"), "did you mean 'batch'"),
    "no name": (lambda: Normalizer.of(3), "bn.normalizers.Normalizer"),
    "r_max": (lambda: Renorm(r_max=0.5), "r_max is at least 1"),
    "d_max": (lambda: Renorm(d_max=-1), "d_max at least 0"),
    "r_max as text": (lambda: Renorm(r_max="3"), "r_max is a number, finite; got '3'"),
    "two steps": (lambda: Renorm(schedule=(1, 2)), "schedule is three steps"),
    "a list of steps": (lambda: Renorm(schedule=[1, 2, 3]), "schedule is three steps"),
    "no schedule": (lambda: Renorm(schedule=None), "schedule is three steps"),
    "half a group": (lambda: Group(2.5), "number of groups is a whole number of at least 1; got 2.5"),
    "ghosts as text": (lambda: Ghost("8"), "size of ghost batches is a whole number"),
    "after nothing": (lambda: Frozen(None), "after is a whole number of at least 0; got None"),
    "schedule": (lambda: Renorm(schedule=(5, 3, 9)), "the first step the smallest"),
    "groups": (lambda: Group(0), "at least 1"),
    "unequal groups": (lambda: Group(3).check(8, (64,)), "64 hidden units cannot be cut into 3"),
    "unequal groups of both": (lambda: BatchThenGroup(3).check(8, (64,)), "64 hidden units cannot be cut into 3"),
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

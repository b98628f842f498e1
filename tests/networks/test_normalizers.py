"""Normalizers: the laws that every one in the registry obeys, and what is special about a few.

Nothing here can fail by chance beyond rounding: inputs come from the default seed, all passes run in float64, and the
tolerances are those of rounding or of central differences. Power: wrong gradients and wrong settings are rejected.
"""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import bnstats as bn
from bnstats.networks.network import Network
from bnstats.networks.normalizers.gradient_check import check_gradient
from bnstats.networks.normalizers.registry import is_builtin
from bnstats.networks.recipe import Recipe
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

ROWS, UNITS, EPS = 16, 32, 1e-3
LATE = 10_000  # by then every schedule is through


def values(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(ROWS, UNITS)) * rng.uniform(0.5, 3, UNITS) + rng.normal(size=UNITS)


def state_of(normalizer, step=1, eps=EPS):
    """With running statistics unlike those of the batch."""
    state, rng = normalizer.state(ROWS, UNITS, eps, np.float64, step), np.random.default_rng(1)
    state.running_mean[:], state.running_var[:] = rng.normal(size=UNITS), rng.uniform(0.5, 4, UNITS)
    return state


def normalized(normalizer, z, state):
    z = z.copy()
    normalizer.forward(z, state)
    return z


def gradient(normalizer, z, direction, state):
    value, back = normalized(normalizer, z, state), direction.copy()
    normalizer.backward(back, value.copy(), state)
    return back


# ---- laws of every normalizer in the registry


@pytest.mark.parametrize("name", NORMALIZERS)
def test_backward_is_the_gradient_of_forward(name):
    if name != "none":  # which leaves z as it is
        check_gradient(NORMALIZERS[name], ROWS, UNITS, EPS)
    z, direction, step = values(), values(2), 1e-4
    for at in (1, LATE):
        if (name, at) != ("renorm", LATE):  # whose r and d are constants in the gradient, tested below
            state = state_of(NORMALIZERS[name], at)
            found = gradient(NORMALIZERS[name], z, direction, state)
            moved = (normalized(NORMALIZERS[name], z + s * step * direction, state) for s in (1, -1))
            plus, minus = ((direction * value).sum() for value in moved)
            assert (found * direction).sum() == pytest.approx((plus - minus) / (2 * step), rel=1e-6)


MISTAKES = {
    "factor": (lambda _, right: 1.01 * right, "all entries are 1.01 times the right ones"),
    "constants": (lambda given, _: given, "entries are wrong"),
    "mean": (lambda given, right: right + given.mean(axis=0), "the same in all rows of a unit"),
    "row": (lambda given, right: right + given.mean(axis=1, keepdims=True), "the same in all units of a row"),
    "not finite": (lambda _, right: right * np.nan, "gives nan"),
    "unit": (lambda given, right: right + 1e-2 * given * (np.arange(UNITS) == 3), "entries are wrong"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("name", [name for name in NORMALIZERS if name != "none"])
def test_a_wrong_gradient_is_refused_and_named(name, mistake):
    wrong, message = MISTAKES[mistake]

    class Wrong(type(NORMALIZERS[name])):
        @staticmethod
        def backward(gradient, value, state):
            given = gradient.copy()
            NORMALIZERS[name].backward(gradient, value, state)
            gradient[:] = wrong(given, gradient.copy())

    with pytest.raises(ValueError, match=f"^backward of normalizer '{name}' is not the gradient .*{message}"):
        check_gradient(Wrong(), ROWS, UNITS, EPS)


@pytest.mark.parametrize("step", [1, LATE])
@pytest.mark.parametrize("name", NORMALIZERS)
def test_normalized_values_have_no_unit(name, step):
    """Without eps, z in another unit gives the same values, and a gradient in one over that unit; not so with none."""
    normalizer, z, direction, unit = NORMALIZERS[name], values(), values(2), 1024.0
    here, there = state_of(normalizer, step, eps=0.0), state_of(normalizer, step, eps=0.0)
    there.running_mean[:] *= unit
    there.running_var[:] *= unit**2
    same = np.allclose(normalized(normalizer, unit * z, there), normalized(normalizer, z, here), rtol=1e-9)
    found, expected = (gradient(normalizer, *at) for at in ((unit * z, direction, there), (z, direction, here)))
    assert same == np.allclose(unit * found, expected, rtol=1e-6, atol=1e-9) == (name != "none")


@pytest.mark.parametrize("name", [name for name in NORMALIZERS if NORMALIZERS[name].uses_batch])
def test_statistics_of_sets_merge_to_those_of_the_batch(name):
    """Each set's mean and variance, merged, are those of all rows. Wrong: variances averaged."""
    normalizer, z = NORMALIZERS[name], values()
    state = state_of(normalizer)
    normalized(normalizer, z, state)
    size = normalizer.set_rows(ROWS)
    merged = bn.Moments(size, state.mean[0], size * state.var[0])
    for mean, var in zip(state.mean[1:], state.var[1:], strict=True):
        merged = merged.merge(bn.Moments(size, mean, size * var))
    np.testing.assert_allclose(merged.mean, z.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(merged.var(0), z.var(axis=0), rtol=1e-12)
    assert np.allclose(state.var.mean(axis=0), z.var(axis=0)) == (len(state.var) == 1)


@pytest.mark.parametrize("name", NORMALIZERS)
def test_evaluation_mode_is_the_same_for_a_row_whatever_stands_beside_it(name):
    """By given statistics; with those of the batch it is training mode, where one set of rows has them."""
    normalizer, z = NORMALIZERS[name], values()
    mean, var = z.mean(axis=0), z.var(axis=0)
    whole = normalizer.evaluate(z, mean, var, EPS)
    np.testing.assert_allclose(normalizer.evaluate(z[3:5], mean, var, EPS), whole[3:5], rtol=1e-12)
    np.testing.assert_allclose(normalizer.evaluate(z.reshape(4, 4, -1), mean, var, EPS).reshape(z.shape), whole)
    trained = normalized(normalizer, z, state_of(normalizer))
    assert np.allclose(trained, whole, rtol=1e-9, atol=1e-9) == (normalizer.set_rows(ROWS) == ROWS)


DATA = bn.Gaussians(classes=3, inputs=6, rows=96).split(np.random.default_rng(0))
BATCHES = np.random.default_rng(3).integers(len(DATA.y), size=(20, 16))


def trained(normalizer, steps=BATCHES, **recipe):
    net = Network.initial(Recipe((16, 8), normalizer, **recipe), 6, 3, np.random.default_rng(4))
    return net.train(DATA.x, DATA.y, steps)


@pytest.mark.parametrize("name", NORMALIZERS)
def test_trainings_repeat_to_the_bit_in_threads_and_in_parts(name):
    first, losses = trained(NORMALIZERS[name])
    with ThreadPoolExecutor(2) as pool:
        for other, _ in pool.map(trained, [NORMALIZERS[name]] * 4):
            np.testing.assert_array_equal(other.parameters, first.parameters)
    half, one = trained(NORMALIZERS[name], BATCHES[:7])
    whole, two = half.train(DATA.x, DATA.y, BATCHES[7:])
    np.testing.assert_array_equal(np.concatenate([one, two]), losses)
    np.testing.assert_array_equal(whole.parameters, first.parameters)
    np.testing.assert_array_equal(np.concatenate(whole.running.var), np.concatenate(first.running.var))
    assert whole.steps == 20


@pytest.mark.parametrize("name", NORMALIZERS)
def test_single_rows_are_taken_where_no_batch_statistics_enter(name):
    normalizer = NORMALIZERS[name]
    if normalizer.uses_batch:
        with pytest.raises(ValueError, match=r"at least 2 rows|ghost batches of 8"):
            normalizer.check(1, (64,))
    else:
        normalizer.check(1, (64,))


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

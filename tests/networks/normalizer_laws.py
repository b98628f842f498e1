"""Laws of normalizers, chosen by what a normalizer declares; each fails where the property is declared wrongly.

Nothing here can fail by chance beyond rounding: inputs come from fixed seeds, single passes run in float64, and the
tolerances are those of rounding or of central differences.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import bnstats as bn
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.layer_statistics import Statistics
from bnstats.networks.network import Network
from bnstats.networks.normalizers.gradient_check import check_gradient
from bnstats.networks.recalibration import averaged, population, precise
from bnstats.networks.recipe import Recipe
from bnstats.normalizers import Normalizer
from bnstats.statistics.running_conventions import Convention

ROWS, UNITS, EPS = 16, 32, 1e-3
LATE = 10_000  # by then every schedule is through

DATA = bn.Gaussians(classes=3, inputs=6, rows=96).split(np.random.default_rng(0))
BATCHES = np.random.default_rng(3).integers(len(DATA.y), size=(20, 16))


def values(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(ROWS, UNITS)) * rng.uniform(0.5, 3, UNITS) + rng.normal(size=UNITS)


def state_of(normalizer: Normalizer, step: int = 1, eps: float = EPS) -> LayerState:
    """With running statistics unlike those of the batch."""
    state, rng = normalizer.state(ROWS, UNITS, eps, np.float64, step), np.random.default_rng(1)
    state.running_mean[:], state.running_var[:] = rng.normal(size=UNITS), rng.uniform(0.5, 4, UNITS)
    return state


def normalized(normalizer: Normalizer, z: np.ndarray, state: LayerState) -> np.ndarray:
    z = z.copy()
    normalizer.forward(z, state)
    return z


def gradient(normalizer: Normalizer, z: np.ndarray, direction: np.ndarray, state: LayerState) -> np.ndarray:
    value, back = normalized(normalizer, z, state), direction.copy()
    normalizer.backward(back, value.copy(), state)
    return back


def trained(normalizer: Normalizer, steps: np.ndarray = BATCHES, **recipe: object) -> tuple[Network, np.ndarray]:
    net = Network.initial(Recipe((16, 8), normalizer, **recipe), 6, 3, np.random.default_rng(4))
    return net.train(DATA.x, DATA.y, steps)


def close(a: Statistics, b: Statistics, rtol: float = 1e-4) -> bool:
    pairs = zip((*a.mean, *a.var), (*b.mean, *b.var), strict=True)
    return all(np.allclose(one, other, rtol=rtol, atol=1e-5) for one, other in pairs)


def backward_is_the_gradient_of_forward(normalizer: Normalizer) -> None:
    """Exactly where it is declared, at the first step and after all schedules, along a direction in all entries."""
    if normalizer.scale_free:
        check_gradient(normalizer, ROWS, UNITS, EPS)
    z, direction, step = values(), values(2), 1e-6
    exact = True
    for at in (1, LATE):
        state = state_of(normalizer, at)
        found = gradient(normalizer, z, direction, state)
        moved = (normalized(normalizer, z + s * step * direction, state) for s in (1, -1))
        plus, minus = ((direction * value).sum() for value in moved)
        exact &= bool(np.isclose((found * direction).sum(), (plus - minus) / (2 * step), rtol=1e-5))
    assert exact == normalizer.exact_gradient


def values_have_no_unit(normalizer: Normalizer) -> None:
    """Without eps, z in another unit gives the same values, and a gradient in one over that unit, if it is declared."""
    for step in (1, LATE):
        z, direction, unit = values(), values(2), 1024.0
        here, there = state_of(normalizer, step, eps=0.0), state_of(normalizer, step, eps=0.0)
        there.running_mean[:] *= unit
        there.running_var[:] *= unit**2
        same = np.allclose(normalized(normalizer, unit * z, there), normalized(normalizer, z, here), rtol=1e-9)
        found, expected = (gradient(normalizer, *at) for at in ((unit * z, direction, there), (z, direction, here)))
        assert same == np.allclose(unit * found, expected, rtol=1e-6, atol=1e-9) == normalizer.scale_free


def statistics_are_those_of_their_rows(normalizer: Normalizer) -> None:
    """`forward` writes what `statistics` returns for each set of rows: mean and biased variance, if declared."""
    z, state, size = values(), state_of(normalizer), normalizer.set_rows(ROWS)
    normalized(normalizer, z, state)
    sets = z.reshape(-1, size, UNITS)
    assert len(state.mean) == len(sets)
    for mean, var, rows in zip(state.mean, state.var, sets, strict=True):
        np.testing.assert_allclose((mean, var), normalizer.statistics(rows), rtol=1e-12)
        assert np.allclose((mean, var), (rows.mean(axis=0), rows.var(axis=0))) == normalizer.moments


def moments_of_sets_merge(normalizer: Normalizer) -> None:
    """Each set's mean and variance, merged, are those of all rows. Wrong: variances averaged."""
    z, state, size = values(), state_of(normalizer), normalizer.set_rows(ROWS)
    normalized(normalizer, z, state)
    merged = bn.Moments(size, state.mean[0], size * state.var[0])
    for mean, var in zip(state.mean[1:], state.var[1:], strict=True):
        merged = merged.merge(bn.Moments(size, mean, size * var))
    np.testing.assert_allclose(merged.mean, z.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(merged.var(0), z.var(axis=0), rtol=1e-12)
    assert np.allclose(state.var.mean(axis=0), z.var(axis=0)) == (len(state.var) == 1)


def running_statistics_follow_those_of_the_batch(normalizer: Normalizer) -> None:
    """With weight 1 they are those of the last batch, averaged over its sets, and unbiased if they are moments."""
    network, _ = trained(normalizer, convention=Convention.of("torch", momentum=1.0))
    batch, rows = BATCHES[:1], normalizer.set_rows(BATCHES.shape[1])
    after, _ = network.train(DATA.x, DATA.y, batch)
    last = network.batch_statistics(DATA.x, batch)
    means, variances = ([part.mean(axis=0) for part in kind] for kind in (last.mean, last.var))
    right = Statistics(tuple(means), tuple(var * rows / (rows - 1) for var in variances))
    biased = Statistics(tuple(means), tuple(variances))
    assert close(after.running, right if normalizer.moments else biased)
    assert not close(after.running, biased if normalizer.moments else right)
    assert not close(after.running, network.running)


def recalibrations_agree_on_one_batch(normalizer: Normalizer) -> None:
    """With all rows as one batch, precise, population and averaged statistics agree, but for the unbiased variance."""
    network, rows = trained(normalizer)[0], np.arange(len(DATA.y))[np.newaxis]
    whole = population(network, DATA.x)
    same = normalizer.set_rows(rows.size) == rows.size
    assert close(precise(network, DATA.x, rows), whole) == same
    if same:
        factor = rows.size / (rows.size - 1) if normalizer.moments else 1.0
        unbiased = Statistics(whole.mean, tuple(factor * var for var in whole.var))
        assert close(averaged(network, DATA.x, rows), unbiased)
    first = DATA.x @ network.weights[0]
    np.testing.assert_allclose(np.array(normalizer.statistics(first)), (whole.mean[0], whole.var[0]), rtol=1e-5)


def evaluation_does_not_depend_on_other_rows(normalizer: Normalizer) -> None:
    """Given statistics normalize each row alone; the batch's own give training mode, if one set of rows has them."""
    z = values()
    mean, var = normalizer.statistics(z)
    whole = normalizer.evaluate(z, mean, var, EPS)
    np.testing.assert_allclose(normalizer.evaluate(z[3:5], mean, var, EPS), whole[3:5], rtol=1e-12)
    np.testing.assert_allclose(normalizer.evaluate(z.reshape(4, 4, -1), mean, var, EPS).reshape(z.shape), whole)
    same = np.allclose(normalized(normalizer, z, state_of(normalizer)), whole, rtol=1e-9, atol=1e-9)
    assert same == (normalizer.set_rows(ROWS) == ROWS)


def trainings_repeat_to_the_bit(normalizer: Normalizer) -> None:
    """In threads and in parts."""
    first, losses = trained(normalizer)
    with ThreadPoolExecutor(2) as pool:
        for other, _ in pool.map(trained, [normalizer] * 4):
            np.testing.assert_array_equal(other.parameters, first.parameters)
    half, one = trained(normalizer, BATCHES[:7])
    whole, two = half.train(DATA.x, DATA.y, BATCHES[7:])
    np.testing.assert_array_equal(np.concatenate([one, two]), losses)
    np.testing.assert_array_equal(whole.parameters, first.parameters)
    np.testing.assert_array_equal(np.concatenate(whole.running.var), np.concatenate(first.running.var))
    assert whole.steps == 20


def single_rows_need_no_batch(normalizer: Normalizer) -> None:
    """A batch of one row is taken where no batch statistics enter."""
    if normalizer.uses_batch:
        with pytest.raises(ValueError, match=r"at least 2 rows|ghost batches of 8"):
            normalizer.check(1, (64,))
    else:
        normalizer.check(1, (64,))


Law = Callable[[Normalizer], None]
OF_ALL: tuple[Law, ...] = (
    backward_is_the_gradient_of_forward,
    values_have_no_unit,
    evaluation_does_not_depend_on_other_rows,
    trainings_repeat_to_the_bit,
    single_rows_need_no_batch,
)
OF_BATCH_STATISTICS: tuple[Law, ...] = (
    statistics_are_those_of_their_rows,
    running_statistics_follow_those_of_the_batch,
    recalibrations_agree_on_one_batch,
)
OF_MOMENTS: tuple[Law, ...] = (moments_of_sets_merge,)


def laws_of(normalizer: Normalizer) -> tuple[Law, ...]:
    """The laws of what a normalizer declares."""
    of_batch = OF_BATCH_STATISTICS if normalizer.uses_batch else ()
    return OF_ALL + of_batch + (OF_MOMENTS if normalizer.uses_batch and normalizer.moments else ())

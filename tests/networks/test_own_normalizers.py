"""A user's own normalizer: trained compiled or plain, and refused, with what is wrong, before anything is simulated.

Nothing here can fail by chance beyond rounding: inputs come from the default seed.
"""

import re
from dataclasses import dataclass

import numba
import numpy as np
import pytest

import bnstats as bn
from bnstats.networks.network import Network
from bnstats.networks.normalizers.registry import is_builtin
from bnstats.networks.recipe import Recipe
from bnstats.normalizers import Batch, NoNorm, Normalizer
from bnstats.simulation.identity import digest

DATA = bn.Gaussians(classes=3, inputs=6, rows=96).split(np.random.default_rng(0))
BATCHES = np.random.default_rng(3).integers(len(DATA.y), size=(20, 16))


def trained(normalizer, steps=BATCHES, **recipe):
    net = Network.initial(Recipe((16, 8), normalizer, **recipe), 6, 3, np.random.default_rng(4))
    return net.train(DATA.x, DATA.y, steps)


def center(z, _):
    for j in range(z.shape[1]):
        z[:, j] -= z[:, j].mean()


def centre_back(gradient, _value, _state):
    for j in range(gradient.shape[1]):
        gradient[:, j] -= gradient[:, j].mean()


@dataclass(frozen=True)
class Plain(Normalizer):
    name = "centered rows"
    forward = center
    backward = centre_back


class Compiled(Normalizer):
    name = "centered rows"
    forward = numba.njit(center)
    backward = numba.njit(centre_back)


class OwnBatch(Normalizer):
    """Batch normalization once more."""

    name = "own batch"
    uses_batch = True

    @staticmethod
    def forward(z, state):
        state.mean[0], state.var[0] = z.mean(axis=0), z.var(axis=0)
        state.memory[0] = 1 / np.sqrt(state.var[0] + state.eps)
        z -= state.mean[0]
        z *= state.memory[0]

    @staticmethod
    def backward(gradient, value, state):
        gradient -= gradient.mean(axis=0) + value * (gradient * value).mean(axis=0)
        gradient *= state.memory[0]


@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaPerformanceWarning")
def test_a_users_own_compiled_or_plain_trains_alike():
    (plain, one), (compiled, two) = trained(Plain()), trained(Compiled())
    np.testing.assert_allclose(one, two, rtol=1e-5)
    np.testing.assert_allclose(plain.logits(DATA.x), compiled.logits(DATA.x), atol=1e-5)
    assert np.abs(one - trained(NoNorm())[1]).max() > 1e-3
    assert not is_builtin(Plain())


def test_a_users_own_equals_the_built_in_one():
    (own, one), (built_in, two) = trained(OwnBatch()), trained(Batch())
    np.testing.assert_allclose(one, two, rtol=1e-5)
    np.testing.assert_allclose(own.running.var[1], built_in.running.var[1], rtol=1e-5)
    np.testing.assert_allclose(own.logits(DATA.x), built_in.logits(DATA.x), atol=1e-4)


def test_a_users_own_is_measured_beside_the_built_in_ones():
    table = bn.measure_mismatch(
        bn.Gaussians(classes=3, inputs=6, rows=60, test_rows=24),
        normalizers=[OwnBatch(), "batch"],
        batch_sizes=[4],
        hidden=(8,),
        steps=20,
        max_replicates=8,
        precision=None,
    ).table
    assert set(table["normalizer"]) == {"OwnBatch()", "batch"}


def test_two_normalizers_of_one_name_are_told_apart_by_what_they_compute():
    """Random streams and stores go by what is simulated, so by the code of compiled functions, too."""

    def times(number):
        class Times(Plain):
            forward = numba.njit(number)

        return Times()

    two, three = times(lambda *_: 2), times(lambda *_: 3)
    assert digest({"normalizer": two}) != digest({"normalizer": three})
    assert digest({"normalizer": three}) == digest({"normalizer": times(lambda *_: 3)})


def own(forward=center, backward=centre_back, **members):
    """A user's normalizer with these functions."""
    return type("Mine", (Normalizer,), {"name": "mine", "forward": forward, "backward": backward} | members)()


def fails(*_):
    raise RuntimeError("no such thing")


def infinite(z, _):
    z[:] = np.inf


def swapped(z, _):
    return z - z.mean(axis=0)


def nothing(*_):
    pass


@numba.njit
def undeclared(z, state):
    state.mean[0] = 1.0  # compiled code does not notice that there is no such row
    for row in range(z.shape[0]):
        z[row] *= 2.0


@numba.njit
def too_much_memory(z, state):
    state.memory[len(state.memory)] = 1.0
    for row in range(z.shape[0]):
        z[row] *= 2.0


REFUSED = {
    "writes statistics": (lambda: own(undeclared), "forward of normalizer 'mine' writes beyond state.mean; declare"),
    "writes memory": (lambda: own(too_much_memory), "forward of normalizer 'mine' writes beyond state.memory; declare"),
    "raises": (lambda: own(fails), "forward of normalizer 'mine' raises RuntimeError: no such thing."),
    "returns": (lambda: own(swapped), "forward of normalizer 'mine' returns ndarray; it changes its first argument in"),
    "does nothing": (lambda: own(nothing), "forward of normalizer 'mine' leaves z as it is"),
    "not finite": (lambda: own(infinite), "returns values that are not finite"),
    "no statistics": (lambda: own(uses_batch=True), "leaves state.mean or state.var unwritten"),
    "no gradient": (lambda: own(backward=nothing), "is not the gradient of its forward: at row"),
    "backward raises": (lambda: own(backward=lambda _: None), "backward of normalizer 'mine' raises TypeError"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_users_own_that_is_wrong_is_refused_before_anything_is_simulated(what):
    make, message = REFUSED[what]
    with pytest.raises(ValueError, match=re.escape(message)):
        trained(make())
    with pytest.raises(ValueError, match=re.escape(message)):
        bn.measure_mismatch("digits", normalizers=make(), batch_sizes=8, hidden=(8,), steps=10**9)


def test_an_error_in_training_is_the_users_own():
    """Not in the check, whose layer has 16 rows: compiled code goes on, and then it is raised."""

    class Picky(Plain):
        @staticmethod
        def forward(z, state):
            if z.dtype == np.float32:
                raise RuntimeError("only in training")
            center(z, state)

    with pytest.raises(RuntimeError, match="only in training"):
        trained(Picky())


# ---- what is none


class Empty(Normalizer):
    name = "empty"


class Renamed(Batch):
    name = "renamed"


BAD = {
    "no functions": (lambda: Normalizer.of(Empty()), "normalizer Empty has no forward and no backward"),
    "the base itself": (lambda: Normalizer.of(Normalizer()), "normalizer Normalizer has no name and no forward and no"),
    "overrides nothing": (lambda: Normalizer.of(Renamed()), "normalizer Renamed overrides nothing of Batch"),
    "a recipe of it": (lambda: Recipe(normalizer=Renamed()), "normalizer Renamed overrides nothing of Batch"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_subclass_that_has_nothing_of_its_own_is_refused(what):
    call, message = BAD[what]
    with pytest.raises(ValueError, match=re.escape(message)):
        call()

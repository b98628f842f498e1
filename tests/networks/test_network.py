"""Networks: whole trainings against PyTorch's, algebra, and what they refuse.

Nothing here can fail by chance beyond rounding. Tolerances for float32 trainings: loss within 1e-4 at each of 50 steps,
running statistics within 1e-5 (`TOLERANCE` says where more), above 1 of their size. Power:
`test_other_recipes_do_not_equal_torch`.
"""

import importlib.util
import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from threadpoolctl import threadpool_limits

from bnstats.networks.kernels.llvm.products import SMALL, accumulate, multiply, multiply_transposed
from bnstats.networks.kernels.loss import cross_entropy, exponential
from bnstats.networks.layer_statistics import Statistics
from bnstats.networks.network import Network
from bnstats.networks.recipe import Recipe
from bnstats.normalizers import RMS, Batch, BatchThenGroup, Frozen, Ghost, Group, NoNorm, Normalizer, Renorm
from bnstats.statistics.running import RunningStats
from bnstats.statistics.running_conventions import Convention

DATA = Path(__file__).parents[1] / "data"
REFERENCE = np.load(DATA / "network_reference.npz")
HIDDEN, CLASSES = (16, 24), 5
NORMALIZERS = {
    "none": NoNorm(),
    "batch": Batch(),
    "layer": Normalizer.of("layer"),
    "group": Group(4),
    "renorm": Renorm(r_max=1.2, d_max=0.3, schedule=(10, 20, 30)),
    "ghost": Ghost(8),
    "frozen": Frozen(after=20),
    "rms": RMS(),
    "batch then group": BatchThenGroup(4),
}
# Ghost batches of 4 instead of 8 would make this training chaotic: 6e-8 in the weights grow to 2e-4 in the loss.
OPTIMIZERS = {"plain": (0.0, 0.0), "momentum and decay": (0.9, 0.01)}


@pytest.fixture(autouse=True)
def _one_blas_thread():
    with threadpool_limits(1):
        yield


def recipe(kind="batch", optimizer="plain", **changes):
    momentum, decay = OPTIMIZERS[optimizer]
    made = Recipe(HIDDEN, NORMALIZERS[kind], learning_rate=0.05, sgd_momentum=momentum, weight_decay=decay)
    return replace(made, **changes)


def network(chosen=None, parameters=None):
    chosen = chosen or recipe()
    made = Network.initial(chosen, REFERENCE["x"].shape[1], CLASSES, np.random.default_rng(0))
    return made if parameters is None else replace(made, parameters=parameters)


def trained(chosen=None):
    return network(chosen).train(REFERENCE["x"], REFERENCE["y"], REFERENCE["batches"])[0]


def concatenated(statistics):
    return np.array([np.concatenate(statistics.mean), np.concatenate(statistics.var)])


# ---- PyTorch


def errors(chosen, reference):
    """Largest errors of the losses of all steps, of the running statistics, and of the logits after."""
    net, x, y = network(chosen, reference["initial"]), REFERENCE["x"], REFERENCE["y"]
    losses, kept = [], []
    for part in np.split(REFERENCE["batches"], 5):
        net, loss = net.train(x, y, part)
        losses.append(loss)
        kept.append(concatenated(net.running))
    wanted = reference["running"]
    buffers = (np.abs(kept - wanted) / np.maximum(1, np.abs(wanted))).max() if wanted.size else 0.0
    logits = net.logits(x[: len(reference["logits"])])
    return [
        np.abs(np.concatenate(losses) - reference["losses"]).max(),
        buffers,
        np.abs(logits - reference["logits"]).max(),
    ]


# Of running statistics. Four normalized values of a group may nearly agree, which magnifies rounding: if initial
# weights move by half a unit of their last place, 1.3e-6 to 2.1e-5 in 40 trials; with other normalizers up to 2e-6.
TOLERANCE = {"batch then group": 4e-5}


def stored(kind, optimizer):
    return {name: REFERENCE[f"{kind}-{optimizer}-{name}"] for name in ("initial", "losses", "running", "logits")}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", NORMALIZERS)
def test_training_equals_torch_step_by_step(kind, optimizer):
    loss, running, logits = errors(recipe(kind, optimizer), stored(kind, optimizer))
    assert loss < 1e-4
    assert running < TOLERANCE.get(kind, 1e-5)
    assert logits < 1e-3


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", NORMALIZERS)
def test_training_equals_live_torch(kind, optimizer):
    pytest.importorskip("torch")
    spec = importlib.util.spec_from_file_location("make_network_reference", DATA / "make_network_reference.py")
    torch_side = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(torch_side)
    reference = torch_side.train(kind, optimizer)
    loss, running, logits = errors(recipe(kind, optimizer), reference | {"running": reference["running"][9::10]})
    assert loss < 1e-4
    assert running < TOLERANCE.get(kind, 1e-5)
    assert logits < 1e-3


WRONG = {
    "learning rate": ("batch", {"learning_rate": 0.051}),
    "momentum": ("batch", {"sgd_momentum": 0.89}),
    "weight decay": ("batch", {"weight_decay": 0.0}),
    "eps": ("batch", {"convention": replace(Convention.of("torch"), eps=1e-3)}),
    "biased running variance": ("batch", {"convention": replace(Convention.of("torch"), ddof=0)}),
    "weight of the batch": ("batch", {"convention": Convention.of("torch", 0.09)}),
    "ghosts of another size": ("ghost", {"normalizer": Ghost(4)}),
    "other groups": ("group", {"normalizer": Group(8)}),
    "renormalization without d": ("renorm", {"normalizer": Renorm(r_max=1.2, d_max=0.0, schedule=(10, 20, 30))}),
    "renormalization without r": ("renorm", {"normalizer": Renorm(r_max=1.0, d_max=0.3, schedule=(10, 20, 30))}),
    "frozen a step later": ("frozen", {"normalizer": Frozen(after=21)}),
    "rms of layer norm": ("layer", {"normalizer": RMS()}),
    "groups without batch": ("batch then group", {"normalizer": Group(4)}),
    "batch then other groups": ("batch then group", {"normalizer": BatchThenGroup(8)}),
    "never frozen": ("frozen", {"normalizer": Batch()}),
}


@pytest.mark.parametrize("what", WRONG)
def test_other_recipes_do_not_equal_torch(what):
    kind, change = WRONG[what]
    optimizer = "momentum and decay"
    loss, running, _ = errors(recipe(kind, optimizer, **change), stored(kind, optimizer))
    assert loss > 1e-3 or running > 1e-4


# ---- running statistics


@pytest.mark.parametrize("name", ["torch", "keras", "flax", "haiku", "cumulative"])
def test_running_statistics_follow_every_convention(name):
    convention = Convention.of(name, 0.05) if name == "haiku" else Convention.of(name)
    net, expected = network(recipe(convention=convention)), RunningStats.like(convention)
    for rows in REFERENCE["batches"][:20]:
        expected.update(REFERENCE["x"][rows] @ net.weights[0])
        net, _ = net.train(REFERENCE["x"], REFERENCE["y"], rows[np.newaxis])
    np.testing.assert_allclose(net.running.mean[0], expected.mean, atol=2e-6)
    np.testing.assert_allclose(net.running.var[0], expected.var, rtol=2e-6)


def test_frozen_networks_keep_their_statistics_and_go_on_learning():
    at, after = (trained_for(Frozen(after=20), steps) for steps in (20, 40))
    np.testing.assert_array_equal(concatenated(at.running), concatenated(after.running))
    np.testing.assert_array_equal(trained_for(Batch(), 20).parameters, at.parameters)
    assert np.abs(at.parameters - after.parameters).max() > 1e-3


def trained_for(normalizer, steps):
    net = network(recipe(normalizer=normalizer))
    return net.train(REFERENCE["x"], REFERENCE["y"], REFERENCE["batches"][:steps])[0]


@pytest.mark.parametrize("kind", ["none", "layer", "group"])
def test_nothing_is_kept_where_no_batch_statistics_enter(kind):
    net = trained(recipe(kind, convention=Convention.of("haiku", 0.1)))
    np.testing.assert_array_equal(concatenated(net.running), [np.zeros(40), np.ones(40)])
    other = Statistics(tuple(m + 1 for m in net.running.mean), net.running.var)
    np.testing.assert_array_equal(net.logits(REFERENCE["x"], other), net.logits(REFERENCE["x"]))


# ---- evaluation


def by_hand(net, x, statistics):
    """Evaluation mode in NumPy: what each hidden layer gets, and the logits."""
    seen, eps = [], net.recipe.convention.eps
    for layer in range(len(net.scale)):
        seen.append(x @ net.weights[layer])
        value = (seen[-1] - statistics.mean[layer]) / np.sqrt(statistics.var[layer] + eps)
        x = np.maximum(value * net.scale[layer] + net.shift[layer], 0)
    return [*seen, x @ net.weights[-1] + net.bias]


def test_evaluation_uses_the_statistics_that_it_is_given():
    net, x = trained(), REFERENCE["x"]
    other = Statistics(tuple(m + 0.3 for m in net.running.mean), tuple(2 * v for v in net.running.var))
    for statistics in (net.running, other):
        for layer, expected in enumerate(by_hand(net, x, statistics)):
            np.testing.assert_allclose(net.hidden(x, statistics, layer), expected, atol=2e-5)
        np.testing.assert_allclose(net.logits(x, statistics), expected, atol=2e-5)
    np.testing.assert_array_equal(net.logits(x), net.logits(x, net.running))
    assert np.abs(net.logits(x) - net.logits(x, other)).max() > 0.1


def test_a_batch_is_normalized_by_its_own_statistics():
    net, x, batches = trained(), REFERENCE["x"], REFERENCE["batches"][:6]
    own, logits = net.batch_statistics(x, batches), net.logits_in_batches(x, batches)
    assert logits.shape == (6, 16, CLASSES)
    assert [part.shape for part in (*own.mean, *own.var)] == [(6, 16), (6, 24)] * 2
    for b, rows in enumerate(batches):
        statistics = Statistics(tuple(m[b] for m in own.mean), tuple(v[b] for v in own.var))
        *seen, expected = by_hand(net, x[rows], statistics)
        np.testing.assert_allclose(logits[b], expected, atol=2e-5)
        for layer, z in enumerate(seen):
            np.testing.assert_allclose(statistics.mean[layer], z.mean(axis=0), atol=2e-5)
            np.testing.assert_allclose(statistics.var[layer], z.var(axis=0), rtol=2e-4, atol=1e-6)


def test_every_ghost_batch_has_its_statistics():
    net, x, batches = trained(recipe("ghost")), REFERENCE["x"], REFERENCE["batches"][:6]
    own = net.batch_statistics(x, batches)
    expected = (x[batches] @ net.weights[0]).reshape(12, 8, 16)
    np.testing.assert_allclose(own.mean[0], expected.mean(axis=1), atol=1e-5)
    np.testing.assert_allclose(own.var[0], expected.var(axis=1), rtol=1e-4)


def test_frozen_networks_evaluate_batches_as_they_train():
    net = trained(recipe("frozen"))
    rows = REFERENCE["batches"][:3]
    np.testing.assert_array_equal(net.logits_in_batches(REFERENCE["x"], rows), net.logits(REFERENCE["x"])[rows])


@pytest.mark.parametrize("kind", ["none", "layer", "group", "frozen"])
def test_a_step_of_training_sees_the_logits_of_evaluation_mode(kind):
    """Where no batch statistics enter, up to float32. Wrong: running statistics with a variance that is 1 % larger.

    A sum of k products errs by at most k u of the sum of their sizes, u = 2^-24 (Higham 2002, section 3.1), and k is at
    most 24 here: 24 u = 1.4e-6 for each of three layers, for values up to 20, is 9e-5 in a logit. The mean loss of a
    batch has at most twice the largest error of a logit, 2e-4. A matrix product may round otherwise where other rows
    stand beside a row: that is all that may differ.
    """
    net, x, y = trained(recipe(kind)), REFERENCE["x"], REFERENCE["y"]
    for rows in REFERENCE["batches"][:5]:
        _, loss = net.train(x, y, rows[np.newaxis])
        assert abs(loss[0] - cross_entropy_of(net.logits(x), y, rows)) < 2e-4
    if kind == "frozen":
        wrong = Statistics(net.running.mean, tuple(np.float32(1.01) * var for var in net.running.var))
        assert abs(loss[0] - cross_entropy_of(net.logits(x, wrong), y, rows)) > 2e-4


def cross_entropy_of(logits, y, rows):
    return -log_softmax(logits[rows].astype(np.float64), axis=1)[np.arange(len(rows)), y[rows]].mean()


# ---- the same again, wherever and however often


@pytest.mark.parametrize("kind", NORMALIZERS)
def test_trainings_repeat_to_the_bit_and_in_threads(kind):
    def train(_):
        return trained(recipe(kind, "momentum and decay"))

    first = train(0)
    with ThreadPoolExecutor(2) as pool:
        for other in pool.map(train, range(8)):
            np.testing.assert_array_equal(other.parameters, first.parameters)
            np.testing.assert_array_equal(concatenated(other.running), concatenated(first.running))


@pytest.mark.parametrize("kind", NORMALIZERS)
def test_training_in_parts_is_training_at_once(kind):
    start, x, y = network(recipe(kind, "momentum and decay")), REFERENCE["x"], REFERENCE["y"]
    held = start.parameters.copy(), concatenated(start.running), start.velocity.copy()
    whole, losses = start.train(x, y, REFERENCE["batches"])
    net, parts = start, []
    for part in np.split(REFERENCE["batches"], [7, 25]):
        net, loss = net.train(x, y, part)
        parts.append(loss)
    np.testing.assert_array_equal(np.concatenate(parts), losses)
    np.testing.assert_array_equal(net.parameters, whole.parameters)
    np.testing.assert_array_equal(concatenated(net.running), concatenated(whole.running))
    assert net.steps == whole.steps == 50
    for before, after in zip(held, (start.parameters, concatenated(start.running), start.velocity), strict=True):
        np.testing.assert_array_equal(before, after)


def test_initial_weights_have_the_variance_of_he():
    """Of 10^5 normal values the variance errs by less than 2.5 % (a chance of 3e-8); twice the variance is 40 such."""
    net = Network.initial(Recipe(hidden=(400, 300)), 250, 334, np.random.default_rng(0))
    for weights, factor in zip(net.weights, (2, 2, 1), strict=True):
        assert abs(weights.var() * len(weights) / factor - 1) < 0.025
    assert not any(part.any() for part in (*net.shift, net.bias))
    assert all((part == 1).all() for part in net.scale)


def test_divergence_is_seen():
    assert not trained().diverged
    assert trained(recipe(kind="none", learning_rate=1e15)).diverged


def test_relu_does_not_hide_what_is_not_a_number():
    net = trained(recipe("none"))
    net.weights[0][0, 0] = np.nan
    assert np.isnan(net.logits(REFERENCE["x"])).all()
    assert net.diverged


# ---- the parts


def test_exponential_is_exact_to_a_few_units():
    x = np.linspace(-87, 0, 10_001, dtype=np.float32)
    found = np.array([exponential(value) for value in x])
    np.testing.assert_allclose(found, np.exp(x.astype(np.float64)), rtol=5e-7)
    assert np.isnan(exponential(np.float32(np.nan)))
    assert exponential(np.float32(-1e30)) < 1e-37


def test_cross_entropy_equals_scipy():
    rng = np.random.default_rng(0)
    logits, labels, rows = 20 * rng.normal(size=(9, 7)).astype(np.float32), rng.integers(7, size=30), np.arange(9) * 3
    gradient = np.empty_like(logits)
    loss = cross_entropy(logits, labels, rows, gradient, gradient.reshape(-1))
    each = log_softmax(logits.astype(np.float64), axis=1)
    assert loss == pytest.approx(-each[np.arange(9), labels[rows]].mean(), rel=1e-6)
    expected = (softmax(logits.astype(np.float64), axis=1) - np.eye(7)[labels[rows]]) / 9
    np.testing.assert_allclose(gradient, expected, atol=1e-7)


SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 65)


def surrounded(values):
    """A copy that stands between other numbers, and these."""
    around = np.full(values.size + 64, 7.0, np.float32)
    inner = around[32:-32].reshape(values.shape)
    inner[:] = values
    return inner, around


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 8, 9, 17, 33])
def test_products_of_all_small_sizes_equal_numpy_and_write_nothing_else(rows):
    rng = np.random.default_rng(rows)
    for inputs, units in itertools.product(SIZES, SIZES):
        a, b, c = (rng.normal(size=s).astype(np.float32) for s in ((rows, inputs), (inputs, units), (rows, units)))
        (forward, _), (back, _), (total, _) = found = surrounded(0 * c), surrounded(0 * a), surrounded(b)
        multiply(a, b, forward)
        multiply_transposed(c, b, back)
        accumulate(a, c, np.float32(-0.5), np.float32(0.9), total)
        for made, expected in ((forward, a @ b), (back, c @ b.T), (total, 0.9 * b - 0.5 * a.T @ c)):
            np.testing.assert_allclose(made, expected, atol=1e-4)
        for _, around in found:
            assert (around[:32] == 7).all()
            assert (around[-32:] == 7).all()


@pytest.mark.parametrize("rows", [1, 2])
def test_weights_that_few_rows_update_are_rounded_as_by_more_rows(rows):
    """To the bit: rows of zeros change nothing."""
    rng = np.random.default_rng(rows)
    for inputs, units in itertools.product((1, 5, 64), (9, 10, 16, 32, 42, 65)):
        a, c, b = (rng.normal(size=s).astype(np.float32) for s in ((rows, inputs), (rows, units), (inputs, units)))
        few, more = b.copy(), b.copy()
        accumulate(a, c, np.float32(-0.3), np.float32(0.9), few)
        accumulate(*(np.pad(part, ((0, 3), (0, 0))) for part in (a, c)), np.float32(-0.3), np.float32(0.9), more)
        np.testing.assert_array_equal(few, more)


@pytest.mark.parametrize("rows", [SMALL // 2**12, SMALL // 2**12 + 1])
def test_products_by_the_library_equal_those_by_tiles(rows):
    rng = np.random.default_rng(0)
    a, b, c = (rng.normal(size=s).astype(np.float32) for s in ((rows, 64), (64, 64), (rows, 64)))
    forward, back, total = np.full_like(c, np.nan), np.full_like(a, np.nan), b.copy()
    multiply(a, b, forward)
    multiply_transposed(c, b, back)
    accumulate(a, c, np.float32(-0.5), np.float32(0.9), total)
    for made, expected in ((forward, a @ b), (back, c @ b.T), (total, 0.9 * b - 0.5 * a.T @ c)):
        np.testing.assert_allclose(made, expected, atol=1e-3)


def test_a_product_with_what_is_not_a_number_is_none():
    a, b = np.ones((3, 5), np.float32), np.ones((5, 9), np.float32)
    a[1, 2] = np.nan
    out = np.empty((3, 9), np.float32)
    multiply(a, b, out)
    np.testing.assert_array_equal(np.isnan(out), [[False] * 9, [True] * 9, [False] * 9])


# ---- bad input

X, Y, ROWS = REFERENCE["x"], REFERENCE["y"], REFERENCE["batches"]


def changed(**changes):
    return replace(network(), **changes)


BAD = {
    "no layer": (lambda: Recipe(hidden=()), "hidden has the units"),
    "a number of units": (lambda: Recipe(hidden=64), "hidden has the units"),
    "no units": (lambda: Recipe(hidden=(4, 0)), "each of hidden is a whole number of at least 1; got 0"),
    "learning rate": (lambda: Recipe(learning_rate=0.0), "above 0"),
    "momentum": (lambda: Recipe(sgd_momentum=1.0), "below 1"),
    "decay": (lambda: Recipe(weight_decay=-1.0), "from 0 to 1e15"),
    "x": (lambda: network().train(X[:, :5], Y, ROWS), "x has shape (rows, 12)"),
    "y too few": (lambda: network().train(X, Y[:-1], ROWS), "from 0 to 4 for each of the 200 rows"),
    "y too large": (lambda: network().train(X, Y + 1, ROWS), "from 0 to 4"),
    "rows": (lambda: network().train(X, Y, ROWS + 200), "rows 0 to 199"),
    "negative rows": (lambda: network().train(X, Y, -1 - ROWS), "rows 0 to 199"),
    "one batch": (lambda: network().train(X, Y, ROWS[0]), "batches has two axes"),
    "half a row": (lambda: network().train(X, Y, ROWS + 0.5), "batches contains row numbers"),
    "words": (lambda: network().logits("x"), "x holds real numbers"),
    "other statistics": (lambda: network().logits(X, 3), "statistics is an object such as network.running"),
    "no recipe": (lambda: changed(recipe=3), "recipe is an object such as bn.networks.Recipe"),
    "no running statistics": (lambda: changed(running=3), "running is an object such as network.running"),
    "one class": (lambda: Network.initial(recipe(), 2, 1, np.random.default_rng(0)), "classes is a whole number"),
    "no batch": (lambda: network().train(X, Y, ROWS[:0]), "(steps, batch size)"),
    "statistics": (lambda: network().logits(X, Statistics((X[0],) * 2, (X[0],) * 2)), "each of (16, 24) units"),
    "statistics of batches": (lambda: network().logits(X, network().batch_statistics(X, ROWS)), "got shapes [(50, 16)"),
    "batch of one": (lambda: network().train(X, Y, ROWS[:, :1]), "at least 2 rows"),
    "a layer beyond the last": (
        lambda: network().hidden(X, None, 5),
        "layer is a whole number from 0 to 2; got 5",
    ),
    "a layer before the first": (lambda: network().hidden(X, None, -1), "layer is a whole number of at least 0"),
    "half a layer": (lambda: network().hidden(X, None, 0.5), "layer is a whole number"),
    "half a unit": (lambda: Recipe(hidden=(4.5,)), "each of hidden is a whole number"),
    "short parameters": (
        lambda: changed(parameters=network().parameters[:-1]),
        "parameters is a float32 array of shape",
    ),
    "parameters in double": (lambda: changed(parameters=network().parameters.astype(float)), "got float64 of shape"),
    "short velocity": (lambda: changed(velocity=network().velocity[:-1]), "velocity is a float32 array of shape"),
    "no parameters": (lambda: changed(parameters=None), "got NoneType of shape ()"),
    "other sizes": (lambda: changed(sizes=(12, 16, 2400, 5)), "sizes are (inputs, *(16, 24), classes)"),
    "another recipe": (lambda: changed(recipe=Recipe(hidden=(400, 400))), "sizes are (inputs, *(400, 400), classes)"),
    "no inputs": (lambda: Network.initial(recipe(), 0, 2, np.random.default_rng(0)), "inputs is a whole number"),
    "short running statistics": (lambda: changed(running=Statistics((X[0],) * 2, (X[0],) * 2)), "of (16, 24) units"),
    "steps before the first": (lambda: changed(steps=-1), "steps is a whole number of at least 0"),
    "groups that do not fit": (lambda: changed(recipe=recipe(normalizer=Group(5))), "into 5 equal groups"),
    "unequal ghosts": (lambda: network(recipe("ghost")).logits_in_batches(X, ROWS[:, :6]), "ghost batches of 8"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_refused(what):
    call, message = BAD[what]
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_parameters_that_are_not_contiguous_are_copied():
    """Compiled code goes by the address of the first number."""
    parameters = network().parameters
    twice = np.repeat(parameters, 2)[::2]
    np.testing.assert_array_equal(changed(parameters=twice).logits(X), network().logits(X))

"""Everything public, called with odd values: it works, or refuses in one sentence of this package's own.

New calls every day (the seed is the date), and the same ones all day. `python tests/fuzz/fuzzer.py` makes 100,000, with
`PYTHONPATH=.`.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from fuzzer import fuzz, judge, today
from targets import Target, axes, public, table, targets

import bnstats as bn
from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import BatchStatistic
from bnstats.claims.interval_methods import Moment
from bnstats.claims.sequential_test import SequentialTest
from bnstats.testing.claims import surplus

CALLS = 1200


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A store or a report may be written under any name."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("default")
def test_no_call_ends_in_a_traceback_from_inside_a_silent_nan_or_a_stray_warning():
    # How long a call may take depends on the machine: that is for the script to say.
    found = [(name, what) for name, _, what in fuzz(CALLS, today()) if what and what != "takes too long"]
    wrong = [f"{name}: {what}" for name, what in found]
    assert not wrong, "\n".join(wrong)


def test_every_public_function_has_valid_arguments():
    """A new one is found by itself; what the fuzzer calls with no change at all must work, or it would test nothing."""
    known = {target.name.split(".")[0] for target in targets()}
    assert {"measure_convergence", "Population", "theory", "corrections"} <= known
    for target in targets():
        if not target.slow:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target.call()(**{name: make() for name, make in target.arguments.items()})
    assert len(dict(public())) > 80


def bad(kind):
    def function(x=0):
        if kind == "deep":
            return np.zeros(3).reshape(x)
        if kind == "warning":
            return np.zeros(2) / np.zeros(2)
        return np.nan

    return function


@pytest.mark.parametrize(
    ("kind", "said"), [("deep", "deep ValueError"), ("nan", "NaN without a word"), ("warning", "stray RuntimeWarning")]
)
def test_the_judge_condemns_what_it_should(kind, said):
    verdict = judge(Target("a function", lambda: bad(kind), {}, ("x",)), {"x": 7})
    assert verdict is not None
    assert verdict.startswith(said)


def test_the_judge_acquits_a_refusal_in_one_sentence():
    target = Target("IID.check", lambda: bn.IID().check, {}, ("population", "batch_size"))
    assert judge(target, {"population": "normal", "batch_size": "4"}) is None


class NoArray:
    """What cannot be made an array, and says so in its own way."""

    def __array__(self, *_, **__):
        raise RuntimeError("is no array")


def raises(_):
    raise KeyError("inside a function of the user's")


# What a million calls found, beside what was found before.
FOUND = {
    "wide": (lambda: bn.measure_mismatch("digits", hidden=(2**40,)), "network of .* parameters; at most"),
    "deep": (lambda: bn.measure_gradients(depths=2**40), "each of depths is a whole number from 3 to 10000"),
    "wide and deep": (lambda: bn.measure_gradients(widths=2**20, depths=3), "network of .* parameters; at most"),
    "long": (lambda: bn.measure_mismatch("digits", steps=2**40), "rows in a training; at most"),
    "long, too": (lambda: bn.measure_gradients(steps=2**40), "rows in a training; at most"),
    "many batches": (lambda: bn.measure_correction(batches=2**40), "values at a time; at most"),
    "very many": (lambda: bn.measure_correction(new_batches=10**400), "values at a time; at most"),
    "large effect": (
        lambda: bn.measure_correction(effect_size=1e300),
        r"effect_size is tau / sigma, from 0 to 1e\+100",
    ),
    "large values": (lambda: bn.corrections.center().fit([1e308, -1e308], ["a", "b"]), r"at most 1e\+150 in size"),
    "no array": (lambda: bn.measure_running("normal", momentum=NoArray()), "momentum is"),
    "several momenta": (lambda: bn.measure_mismatch("digits", momentum=np.ones((2, 2))), "momentum is"),
    "labels": (lambda: bn.measure_information("normal", labels=raises), "labels cannot be called .* raises KeyError"),
    "no colors": (
        lambda: bn.plots.best_correction_map(axes(), table(), "batch_size", "step", {}),
        "winner 'none' is not known",
    ),
    "r_max": (lambda: bn.normalizers.Renorm(r_max=0.5, d_max=np.arange(999)), "r_max is at least 1 and d_max"),
    "no study": (lambda: bn.run("x" * 9999), "study is an object of a class derived"),
    "units": (lambda: bn.measure_mismatch("digits", hidden="x" * 9999), "hidden has the units of each hidden layer"),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_a_million_calls_found_is_refused_in_a_sentence(name):
    call, said = FOUND[name]
    with pytest.raises(ValueError, match=said) as refused:
        call()
    assert len(str(refused.value)) < 600


def test_a_whole_number_is_one_of_any_type():
    how = {"batch_size": 4, "steps": 4, "precision": None, "max_replicates": 64}
    tables = [bn.measure_running("normal", training_size=size, **how).table for size in (64, 64.0)]
    assert tables[0].equals(tables[1])


def test_running_statistics_that_no_batch_moves_have_no_error():
    exact = bn.theory.running_error("normal", "mean", 4, batch_size=4, momentum=1e-300)
    assert (exact.se, exact.median_abs_error) == (0, abs(exact.bias))


@pytest.mark.parametrize("tiny", [1e-300, 5e-324])
def test_what_no_number_of_replicates_decides_takes_infinitely_many(tiny):
    """Without an error or a warning from numbers beyond all floats."""
    assert surplus(0.0, 1.0, tiny) == np.inf
    with pytest.raises(bn.testing.InsufficientPower, match="Take inf times"):
        bn.testing.assert_within_mcse([1.0], [1.0], mcse=[1.0], detect=tiny)
    evidence = BatchStatistic("normal", 2, lambda x: np.sign(x[:, 0]) * np.sqrt(tiny)).evidence
    claim = Claim("tiny", "A claim.", "this test", "a number", Region.above(tiny), Moment(0.0), evidence, most=2**10)
    test = SequentialTest(claim, error=0.01, most=2**10)
    test.values, test.interval = np.array([0.0, 0.0]), (-1.0, 1.0)
    assert test.needed() == np.inf

"""Everything public, called with odd values: it works, or refuses in one sentence of this package's own.

New calls every day (the seed is the date), and the same ones all day. `python tests/fuzz/fuzzer.py` makes 100,000, with
`PYTHONPATH=.`.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from fuzzer import fuzz, judge, today
from targets import Target, public, targets

import bnstats as bn

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

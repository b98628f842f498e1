"""Everything public, called with odd values: it works, or refuses in one sentence of this package's own.

New calls every day (the seed is the date), and the same ones all day. `python tests/fuzz/fuzzer.py` makes 100,000, with
`PYTHONPATH=.`.
"""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import walk
from fuzzer import fuzz, judge, today, used
from scipy import stats
from targets import BATCH, LABELS, LEFT_OUT, MADE_BY_OTHERS, ROWS, Target, axes, has_torch, network, public, table
from walk import HOOKS, all_targets, kinds, public_kinds

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
    for target in all_targets():
        if not target.slow:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target.call()(**target.valid())
    assert len(dict(public())) > 80


def test_the_walk_reaches_every_public_class_and_method():
    """Beside what is left out by name, with a reason, and what the package itself calls."""
    reached = {target.name for target in all_targets()}
    functions = {name for name, thing in public() if not isinstance(thing, type)}
    assert functions - reached <= LEFT_OUT
    for kind in public_kinds():
        unreachable = kind.name == "results.Audit" and not has_torch()  # no audit without PyTorch
        if not kind.cls.__module__.startswith("bnstats.simulation.study") and not unreachable:
            without = {m for m in (*kind.static, *kind.methods) if kind.is_hook(m)}
            own = {f"{kind.name}.{m}" for m in {*kind.static, *kind.methods} - without}
            abstract = inspect.isabstract(kind.cls)
            assert {n for n in own - reached if not abstract or n.split(".")[-1] in kind.static} <= LEFT_OUT, kind.name
    made = {k.name for k in public_kinds() if not (inspect.isabstract(k.cls) or k.name.startswith("results."))}
    assert made - reached <= LEFT_OUT | MADE_BY_OTHERS


def test_the_walk_reaches_what_others_return_and_class_methods():
    """What a list of names had missed: some have no public name at all."""
    reached = {target.name for target in all_targets()}
    assert {"JobArray.blocks", "networks.Recipe.check", "corrections.Correction.made_by"} <= reached
    assert {"results.LeftOut.summary", "planner.plan.Plan.scale", "datasets.dataset.Table.split"} <= reached
    assert {"adaptation.Mixed.adapt", "shifts.Noise.apply", "claims.Region.near", "Population"} <= reached
    assert {"Split", "Statistics"} <= {cls.__name__ for cls in kinds()}
    assert all(
        hook in vars(cls)
        for cls, names in HOOKS.items()
        for hook in names
        if hook not in ("forward", "backward", "follow")  # no normalizer has to have them
    )


@dataclass(frozen=True)
class Careless:
    """Takes anything, and fails when it is used."""

    size: int = 0

    @property
    def half(self) -> float:
        return self.size / 2

    def doubled(self, size: int = 2) -> int:
        return self.size.real * size


def test_what_is_made_of_odd_arguments_is_used(monkeypatch):
    """A constructor that takes anything is found out by the properties and methods of what it makes."""
    kind = walk.Kind("Careless", Careless, Careless)
    monkeypatch.setitem(kinds(), Careless, kind)
    made = Careless("7")
    wrong = [what for _, _, what in used(np.random.default_rng(0), "Careless", {"size": "7"}, made)]
    assert [what.partition(" ")[0] for what in wrong] == ["TypeError", "AttributeError"]


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


def fails(*_):
    raise KeyError("inside a function of the user's")


EVIDENCE = SimpleNamespace(n=4, mean=0.5, value_range=1.0)


def summary(**changes):
    parts = {"value": lambda e: e.mean, "mcse": lambda e: 1.0 / e.n, "order": 1.0}
    return bn.summaries.Summary("own", **parts | changes)


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
        "correction 'none' is not known",
    ),
    "r_max": (lambda: bn.normalizers.Renorm(r_max=0.5, d_max=np.arange(999)), "r_max is at least 1 and d_max"),
    "a duration": (lambda: bn.Clustered(np.timedelta64(1, "D")), "icc is a proportion"),
    "a duration, too": (lambda: bn.WithoutReplacement(np.timedelta64(64, "D")), "size is a whole number"),
    "values": (lambda: bn.Population("p", values=["a"]), "a population holds real numbers"),
    "no law": (lambda: bn.Population("p"), "has a law or values, and not both; got neither"),
    "two sources": (lambda: bn.Population("p", stats.norm(), np.arange(3.0)), "not both; got both"),
    "a family": (lambda: bn.Population("p", stats.norm), "norm is a family of distributions"),
    "a number as law": (lambda: bn.Population("p", 0.5), "law is a frozen SciPy distribution"),
    "sampler": (lambda: bn.Population("p", stats.norm(), sampler="mlk"), "sampler is one of numpy, compiled"),
    "no name": (lambda: bn.Population(7, stats.norm()), "name is a string"),
    "convention": (lambda: bn.networks.Recipe(convention="kears"), "convention 'kears' is not known"),
    "statistics": (lambda: bn.claims.Networks(batch_size=8, statistics="runing"), "kind of statistics 'runing'"),
    "normalizer": (lambda: bn.claims.Networks("digits", 3, batch_size=8), "normalizer takes a name"),
    "data": (lambda: bn.claims.Networks("digts", batch_size=8), "data set 'digts' is not known"),
    "not tested so": (
        lambda: bn.claims.accuracy(bn.claims.Networks(batch_size=8, statistics="running"), "batch"),
        "statistics is one that the networks are tested with: running; got batch",
    ),
    "blocks": (lambda: bn.JobArray(0, 2).blocks(3), "own is a range of consecutive blocks"),
    "who simulates": (lambda: bn.JobArray(0, 2, executor="me"), "executor is None, a number of threads"),
    "along": (lambda: bn.corrections.Correction("c", "space", True, len), "along is one of batch, time"),
    "an estimate": (
        lambda: bn.corrections.Correction("c", "batch", True, raises)([1.0, 2.0], [0, 1]),
        "functions of correction 'c' raise KeyError",
    ),
    "no rule": (
        lambda: bn.corrections.Correction("c", "batch", True, lambda _: "word")([1.0, 2.0], [0, 1]),
        "estimate of correction 'c' returns can be called",
    ),
    "a rule": (
        lambda: bn.corrections.Correction("c", "batch", True, lambda _: lambda _: ([0], [1]))([1.0, 2.0], [0, 1]),
        r"effects and factors of shape \(2, 1\)",
    ),
    "parameter": (
        lambda: bn.corrections.Correction.made_by(bn.corrections.center, "batch", True, len, icc=1),
        "factory has no parameter 'icc'",
    ),
    "of moments": (
        lambda: bn.Estimator("own", None, 0.0, of_moments=lambda *_: "a").from_moments(bn.Moments.of([1.0, 2.0]), len),
        "what own makes of moments holds real numbers",
    ),
    "of moments, raising": (
        lambda: bn.Estimator("own", None, 0.0, of_moments=fails).from_moments(bn.Moments.of([1.0, 2.0]), len),
        "of_moments of estimator 'own' fails with KeyError",
    ),
    "of moments, not callable so": (
        lambda: bn.Estimator("own", None, 0.0, of_moments=lambda _: 0.0)(np.ones(3)),
        "of_moments of estimator 'own' fails with TypeError",
    ),
    "a target": (
        lambda: bn.Estimator("own", np.mean, fails).population_value(bn.Population.of("normal")),
        "the target of estimator 'own' fails with KeyError",
    ),
    "a gap": (lambda: summary(at_gap=fails).chance_decides(EVIDENCE), "at_gap of summary 'own' fails with KeyError"),
    "no gap": (
        lambda: summary(at_gap=lambda _: np.ones(2)).chance_decides(EVIDENCE),
        "at_gap of summary 'own' fails with ValueError",
    ),
    "a summary": (lambda: summary(value=fails).of(EVIDENCE), "value of summary 'own' fails with KeyError"),
    "no summary": (lambda: summary(mcse=lambda _: None).of(EVIDENCE), "mcse of summary 'own' fails with TypeError"),
    "degrees of freedom": (lambda: summary(df=fails).df_of(EVIDENCE), "df of summary 'own' fails with KeyError"),
    "beyond a C long": (
        lambda: bn.Moments(2**70, np.zeros(2), np.ones(2)).biased_var,
        "n counts values, from 0 to 9007199254740992",
    ),
    "beyond what floats count": (lambda: bn.Moments([1, 2**70], np.zeros(2), np.ones(2)), "n counts values, from 0"),
    "theory": (lambda: bn.Estimator("own", np.mean, 0.0, theory="exact"), "theory is an object such as"),
    "limit": (lambda: bn.theory.Theory(limit=0.0), "limit can be called"),
    "no moment": (lambda: bn.theory.Sampling("a", 1.0), "bias is a number"),
    "one feature": (
        lambda: bn.RunningStats.like("torch").update(ROWS[:, :2]).normalize(pd.DataFrame({"a": [1.0, 2.0]})),
        r"x of shape \(2, 1\) does not fit statistics of shape \(2,\)",
    ),
    "one column": (
        lambda: bn.RunningStats.like("torch").update(ROWS[:, :2]).normalize(ROWS[:, :1]),
        r"x of shape \(60, 1\) does not fit statistics of shape \(2,\)",
    ),
    "adapted": (lambda: bn.adaptation.Mixed().adapt(0.0, 1.0, "z"), "z holds real numbers"),
    "adapted rows": (lambda: bn.adaptation.Mixed().adapt(0.0, 1.0, np.zeros(3)), "z has three axes"),
    "adapted units": (
        lambda: bn.adaptation.Mixed().adapt(np.zeros(2), 1.0, np.zeros((1, 2, 3))),
        "a value for each of the 3 units of z",
    ),
    "whose logits": (
        lambda: bn.adaptation.Mixed().logits("net", network().running, ROWS, [[0, 1]]),
        "network is an object such as",
    ),
    "which rows": (
        lambda: bn.adaptation.Mixed().logits(network(), network().running, ROWS, [[0, 99]]),
        "batches has shape",
    ),
    "evaluated": (lambda: bn.normalizers.Batch().evaluate(ROWS, None, None, 1e-5), "mean and var have values for z"),
    "variance": (lambda: bn.normalizers.Batch().evaluate(ROWS, 0.0, -1.0, 1e-5), "var is a variance, at least 0"),
    "base": (lambda: bn.normalizers.Normalizer().evaluate(ROWS, 0.0, 1.0, 1e-5), "normalizer Normalizer has no name"),
    "layers": (lambda: bn.normalizers.Group().check(8, "wide"), "each of hidden is a whole number"),
    "how many groups": (lambda: bn.normalizers.Group(2**40), "number of groups is a whole number"),
    "more groups than units": (
        lambda: bn.normalizers.Group(64).evaluate(np.ones((4, 8)), 0.0, 1.0, 1e-5),
        "8 hidden units cannot be cut into 64",
    ),
    "new batches": (
        lambda: bn.effects.Trend().shift(np.random.default_rng(0), 3, 4, 4, "two"),
        "n_new_batches is a whole number",
    ),
    "other features": (
        lambda: bn.RunningStats("torch", 1, np.zeros(2), np.ones(3)),
        r"mean and var have one shape; got \(2,\) and \(3,\)",
    ),
    "negative": (lambda: bn.RunningStats("torch", 1, 0.0, -1.0), "var is a variance, at least 0"),
    "a class as rule": (
        lambda: bn.corrections.Correction("c", "batch", True, lambda _: bn.IID)([1.0, 2.0], [0, 1]),
        "functions of correction 'c' raise TypeError",
    ),
    "classes of other rows": (
        lambda: bn.shifts.Gain(0.5).apply(np.random.default_rng(0), np.ones((2, 3)), np.zeros(5, int)),
        "got 5 classes of 2 rows",
    ),
    "a masked layer": (
        lambda: bn.normalizers.Layer().evaluate(np.ma.ones((2, 8), np.float32), 0.0, 1.0, 1e-5),
        "z is a masked array",
    ),
    "beyond single precision": (
        lambda: bn.networks.Recipe(learning_rate=1e300),
        r"learning_rate is a number, above 0 and at most 1e15",
    ),
    "no number as target": (
        lambda: bn.Estimator("own", np.mean, lambda _: stats.norm()).population_value(bn.Population.of("normal")),
        "the target of estimator 'own' returns a number",
    ),
    "rows seen": (lambda: bn.networks.Recipe().check_training(4, 2, "many"), "rows_seen is a whole number"),
    "apart": (lambda: bn.Moments(3.0, np.zeros(2), np.zeros(3)), r"shapes that fit each other; got \(\), \(2,\)"),
    "not merged": (
        lambda: bn.Moments.of(np.zeros((2, 4))).merge(bn.Moments.of(np.zeros((3, 4)))),
        "moments that are merged have shapes that fit",
    ),
    "no study": (lambda: bn.run("x" * 9999), "study is an object of a class derived"),
    "units": (lambda: bn.measure_mismatch("digits", hidden="x" * 9999), "hidden has the units of each hidden layer"),
    "rows beyond single precision": (
        lambda: bn.shifts.Gain(0.5).apply(np.random.default_rng(0), ROWS * 1e200, LABELS),
        r"x holds numbers of at most 1e\+30 in size; got",
    ),
    "infinite rows in single precision": (
        lambda: network().logits(np.full((2, 4), np.inf, np.float32)),
        "x holds finite numbers; got 8 NaN or infinite of 8",
    ),
    "far test rows": (
        lambda: bn.Dataset.of((ROWS, LABELS), test=(ROWS * 1e200, LABELS)),
        r"column 0 of test lies more than 1e\+30 standard deviations from the training rows",
    ),
    "a range beyond floats": (
        lambda: bn.Dataset.of((np.sign(ROWS) * 1e308, LABELS)),
        "columns of x hold values too large or too close",
    ),
    "a huge covariate": (
        lambda: bn.corrections.center()(ROWS[:, 0], BATCH, keep=ROWS[:, 1] * 1e200),
        r"column 'keep' of keep holds numbers of at most 1e\+150 in size",
    ),
    "a huge covariate in a formula": (
        lambda: bn.corrections.center()(ROWS[:, 0], BATCH, keep=ROWS[:, 1] * 1e200, formula="keep"),
        r"keep by the formula 'keep' holds numbers of at most 1e\+150 in size",
    ),
    "a long name": (
        lambda: bn.corrections.Correction("x" * 1000, "batch", True, np.sort).fit(ROWS[:, 0], BATCH),
        "correction 'xxx.*",
    ),
    "squares beyond floats": (
        lambda: bn.RunningStats.like("torch").update(ROWS * 1e200),
        "values whose squares are beyond the largest float; rescale them",
    ),
    "a function that takes no generator": (
        lambda: bn.testing.assert_quantile(len, 0.5, 0.0, within=0.1),
        "len raises TypeError",
    ),
    "a label in half precision": (
        lambda: bn.corrections.center()(ROWS[:, 0], BATCH, reference=np.float16(0.5)),
        "reference is the label of a batch, 0, 1, 2 and 3 more; got 0.5",
    ),
    "a long formula": (
        lambda: bn.corrections.center()(ROWS[:, 0], BATCH, keep=ROWS[:, 1], formula="x" * 1000),
        r"formula 'xxx.*cannot be computed from",
    ),
    "a table as a label": (
        lambda: bn.corrections.center()(ROWS[:, 0], BATCH, reference=np.ma.MaskedArray(ROWS, mask=ROWS > 0)),
        "reference is the label of a batch",
    ),
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


def test_names_stand_for_what_they_name_where_a_recipe_takes_them():
    recipe = bn.networks.Recipe(normalizer="group", convention="keras")
    assert recipe == bn.networks.Recipe(normalizer=bn.normalizers.Group(), convention=bn.CONVENTIONS["keras"])
    assert bn.claims.Networks(batch_size=8, statistics="running").statistics == ("running",)
    assert bn.claims.Networks((ROWS, LABELS), batch_size=8).dataset.classes == 2
    assert [type(x) for x in (bn.normalizers.Group(4.0).number, bn.JobArray(0.0, 2.0).of)] == [int, int]


def test_a_tabulated_law_is_frozen_by_the_constructor_too():
    law = stats.rv_histogram(np.histogram([1.0, 2.0, 2.5], bins=3))
    assert bn.Population("table", law).mean == bn.Population.of(law).mean


def test_a_training_set_of_equal_values_is_one_all_the_same():
    """Refused where a user gives it, as nothing can be estimated; drawn by chance it is a replicate like any other."""
    how = {"batch_size": 2, "steps": 4, "training_size": 4, "precision": None, "max_replicates": 64, "progress": False}
    rare = bn.Population.of([0.0] * 19 + [1.0])  # .95^4, 81 % of the training sets, are all 0
    table = bn.measure_running(rare, **how).table
    assert np.isfinite(table["value"]).all()


def test_a_label_in_half_precision_and_labeled_statistics_mean_what_they_hold():
    x, center = ROWS[:, 0], bn.corrections.center()
    np.testing.assert_array_equal(center(x, BATCH, reference=np.float16(2)), center(x, BATCH, reference=2))
    z, var = np.ones((4, 8)), np.arange(1.0, 9.0)
    found = bn.normalizers.Batch().evaluate(z, np.zeros(8), pd.Series(var, range(8)[::-1]), 0.0)
    np.testing.assert_array_equal(found, z / np.sqrt(var))


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
    claim = Claim(
        "tiny", "A claim.", "this test", "a number", Region.above(tiny), Moment(0.0), evidence, max_replicates=2**10
    )
    test = SequentialTest(claim, error=0.01, max_replicates=2**10)
    test.values, test.interval = np.array([0.0, 0.0]), (-1.0, 1.0)
    assert test.needed() == np.inf

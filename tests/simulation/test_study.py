"""The frame: the same numbers whoever computes them, as precise as asked, with errors that are what they say."""

import contextlib
import io
import math
import multiprocessing
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bnstats as bn
from bnstats.simulation.blocks import BlockError, failure
from bnstats.simulation.checks import NUMBER_COLUMNS
from bnstats.simulation.identity import stream
from bnstats.simulation.summaries.registry import SUMMARIES
from bnstats.testing import assert_within_mcse


@dataclass(frozen=True)
class Averages(bn.Study):
    summaries: ClassVar = ("bias", "se", "rmse", "median_abs_error")
    key_columns: ClassVar = ("estimator",)
    sizes: tuple[int, ...] = (2, 8)
    block: int = 100
    bad_block: float = -1.0

    def conditions(self):
        return [{"size": n} for n in self.sizes]

    def size(self, condition):
        return self.block

    def simulate(self, condition, rng, size):
        x = rng.standard_normal((size, condition["size"]))
        if x[0, 0] == self.bad_block:
            raise ZeroDivisionError("a bad draw")
        return {"mean": x.mean(axis=1)}

    def exact(self, condition, key, summary):
        se = condition["size"] ** -0.5
        return {"bias": 0.0, "median_abs_error": se * float(stats.norm.ppf(0.75))}.get(summary, se)


@dataclass(frozen=True)
class Coins(bn.Study):  # a user's own
    chances: tuple[float, ...]

    def conditions(self):
        return [{"chance": p} for p in self.chances]

    def simulate(self, condition, rng, size):
        return {"heads": rng.random(size) < condition["chance"]}

    def exact(self, condition, key, summary):
        return condition["chance"]


@dataclass(frozen=True)
class Alike(Averages):
    """All batch sizes from one stream."""

    def stream_of(self, condition):
        return {"stream": "of all sizes"}


def same(a, b):
    pd.testing.assert_frame_equal(a.reset_index(drop=True), b.reset_index(drop=True), check_exact=True)


def measured(executor, **kwargs):
    given = {"batch_sizes": [2, 3, 32], "precision": None, "max_replicates": 2**7} | kwargs
    return bn.measure_convergence(["normal", "t3", [1.0, 2.0, 4.0]], executor=executor, **given).table


def test_a_users_study_is_ten_lines():
    """Family of two conditions; a wrong chance, off by 2 %, is seen."""
    table = bn.run(Coins((0.1, 0.5)), precision=0.005).table
    assert list(table.columns) == [
        "chance",
        "measure",
        "value",
        "mcse",
        "mcse_df",
        "exact",
        "replicates",
        "precision_reached",
    ]
    assert table["precision_reached"].all()
    assert_within_mcse(table["value"], table["exact"], table["mcse"], false_alarm=1e-8)
    with pytest.raises(AssertionError):
        assert_within_mcse(table["value"], 1.04 * table["exact"], table["mcse"], false_alarm=1e-8)


def test_results_are_equal_to_the_bit_for_any_executor():
    """Builtin estimators go to processes, too."""
    one = measured(1)
    same(measured(2), one)
    same(measured(None), one)
    with ThreadPoolExecutor(3) as threads:
        same(measured(threads), one)
    for start in ("fork", "spawn"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads, from Python 3.12 on
            with ProcessPoolExecutor(2, multiprocessing.get_context(start)) as processes:
                same(measured(processes), one)
    assert not measured(1, seed=1)["value"].equals(one["value"])


@pytest.mark.parametrize("precision", [None, 0.05])
def test_rows_do_not_depend_on_what_else_is_measured(precision):
    keys = ["population", "estimator", "batch_size", "measure"]
    given = {"precision": precision, "max_replicates": 2**7 if precision is None else 2**11}
    small = bn.measure_convergence("exponential", batch_sizes=[2, 3, 16], estimators=["var"], **given).table
    # Members of a small clustered batch may all be equal; a fresh value normalized by few others has heavy tails.
    unlike = (bn.exceptions.NotFiniteWarning, bn.exceptions.PrecisionWarning)
    with pytest.warns(unlike, match=r"Clustered\(icc=0.1\), estimator=fresh_normalized"):
        large = bn.measure_convergence(
            ["uniform", "exponential", "normal"],
            batch_sizes=[3, 64, 16, 5, 2],
            estimators=["fresh_normalized", "mean", "var"],
            batching=[bn.Clustered(icc=0.1), bn.IID()],
            **given,
        ).table.query("batching == 'IID()'")
    same(large.set_index(keys).loc[small.set_index(keys).index].reset_index()[small.columns], small)


def test_replicates_double_until_the_precision_is_reached():
    result = bn.run(Averages(), precision=0.01, max_replicates=100 * 2**10)
    table = result.table
    assert result.looks == 8  # after 8, 16, ..., 1024 blocks
    assert table["precision_reached"].all()
    assert set(table["replicates"]) <= {800 * 2**k for k in range(8)}
    for _, rows in table.groupby("size"):
        relative = rows["mcse"] / np.where(rows["measure"] == "bias", rows["value"].abs().max(), rows["value"])
        assert relative.max() <= 0.0101
        half = bn.run(Averages(), precision=None, max_replicates=int(rows["replicates"].iloc[0]) // 2).table
        half = half[half["size"] == rows["size"].iloc[0]].set_index("measure")
        worst = half["mcse"] / half["value"].where(half.index != "bias", half.loc["rmse", "value"])
        assert worst.max() > 0.01


def test_a_limit_that_does_not_suffice_is_said_in_the_table_and_by_a_warning():
    with pytest.warns(bn.exceptions.PrecisionWarning, match=r"8 of 8 numbers did not reach .* 0.001; raise the"):
        table = bn.run(Averages(), precision=0.001, max_replicates=2000).table
    assert not table["precision_reached"].any()
    assert (table["replicates"] == 2000).all()
    assert bn.run(Averages(), max_replicates=2001).table["replicates"].eq(2100).all()


def test_a_number_without_a_standard_error_is_said_in_the_table_and_by_a_warning_that_names_it():
    """Half of Student's t(3) numbers have no error: their replicates' fourth moment is infinite."""
    given = {"batch_sizes": 4, "estimators": "mean", "precision": 0.05}
    with pytest.warns(
        bn.exceptions.PrecisionWarning,
        match=r"2 of 4 numbers have no standard error \(mcse is inf\)(.|\n)*estimator=mean, batch_size=4, measure=rmse",
    ) as warned:
        table = bn.measure_convergence("t3", **given).table.set_index("measure")
    assert len(warned) == 1
    assert table["precision_reached"].to_dict() == {"bias": True, "se": False, "rmse": False, "median_abs_error": True}


@dataclass(frozen=True)
class Unequal(bn.Study):
    """Draws of which one quantity is 30 times as noisy as the other, and may not be wanted."""

    unwanted: tuple[str, ...] = ()

    def conditions(self):
        return [{}]

    def simulate(self, condition, rng, size):
        z = rng.standard_normal(size)
        return {"quiet": 1 + 0.1 * z, "noisy": 1 + 3 * z}

    def precision_required(self, condition, key, summary):
        return key not in self.unwanted


def test_what_is_not_wanted_has_its_error_but_holds_nothing_up_and_warns_of_nothing():
    given = {"precision": 0.002, "max_replicates": 10_000}
    table = bn.run(Unequal(("noisy",)), **given).table.set_index("measure")
    assert table["replicates"].tolist() == [8000, 8000]  # the first look
    assert table["precision_reached"].all()
    assert table.loc["noisy", "mcse"] > 10 * 0.002
    with pytest.warns(bn.exceptions.PrecisionWarning, match="1 of 2 numbers") as warned:
        wanted = bn.run(Unequal(), **given).table.set_index("measure")
    assert "noisy" in str(warned[0].message)
    assert wanted["precision_reached"].tolist() == [True, False]
    assert wanted["replicates"].tolist() == [8000, 10_000]
    same(wanted.loc[["quiet"]], table.loc[["quiet"]])


@dataclass(frozen=True)
class Many(Averages):
    """A hundred measures in a condition, as networks have them."""

    summaries: ClassVar = ("mean",)

    def simulate(self, condition, rng, size):
        x = rng.standard_normal((size, 100)) + 1
        return {str(i): x[:, i] for i in range(100)}

    def exact(self, condition, key, summary):
        return 1.0


@dataclass(frozen=True)
class ManyMedians(Many):
    summaries: ClassVar = ("mean", "median_abs_error")


def test_without_a_median_no_histogram_is_kept_and_not_a_bit_changes(tmp_path):
    """Far less memory: pickled, which counts the arrays; the store holds its blocks as before."""
    given = {"max_replicates": 2000, "executor": 1}
    many, medians = (bn.run(kind(), **given) for kind in (Many, ManyMedians))
    held, all_held = (len(pickle.dumps(s.samples[0])) for s in (many, medians))
    assert held < 2000
    assert all_held > 3 * held
    rows = np.flatnonzero(medians.table["measure"] == "mean")
    same(many.table, medians.table.iloc[rows])
    np.testing.assert_array_equal(many.leaving_out(7), medians.leaving_out(rows[7]))
    for _ in range(2):
        same(bn.run(Many(), store=tmp_path / "s", **given).table, many.table)


def line_of(error):
    return str(error).splitlines()[-1]


def test_a_failing_block_is_named_with_a_line_that_runs_it_alone():
    draws = bn.run_block(Averages(), condition=1, block=5, seed=3)["mean"]
    assert draws.shape == (100,)
    bad = float(stream(3, {"size": 8}, 5).standard_normal((100, 8))[0, 0])
    with pytest.raises(
        bn.exceptions.BlockError, match=r"block 5 of condition 2 \(size=8\) failed: ZeroDivisionError: a bad draw"
    ) as e:
        bn.run(Averages(sizes=(2, 2, 8), bad_block=bad), max_replicates=1000, seed=3)
    assert line_of(e.value) == "bn.run_block(error.study, condition=2, block=5, seed=3)"
    with pytest.raises(ZeroDivisionError, match="a bad draw"):
        eval(line_of(e.value), {"bn": bn, "error": e.value})
    e.value.study = replace(e.value.study, bad_block=-1.0)  # the study, mended
    np.testing.assert_array_equal(eval(line_of(e.value), {"bn": bn, "error": e.value})["mean"], draws)


def test_a_failing_block_comes_out_of_another_process_with_its_study():
    error = failure(Averages(), {"size": 8}, 7, 3, ZeroDivisionError("a bad draw"))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.study) == (str(error), Averages())


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"condition": -1, "block": 0}, r"condition is a whole number .*; got -1"),
        ({"condition": 3, "block": 0}, r"condition is a whole number .*; got 3"),
        ({"condition": 0, "block": -1}, r"block is a whole number .*; got -1"),
        ({"condition": 0, "block": 0, "seed": -1}, r"seed is a whole number .*; got -1"),
    ],
)
def test_a_block_that_no_run_has_is_refused(place, message):
    with pytest.raises(ValueError, match=message):
        bn.run_block(Averages(), **place)


def nested():
    def inner(x):
        return x

    @dataclass(frozen=True)
    class Local(Averages):
        pass

    return inner, Local


@pytest.mark.parametrize("name", ["class in a function", "function in a function", "lambda", "array", "repr"])
def test_the_line_runs_a_study_of_whatever_objects(name):
    """None of these can be written as code, and nothing asks them to be."""
    inner, local = nested()
    study = {
        "class in a function": lambda bad: local(bad_block=bad),
        "function in a function": lambda bad: Holding(bad_block=bad, function=inner),
        "lambda": lambda bad: Holding(bad_block=bad, function=lambda x: x),
        "array": lambda bad: Holding(bad_block=bad, function=ACTIVATIONS),
        "repr": lambda bad: Misleading(bad_block=bad),
    }[name](float(stream(0, {"size": 2}, 0).standard_normal((100, 2))[0, 0]))
    with pytest.raises(BlockError, match=r"^block 0 of condition 0 \(size=2\) failed") as e:
        bn.run(study, max_replicates=1000)
    assert e.value.study is study
    with pytest.raises(ZeroDivisionError, match="a bad draw"):
        eval(line_of(e.value), {"bn": bn, "error": e.value})


@dataclass(frozen=True)
class Misleading(Averages):
    def __repr__(self):
        return "Misleading()"


@dataclass(frozen=True)
class Holding(Averages):
    function: object = None


SCRIPT = """
from dataclasses import dataclass
import bnstats as bn

@dataclass(frozen=True)
class Own(bn.Study):
    bad: int = 3

    def conditions(self):
        return [{"n": 1}, {"n": self.bad}]

    def simulate(self, condition, rng, size):
        return {"x": rng.normal(size=size) + 1 / (condition["n"] - self.bad)}

if __name__ == "__main__":
    try:
        bn.run(Own(bad=5), max_replicates=1000)
    except bn.exceptions.BlockError as error:
        line = str(error).splitlines()[-1]
        print(line)
        try:
            eval(line)
        except ZeroDivisionError as again:
            print("again:", again)
"""


def test_the_line_of_a_script_runs_where_the_error_is_caught(tmp_path):
    (tmp_path / "own.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, tmp_path / "own.py"], capture_output=True, text=True, check=True)
    line, again = done.stdout.splitlines()
    assert line == "bn.run_block(error.study, condition=1, block=0, seed=0)"
    assert again == "again: division by zero"


def test_an_exception_without_a_text_does_not_hide_the_block():
    class Mute(Exception):  # noqa: N818
        def __str__(self):
            raise RuntimeError("none")

    error = failure(Averages(), {"size": 2}, 7, 0, Mute())
    assert "block 7 of condition 0 (size=2) failed: Mute: <Mute without a text: RuntimeError>" in str(error)


ACTIVATIONS = np.random.default_rng(0).normal(size=100)


@dataclass(frozen=True)
class Returning(bn.Study):
    """A study whose `simulate` returns what it is told to."""

    what: object = None
    then: object = None

    def conditions(self):
        return [{}]

    def size(self, condition):
        return 10

    def simulate(self, condition, rng, size):
        return self.what if self.then is None or rng.random() < 0.5 else self.then


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (None, r"Returning.simulate returned nothing; return a mapping such as {\"error\": array of 10 replicates}"),
        ({}, "returned {}; return a mapping"),
        (np.zeros(10), r"returned array\(\[0., .*; return a mapping"),
        (
            {"x": np.zeros(7)},
            r"returned an array of shape \(7,\) and type float64 as 'x'; .* 10 replicates, shape \(10,\)",
        ),
        ({"x": 1.0}, r"an array of shape \(\) and type float64 as 'x'"),
        ({"x": []}, r"an array of shape \(0,\)"),
        ({"x": np.zeros((3, 10))}, r"an array of shape \(3, 10\)"),
        ({"x": np.zeros(10, complex)}, "type complex128 as 'x'; return one real number"),
        ({"x": ["a"] * 10}, "type <U1 as 'x'"),
        ({("x", 1): np.zeros(10)}, r"calls a measure \('x', 1\); a name has a value for each of \('measure',\)"),
        (
            {np.int64(3): np.zeros(10)},
            r"calls a measure (np.int64\()?3\)?; a name is made of str, .* int\(n\)",
        ),
        ({np.str_("x"): np.zeros(10)}, "a name is made of str, int"),
        ({frozenset("x"): np.zeros(10)}, r"calls a measure frozenset\({'x'}\); a name is made of"),
        ({(("x",),): np.zeros(10)}, r"calls a measure \(\('x',\),\); a name is made of"),
        ({math.nan: np.zeros(10)}, "calls a measure nan; a name is made of"),
    ],
)
def test_what_simulate_may_not_return_is_said(what, message):
    with pytest.raises(bn.exceptions.BlockError, match=f"block 0 of condition 0 .* failed: ValueError: .*{message}"):
        bn.run(Returning(what))


def test_every_block_has_the_same_measures():
    """Of 100 blocks not all return the one mapping, but for a chance of 2^-99."""
    ten = np.zeros(10)
    with pytest.raises(ValueError, match=r"Returning.simulate has measures \(.* return the same ones in each block"):
        bn.run(Returning({"x": ten}, {"y": ten}), max_replicates=1000)


def test_replicates_that_are_not_finite_are_counted_in_a_warning():
    half = np.where(np.arange(10) < 5, np.nan, 1.0)
    with pytest.warns(
        bn.exceptions.NotFiniteWarning, match="2 of 3 measures have replicates that are NaN or infinite"
    ) as warned:
        table = bn.run(Returning({"x": half, "y": np.ones(10), "z": -np.inf + np.zeros(10)}), max_replicates=40).table
    assert str(warned[0].message).splitlines()[1:] == [
        "measure=x: 20 NaN and 0 infinite of 40 replicates",
        "measure=z: 0 NaN and 40 infinite of 40 replicates",
    ]
    assert np.isfinite(table["value"]).tolist() == [False, True, False]


def test_infinite_replicates_of_what_is_infinite_or_of_a_median_need_no_warning():
    @dataclass(frozen=True)
    class Infinite(Returning):
        def exact(self, condition, key, summary):
            return math.inf

    @dataclass(frozen=True)
    class Median(Returning):
        summaries: ClassVar = ("median_abs_error",)

    given = {"x": np.where(np.arange(10) < 4, np.inf, 1.0)}
    assert bn.run(Infinite(given), max_replicates=40).table["value"].tolist() == [math.inf]
    assert bn.run(Median(given), max_replicates=40).table["value"].tolist() == [1.0]
    with pytest.warns(bn.exceptions.NotFiniteWarning, match="16 NaN and 0 infinite"):
        bn.run(Median({"x": np.where(np.arange(10) < 4, np.nan, 1.0)}), max_replicates=40)


def test_warnings_point_at_the_users_line(tmp_path):
    """Whether `run` is called or a `measure_...` around it, and however deep a damaged block is met."""
    lines = {
        "bn.run": "bn.run(Averages(), precision=0.001, max_replicates=1000)",
        "measure": "bn.measure_convergence('normal', batch_sizes=[2], precision=1e-5, max_replicates=2**5)",
        "nan": "bn.run(Returning({'x': np.full(10, np.nan)}), max_replicates=20)",
    }
    for name, line in lines.items():
        script = tmp_path / f"{name}.py"
        scope = {"__name__": "users_own", "bn": bn, "np": np, "Averages": Averages, "Returning": Returning}
        with pytest.warns((bn.exceptions.PrecisionWarning, bn.exceptions.NotFiniteWarning)) as warned:
            exec(compile(f"\n\n{line}\n", script, "exec"), scope)
        assert {(w.filename, w.lineno) for w in warned} == {(str(script), 3)}


def test_what_cannot_travel_to_another_process_is_refused():
    midrange = bn.Estimator("midrange", lambda x, axis: (x.max(axis) + x.min(axis)) / 2, 0.0)
    with (
        ProcessPoolExecutor(1) as pool,
        pytest.raises(ValueError, match=r"cannot be sent .* top of a module, or use threads"),
    ):
        bn.measure_convergence("normal", estimators=[midrange], executor=pool)


@dataclass(frozen=True)
class Celled(Averages):
    given: object = ()

    def __init__(self, given):
        object.__setattr__(self, "given", given)

    def conditions(self):
        return self.given


@dataclass(frozen=True)
class Misspelt(Averages):
    summaries: ClassVar = ("medain_abs_error",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"precision": 0.0}, "precision is a relative standard error, above 0 and below 1; got 0.0"),
        ({"precision": 1.5}, "got 1.5"),
        ({"precision": math.nan}, "got nan"),
        ({"precision": "a"}, "got 'a'"),
        ({"precision": True}, "got True"),
        ({"max_replicates": 1}, "max_replicates is a whole number of at least 2"),
        ({"max_replicates": "5"}, "got '5'"),
        ({"max_replicates": math.inf}, "got inf"),
        ({"max_replicates": None}, "got None"),
        ({"seed": -1}, "seed is a whole number"),
        ({"seed": 0.5}, "got 0.5"),
        ({"seed": True}, "got True"),
        ({"executor": 0}, r"a number of threads of at least 1, or .*; got 0"),
        ({"executor": "threads"}, "got 'threads'"),
        ({"executor": True}, "or a concurrent.futures.Executor; got True"),
        ({"store": 5}, "store is the path of a file; got 5"),
        ({"progress": "x"}, "progress is True or False; got 'x'"),
        ({"study": Averages}, "study is an object of a class derived from bn.Study; got <class"),
        ({"study": None}, "derived from bn.Study; got None"),
        ({"study": Averages(block=0)}, "Averages.size returns a whole number of at least 1; got 0"),
        ({"study": Averages(block=2.5)}, "got 2.5"),
        ({"study": Celled(5)}, "Celled.conditions returns a list of mappings, one per condition; got 5"),
        ({"study": Celled([(2,)])}, r"got \[\(2,\)\]"),
        ({"study": Misspelt()}, "summary 'medain_abs_error' is not known; did you mean 'median_abs_error'"),
        ({"study": Averages(sizes=())}, "no conditions: give at least one"),
        *[
            ({"study": Celled([{name: 1}])}, f"a condition has a parameter '{name}', which is a column")
            for name in NUMBER_COLUMNS
        ],
    ],
)
def test_bad_arguments_are_refused_before_anything_is_simulated(given, message, monkeypatch):
    monkeypatch.setattr(Averages, "simulate", lambda *_: pytest.fail("was simulated"))
    with pytest.raises(ValueError, match=message):
        bn.run(given.pop("study", Averages()), **given)


@pytest.mark.parametrize(("progress", "shown"), [(True, True), (False, False), (None, False)])
def test_progress_is_shown_where_it_is_wanted(progress, shown):
    with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(io.StringIO()) as out:
        bn.run(Averages(), max_replicates=1000, progress=progress)
    assert ("condition/s" in err.getvalue()) == shown
    assert out.getvalue() == ""


def test_replicates_without_spread_and_infinite_ones_do_not_stop_a_study():
    @dataclass(frozen=True)
    class Odd(bn.Study):
        summaries: ClassVar = tuple(s.name for s in SUMMARIES.values() if not s.of_events and not s.of_model_se)

        def conditions(self):
            return [{"odd": value} for value in (0.0, 1.0, math.inf, math.nan, 1e300)]

        def simulate(self, condition, rng, size):
            return {"odd": np.where(np.arange(size) == 0, condition["odd"], 1.0)}

    with pytest.warns(bn.exceptions.NotFiniteWarning, match="2 of 5 measures"):
        table = bn.run(Odd(), max_replicates=20_000).table
    assert len(table) == 5 * len(Odd.summaries)
    medians = table[table["summary"] == "median_abs_error"]
    # An infinite replicate is far away; where one is NaN, nothing is known.
    np.testing.assert_array_equal(medians["value"], [1.0, 1.0, 1.0, math.nan, 1.0])


SEEDS, REPLICATES = 200, 2000
LAWS = {
    "normal": (stats.norm(), lambda rng, size: rng.standard_normal(size)),
    "exponential": (stats.expon(-1.0), lambda rng, size: rng.standard_exponential(size) - 1.0),
}


@dataclass(frozen=True)
class Draws(bn.Study):
    """Single draws, whose bias, standard error, RMSE and median absolute value are known."""

    summaries: ClassVar = ("bias", "se", "rmse", "median_abs_error")
    key_columns: ClassVar = ("value_of",)
    offset: float = 0.3

    def conditions(self):
        return [{"law": name} for name in LAWS]

    def size(self, condition):
        return REPLICATES

    def simulate(self, condition, rng, size):
        return {"draw": LAWS[condition["law"]][1](rng, size) + self.offset}

    def exact(self, condition, key, summary):
        law = LAWS[condition["law"]][0]

        def chance(m):
            return law.cdf(m - self.offset) - law.cdf(-m - self.offset) - 0.5

        from scipy.optimize import brentq

        known = {"bias": self.offset, "se": 1.0, "rmse": math.hypot(1.0, self.offset)}
        return known[summary] if summary in known else float(brentq(chance, 0.0, 5.0))


def calibration(z):
    """How far mean and variance of standardized errors are from 0 and 1, in standard errors of their own.

    The variance's own error is taken from the fourth moment of z, as it is not quite normal.
    """
    return np.array([z.mean() * np.sqrt(z.size), (z.var() - 1) * np.sqrt(z.size / max(np.var((z - z.mean()) ** 2), 2))])


def test_standardized_errors_have_mean_0_and_variance_1():
    """Two laws, four measures, mean and variance: 16 statistics, normal bound at 1e-7 in all, 5.9 standard errors.

    2000 replicates leave a bias of the order 1/sqrt(2000) in z, a third of a standard error of its mean. Power: an MCSE
    that is too small by a factor of 2 makes a variance of 4, 30 standard errors by the
    normal law, 9 by the sample's own.
    The MCSE of a standard error for normal replicates, SE / sqrt(2 (R - 1)), is that wrong for the exponential.
    """
    runs = pd.concat([bn.run(Draws(), max_replicates=2, seed=s, executor=1).table for s in range(SEEDS)])
    bound = stats.norm.isf(1e-7 / 32)
    for _, rows in runs.groupby(["law", "measure"]):
        assert len(rows) == SEEDS
        z = ((rows["value"] - rows["exact"]) / rows["mcse"]).to_numpy()
        assert np.abs(calibration(z)).max() < bound
    skewed = runs.query("law == 'exponential' and measure == 'se'")
    wrong = (skewed["value"] - 1.0) / (skewed["value"] / np.sqrt(2 * (REPLICATES - 1)))
    assert calibration(wrong.to_numpy())[1] > bound


@dataclass(frozen=True)
class Differences(bn.Study):
    """Two measures that differ in their spread, and their difference, of which no precision is asked."""

    def conditions(self):
        return [{"condition": 0}]

    def simulate(self, condition, rng, size):
        a, b = rng.normal(1, 0.01, size), rng.normal(1, 1, size)
        return {"a": a, "b": b, "a - b": a - b}

    def precision_required(self, condition, key, summary):
        return key != "a - b"


class PairedDifferences(Differences):
    paired: ClassVar = True


def test_measures_that_settle_together_share_their_replicates():
    """Else each has its own number of replicates, and the values do not add up."""
    apart, together = (
        bn.run(kind(), precision=0.005).table.set_index("measure") for kind in (Differences, PairedDifferences)
    )
    assert together["replicates"].nunique() == 1 < apart["replicates"].nunique()
    value = together["value"]
    assert value["a"] - value["b"] == pytest.approx(value["a - b"], rel=1e-9)
    assert apart["value"]["a"] - apart["value"]["b"] != pytest.approx(apart["value"]["a - b"], rel=1e-9)


@dataclass(frozen=True)
class Tied(bn.Study):
    """Half of the values are 1, half 2: which of them the median is, no number of replicates decides."""

    summaries = ("median_abs_error",)
    spread: float = 0.0

    def conditions(self):
        return [{"n": 1}]

    def simulate(self, condition, rng, size):
        return {"x": rng.integers(1, 3, size) + self.spread * rng.random(size)}


def test_no_replicates_are_added_for_a_median_between_atoms():
    """Two atoms: the first look decides it, said by its error and without a warning. A density is simulated further."""
    tied = bn.run(Tied(), precision=1e-3, max_replicates=2**20).table.iloc[0]
    assert tied["replicates"] == 8000
    assert tied["mcse"] > 0.1
    assert not tied["precision_reached"]
    smooth = bn.run(Tied(spread=1.0), precision=1e-3, max_replicates=2**20).table.iloc[0]
    assert smooth["replicates"] > 8000
    assert smooth["precision_reached"]


@pytest.mark.parametrize(
    ("study", "known"), [(Averages(), lambda condition: condition), (Alike(), lambda _: {"stream": "of all sizes"})]
)
def test_cells_have_common_random_numbers_where_their_stream_is_the_same(study, known):
    for place, condition in enumerate(study.conditions()):
        found = bn.run_block(study, condition=place, block=3, seed=7)["mean"]
        expected = stream(7, known(condition), 3).standard_normal((100, condition["size"])).mean(axis=1)
        np.testing.assert_array_equal(found, expected)

"""The options of a run: the same everywhere, declared and documented once."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

import bnstats as bn
from bnstats.simulation.options import DOCUMENTATION, RunOptions, run_options

MEASURING = [bn.run, *(getattr(bn, name) for name in dir(bn) if name.startswith("measure_"))]
every_function = pytest.mark.parametrize("function", MEASURING, ids=lambda f: f.__name__)


@every_function
def test_every_function_that_runs_a_study_takes_and_shows_the_same_options(function):
    parameters = inspect.signature(function).parameters
    assert list(RunOptions.__annotations__) == list(parameters)[-6:]
    assert all(parameters[name].kind is inspect.Parameter.KEYWORD_ONLY for name in RunOptions.__annotations__)
    assert "ForwardRef" not in str(inspect.signature(function))
    assert DOCUMENTATION in function.__doc__
    assert "**options" not in f"{inspect.signature(function)}{function.__doc__}"


def test_options_are_documented_without_the_indentation_of_the_source():
    """Python takes it out of a docstring from 3.13 on."""

    def measure(**options):
        return options

    measure.__doc__ = "Measure.\n\nParameters\n----------\n**options : RunOptions\n\nReturns\n-------\ndict\n"
    assert DOCUMENTATION in run_options(precision=None, max_replicates=2)(measure).__doc__


@every_function
@pytest.mark.parametrize(
    ("name", "value"),
    [("precision", 1.5), ("seed", -1), ("executor", 0), ("store", ""), ("progress", 1), ("max_replicates", 1)],
)
def test_an_option_without_meaning_is_refused_before_anything_else_is_looked_at(function, name, value):
    required = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    with pytest.raises(ValueError, match=f"^{name} is "):
        function(**{p.name: "nothing of the kind" for p in required}, **{name: value})


def test_a_misspelt_option_is_refused_as_python_does():
    with pytest.raises(TypeError, match="unexpected keyword argument 'precison'"):
        bn.measure_convergence("normal", precison=0.1)


def test_options_of_any_type_that_means_the_same():
    given = {"batch_sizes": [4], "estimators": "mean", "precision": None}
    plain = bn.measure_convergence("normal", **given, max_replicates=64, seed=3, executor=2).table
    other = bn.measure_convergence(
        "normal", **given, max_replicates=64.0, seed=np.int8(3), executor=np.int64(2), progress=np.False_
    ).table
    assert plain.equals(other)


def test_a_seed_sequence_is_a_seed(tmp_path: Path) -> None:
    """One of a whole number is that number; spawned ones are seeds of their own, the same in every process."""
    from numpy.random import SeedSequence

    given = {"batch_sizes": [4], "estimators": ["mean"], "max_replicates": 64, "precision": None}
    seeds = 7, SeedSequence(7), SeedSequence(7).spawn(1)[0], SeedSequence(7, spawn_key=(0,)), SeedSequence([7, 0])
    values = [bn.measure_convergence("normal", seed=seed, **given).table["value"].tolist() for seed in seeds]
    plain, same, child, again, other = values
    assert plain == same
    assert child == again
    assert len({tuple(values) for values in (plain, child, other)}) == 3
    store = tmp_path / "s.sqlite"
    bn.measure_convergence("normal", seed=SeedSequence(7).spawn(1)[0], store=store, **given)
    with pytest.raises(ValueError, match="holds another study, with seed"):
        bn.measure_convergence("normal", seed=SeedSequence(7).spawn(2)[1], store=store, **given)
    with pytest.raises(ValueError, match=r"or a SeedSequence; got Generator\(PCG64\).* which has no identity"):
        bn.measure_convergence("normal", seed=np.random.default_rng(7), **given)

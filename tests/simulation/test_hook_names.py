"""A method or class attribute that a run would ignore is refused; helpers and fields are free."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import pytest

import bnstats as bn
import bnstats.studies
from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import Measure, Measures
from bnstats.claims.interval_methods import Bounded
from bnstats.simulation.checks import check_names


@dataclass(frozen=True)
class Uniform(bn.Study):
    def conditions(self):
        return [{"n": 1}]

    def simulate(self, condition, rng, size):
        return {"x": rng.random(size)}


def method(parameters: str) -> Any:
    return eval(f"lambda self, {parameters}: 1")


def own(**members: Any) -> bn.Study:
    """An object of a class "Own" with these members."""
    return dataclass(frozen=True)(type("Own", (Uniform,), members))()


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("targets", method("condition, key"), "target"),
        ("taget", method("condition, key"), "target"),
        ("value_ranges", method("condition, key"), "value_range"),
        ("sizes", method("condition"), "size"),
        ("summary_of", method("condition, key"), "summaries_of"),
        ("tail_idex", method("condition, key, replicates"), "tail_index"),
        ("max_replicate_of", staticmethod(eval("lambda condition, most: 10")), "max_replicates_of"),
        ("sumaries", ("mean", "se"), "summaries"),
        ("key_colums", ("measure",), "key_columns"),
        ("sample_heavy_tail", property(method("")), "sample_heavy_tails"),
    ],
)
def test_misspelled_names_are_refused_with_the_name_that_is_meant(name, value, meant):
    with pytest.raises(ValueError, match=rf"^Own has a .* {name}, which a run does not use; did you mean {meant}\?"):
        bn.run(own(**{name: value}), max_replicates=1000)


def test_a_single_block_and_a_claim_are_refused_too():
    study = own(targets=method("condition, key"))
    with pytest.raises(ValueError, match="did you mean target"):
        bn.run_block(study, condition=0, block=0)
    evidence = Measures(((Measure(study, "x"), 1.0),))
    with pytest.raises(ValueError, match="did you mean target"):
        bn.check_claims(Claim("own", "s", "s", "q", Region.above(0.4), Bounded(0, 1), evidence))


@dataclass(frozen=True)
class Free(Uniform):
    """Fields, helpers of other parameters or beside the method, private names and nested classes are free."""

    draws: int = 3
    origin: float = 0.0
    targets: tuple[float, ...] = (0.0,)
    table: ClassVar = {}

    class Size:
        """A nested class."""

    def target(self, condition, key):
        return self.target_of(condition, key)

    def target_of(self, condition, key):
        return 0.0

    def sizes(self, condition, key):
        return 1

    def _span(self, condition, key):
        return 1.0

    @cached_property
    def columns_of(self):
        return {}


def test_other_names_are_free():
    bn.run(Free(), max_replicates=1000)


def subclasses(kind: type) -> set[type]:
    return {kind} | {below for own in kind.__subclasses__() for below in subclasses(own)}


def test_every_study_of_this_package_has_names_that_are_used():
    for module in pkgutil.walk_packages(bnstats.studies.__path__, "bnstats.studies."):
        importlib.import_module(module.name)
    for kind in subclasses(bn.Study):
        if kind.__module__.startswith("bnstats."):
            check_names(kind)
    assert len(subclasses(bn.Study)) > 6

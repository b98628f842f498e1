"""Streams depend on what is simulated, on nothing else."""

import functools
import os
import subprocess
import sys
import types
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bnstats as bn
from bnstats.simulation.identity import canonical, digest, side_stream, stream

# Made anew in another process: everything of which an identity is promised.
MAKER = """
import functools, math
from dataclasses import dataclass
import numpy as np
from scipy import stats
import bnstats as bn

@dataclass(frozen=True)
class Rule:
    sizes: tuple
    scale: float

    def scaled(self, x):
        return x * self.scale

def outer(k):
    def inner(x, *, shift=1.0):
        return x * k + shift if x in {"one", "two", "three"} else [lambda: x]
    return inner

THINGS = [
    None, True, 3, 0.1, float("inf"), "text", np.float32(0.5), np.int64(7), (1, (2, 3)),
    {"b": 1, "a": [2]}, frozenset({"x", "y", "z", 1}), np.arange(6.0).reshape(2, 3), Rule((1, 2), 0.5),
    Rule((1, 2), 0.5).scaled, outer(2), functools.partial(outer, k=3), math.sqrt, np.sin, np.median, Rule,
    bn.Population.of("t3"), bn.Population.of(stats.gamma(2.0)), bn.Population.of([1.0, 2.0]), bn.IID(),
    bn.Clustered(icc=0.25), bn.ESTIMATORS["inv_std"],
]
"""


def made():
    scope = {"__name__": "maker"}
    exec(MAKER, scope)
    return scope


def elsewhere(hash_seed):
    code = MAKER + "from bnstats.simulation.identity import digest\nprint(*map(digest, THINGS))"
    run = f"exec({code!r}, {{'__name__': 'maker'}})"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", run], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_identities_are_the_same_in_every_process_and_differ_from_each_other():
    here = [digest(thing) for thing in made()["THINGS"]]
    assert elsewhere("1") == here
    assert elsewhere("2") == here
    assert len(set(here)) == len(here)


def function(body, closed=0, **defaults):
    scope = {"closed": closed, **defaults}
    exec(f"def made(closed):\n    def f{body}\n    return f\nf = made(closed)", scope)
    return scope["f"]


def test_functions_of_one_name_differ_by_code_constants_names_defaults_and_what_they_close_over():
    bodies = [
        "(x): return x",
        "(x): return -x",
        "(x): return x + 1",
        "(x): return x + 1.0",
        "(x): return x.real",
        "(x): return x.imag",
        "(x, k=1): return x",
        "(x, k=2): return x",
        "(x, *, k=1): return x",
        "(x, *, k=2): return x",
        "(x): return [x for _ in range(2)]",
        "(x): return [x for _ in range(3)]",
        "(x): return x in {1, 2}",
        "(x): return x in {1, 3}",
        "(*x): return x",
        "(**x): return x",
        "(*, x): return x",
        "(x, /): return x",
    ]
    marks = [digest(function(body)) for body in bodies]
    marks += [digest(function("(x): return x * closed", closed=k)) for k in (1, 2, np.arange(2), np.arange(3))]
    assert len(set(marks)) == len(marks)
    assert digest(function(bodies[0])) == marks[0]
    assert canonical(function(bodies[0]))[0][0] == canonical(function(bodies[1]))[0][0]


NESTED = {
    "lambda": ("(x): return (lambda y: y * {})(x)", "2.0"),
    "a lambda's default": ("(x): return (lambda y, k={}: y * k)(x)", "2.0"),
    "list": ("(x): return [y * {} for y in x]", "2.0"),
    "set": ("(x): return {{y * {} for y in x}}", "2.0"),
    "dict": ("(x): return {{y: y * {} for y in x}}", "2.0"),
    "generator": ("(x): return sum(y * {} for y in x)", "2.0"),
    "condition": ("(x): return [y for y in x if y > {}]", "2.0"),
    "function": ("(x):\n        def g(y): return y * {}\n        return g(x)", "2.0"),
    "class": ("(x):\n        class G:\n            def __call__(self, y): return y * {}\n        return G()(x)", "2.0"),
    "two deep": ("(x): return (lambda y: [z * {} for z in y])(x)", "2.0"),
    "name": ("(x): return (lambda y: y.{})(x)", "real"),
    "parameters": ("(x): return (lambda {}y: y)(x)", ""),
    "free": ("(x): return (lambda y: y + {})(x)", "closed"),
}


@pytest.mark.parametrize("body", NESTED)
def test_what_stands_inside_a_function_is_part_of_it(body):
    """A change inside a nested function, lambda, comprehension or class is another function."""
    text, before = NESTED[body]
    after = {"2.0": "3.0", "real": "imag", "": "*", "closed": "x"}[before]
    was, again, now = (function(text.format(part)) for part in (before, before, after))
    assert digest(was) == digest(again) != digest(now)


def test_what_is_caught_is_part_of_a_function():
    bodies = [
        "(x):\n        x()\n        try: x()\n        except KeyError: pass",
        "(x):\n        try:\n            x()\n            x()\n        except KeyError: pass",
        "(x):\n        try: x()\n        except ValueError: pass",
    ]
    assert len({digest(function(body)) for body in bodies}) == len(bodies)


def test_arrays_differ_by_value_shape_and_type_not_by_layout():
    x = np.arange(6.0).reshape(2, 3)
    marks = [digest(y) for y in (x, x.T, x.ravel(), x.astype("f4"), -x)]
    assert len(set(marks)) == len(marks)
    assert digest(np.asfortranarray(x)) == digest(x[::1]) == marks[0]


def test_dataclasses_differ_by_class_and_fields():
    @dataclass(frozen=True)
    class Left:
        n: int

        def times(self, x):
            return self.n * x

    @dataclass(frozen=True)
    class Right:
        n: int

    marks = [digest(v) for v in (Left(1), Left(2), Right(1), Left, Left(1).times, Left(2).times)]
    assert len(set(marks)) == len(marks)


def test_a_population_is_what_is_drawn_whatever_its_name():
    assert digest(bn.Population.of("normal")) == digest(bn.Population.of("normal", name="gauss"))
    assert digest(bn.Population.of([1.0, 2.0])) != digest(bn.Population.of([2.0, 1.0]))


class Opaque:
    def method(self):
        """Means nothing without its object."""


@pytest.mark.parametrize(
    "thing",
    [Opaque(), Opaque().method, {"a": [Opaque()]}, np.array([Opaque()]), functools.partial(max, Opaque()), 1j, {1, 2},
     np.random.default_rng(0).normal, function("(x): return closed", closed=Opaque())],
)  # fmt: skip
def test_what_has_no_stable_identity_is_refused(thing):
    with pytest.raises(ValueError, match="no stable identity: make it a frozen dataclass"):
        digest(thing)


def test_a_stream_depends_on_seed_cell_and_block_and_not_on_order():
    first = stream(0, {"n": 2, "rule": "a"}, 3).random(4).tolist()
    assert stream(0, {"rule": "a", "n": 2}, 3).random(4).tolist() == first
    others = [
        stream(*key).random(4).tolist()
        for key in [
            (1, {"n": 2, "rule": "a"}, 3),
            (2**70, {"n": 2, "rule": "a"}, 3),
            (0, {"n": 3, "rule": "a"}, 3),
            (0, {"n": 2, "rule": "b"}, 3),
            (0, {"m": 2, "rule": "a"}, 3),
            (0, {"n": 2, "rule": "a"}, 4),
            (0, {"n": 2, "rule": "a"}, 0),
        ]
    ]
    assert len({tuple(draws) for draws in [first, *others]}) == 8


def test_a_side_stream_is_another_one_and_leaves_its_parent_alone():
    rng = stream(0, {"n": 2}, 0)
    sides = [side_stream(rng, key).random() for key in (0, 1)]
    assert rng.random() == stream(0, {"n": 2}, 0).random()
    assert len({*sides, stream(0, {"n": 2}, 0).random(), stream(0, {"n": 2}, 1).random()}) == 4
    assert side_stream(stream(0, {"n": 2}, 0), 1).random() == sides[1]


SOURCE = """
from dataclasses import dataclass

import bnstats as bn


@dataclass(frozen=True)
class Doubled:
    factor: float = 2.0

    def scaled(self, x):
        return self.factor * x


def scale(x):
    return 3.0 * x


MEANING = (Doubled(), Doubled, scale, bn.IID(), bn.Population.of("normal"))
"""


def defined_in(module: str, source: str) -> tuple[Any, ...]:
    """What a file of that name defines; `__main__` is a script that is run."""
    space = {"__name__": module}
    sys.modules.setdefault(module, types.ModuleType(module))
    exec(compile(source, f"{module}.py", "exec"), space)
    return space["MEANING"]


def test_a_stream_does_not_depend_on_the_file_in_which_a_class_or_function_stands():
    imported, run_as_script = defined_in("study", SOURCE), defined_in("__main__", SOURCE)
    assert [digest(each) for each in imported] == [digest(each) for each in run_as_script]
    for old, new in (("self.factor * x", "self.factor + x"), ("3.0 * x", "4.0 * x"), ("Doubled", "Tripled")):
        assert digest(imported) != digest(defined_in("study", SOURCE.replace(old, new)))


def test_classes_of_the_package_go_by_their_public_names():
    assert canonical(bn.IID()) == ["bnstats.IID", {}]
    assert canonical(bn.Population.of("normal"))[0] == "bnstats.Population"

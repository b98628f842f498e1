"""Docstrings of all public objects pass the validation of numpydoc."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import bnstats as bn

pytest.importorskip("numpydoc")
from numpydoc.docscrape import ClassDoc, FunctionDoc
from numpydoc.validate import validate


def named() -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each public function and class."""
    for name in dir(bn):
        value = getattr(bn, name)
        # Callbacks are classes of frameworks, and importing one can need a backend that is not installed.
        inner = [n for n in value.__all__ if not n.endswith("Callback")] if isinstance(value, ModuleType) else [None]
        for path, thing in ((f"{name}.{n}", getattr(value, n)) if n else (name, value) for n in inner):
            if callable(thing):
                yield f"bnstats.{path}", thing


def members(thing: Any) -> Iterator[str]:
    """Yield the names of the public methods and properties that a class defines."""
    fields = {field.name for field in dataclasses.fields(thing)} if dataclasses.is_dataclass(thing) else set()
    for name, member in vars(thing).items():
        offered = inspect.isroutine(member) or isinstance(member, property | cached_property)
        made = hasattr(member, "__module__") and not str(member.__module__).startswith(
            "bnstats"
        )  # scikit-learn adds some
        if offered and not made and not name.startswith("_") and name not in fields:
            yield name


PUBLIC = dict(named())
MEMBERS = [f"{path}.{name}" for path, thing in PUBLIC.items() if isinstance(thing, type) for name in members(thing)]


def object_at(path: str) -> tuple[Any, Any]:
    """Return the public object and the class that it is a member of, or None."""
    if path in PUBLIC:
        return PUBLIC[path], None
    owner, _, name = path.rpartition(".")
    return inspect.getattr_static(PUBLIC[owner], name), PUBLIC[owner]


def documented_parameters(path: str) -> set[str]:
    """Return the names that a docstring has as parameters or attributes, or that a base class has."""
    thing, owner = object_at(path)
    if owner is None:
        docs = [ClassDoc(cls) for cls in thing.__mro__[:-1]] if isinstance(thing, type) else [FunctionDoc(thing)]
    else:
        docs = [FunctionDoc(member) for member in overridden(path.rpartition(".")[2], owner)]
    found = {part.name for doc in docs for section in ("Parameters", "Attributes") for part in doc[section]}
    return {name.strip().lstrip("*") for names in found for name in names.split(",")}


def overridden(name: str, owner: type) -> list[Any]:
    """Return what the class and its bases define under a name."""
    found = [vars(cls)[name] for cls in owner.__mro__ if name in vars(cls)]
    return [getattr(member, "__func__", getattr(member, "fget", None) or member) for member in found]


def excused(path: str) -> Iterator[str]:
    """Yield the codes of findings that something else makes up for."""
    thing, owner = object_at(path)
    yield from ("ES01", "SA01")  # neither an extended summary nor other objects to see are asked for
    if owner or inspect.isabstract(thing) or (isinstance(thing, type) and issubclass(thing, BaseException)):
        yield "EX01"  # examples show objects that one can make
    bases = overridden(path.rpartition(".")[2], owner)[1:] if owner else []
    if any(inspect.getdoc(base) for base in bases):
        yield from ("GL08", "RT01")
    forward_or_backward = path.startswith("bnstats.normalizers.") and path.endswith((".forward", ".backward"))
    if forward_or_backward or parameters(thing) <= documented_parameters(path):
        yield "PR01"  # `Normalizer` describes what its two functions take


def parameters(thing: Any) -> set[str]:
    """Return the names of the parameters; none of a property or of an exception that takes whatever Exception takes."""
    if not callable(thing) or (isinstance(thing, type) and "__init__" not in vars(thing)):
        return set()
    named = set(inspect.signature(thing).parameters) - {"self", "cls", "args", "kwargs"}
    return {name for name in named if not name.startswith("_")}


def faults(path: str) -> list[str]:
    """Return what numpydoc finds in a docstring, except what is excused."""
    found = dict(validate(path)["errors"])
    return [f"{code} {text}" for code, text in found.items() if code not in set(excused(path))]


@pytest.mark.parametrize("path", [*PUBLIC, *MEMBERS])
def test_docstring_is_valid(path: str) -> None:
    assert not faults(path)


REFUSING = [
    path
    for path, thing in PUBLIC.items()
    if inspect.isfunction(thing) and re.search(r"raise \w+Error|@checked|@run_options", inspect.getsource(thing))
]


@pytest.mark.parametrize("path", REFUSING)
def test_function_that_refuses_arguments_says_so(path: str) -> None:
    assert FunctionDoc(PUBLIC[path])["Raises"]


def test_faults_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_sums.py").write_text('def total(x, weights):\n    """what a sum is"""\n    return x * weights\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(PUBLIC, "own_sums.total", importlib.import_module("own_sums").total)
    codes = {fault.split()[0] for fault in faults("own_sums.total")}
    assert {"SS02", "SS03", "PR01", "RT01", "EX01"} <= codes

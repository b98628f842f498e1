"""Objects written as Python code, for a line that somebody is to run again; nothing is ever evaluated."""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from bnstats._checks.values import instance

_PACKAGE = __name__.partition(".")[0]
# Larger arrays are variables of the reader's.
SMALL = 8


class Written:
    """Code of objects, with the imports that it needs, and the variables in it that its reader has to fill in.

    An object with a method `as_code(written)` says itself how it is written.

    Examples
    --------
    >>> written = Written()
    >>> written(("t3", 0.5, np.arange(100), math.sqrt), "given")
    "('t3', 0.5, given, sqrt)"
    >>> written.line("run(given)"), written.where()
    ('from math import sqrt; run(given)', ', where given is your array of shape (100,) and type int64')
    """

    def __init__(self) -> None:
        self._homes: dict[str, str] = {}
        self._variables: dict[str, Any] = {}

    def __call__(self, value: Any, name: str = "value") -> str:
        """The code of an object; where it cannot be written, a variable of about this name."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or type(value) in (bool, int, str):
            return repr(value)
        if type(value) is float:
            return repr(value) if math.isfinite(value) else f"float({str(value)!r})"
        if type(value) in (tuple, list, set, frozenset, dict):
            return self._container(value, name)
        if isinstance(value, type):
            return self._imported(value) or self._variable(value, name)
        if hasattr(value, "as_code"):
            return str(value.as_code(self))
        return self._object(value, name) or self._imported(value) or self._variable(value, name)

    def public(self, path: str) -> str:
        """A public name of this package."""
        self._homes["bn"] = _PACKAGE
        return f"bn.{path}"

    def line(self, call: str) -> str:
        """A line that imports what the code needs, and then does this."""
        imports = [
            f"import {home} as {name}" if name == "bn" else f"from {home} import {name}"
            for name, home in self._homes.items()
        ]
        return "; ".join([*imports, call])

    def where(self) -> str:
        """What the variables are, to go behind a sentence; empty if there are none."""
        explained = [f"{name} is {_described(value)}" for name, value in self._variables.items()]
        return f", where {' and '.join(explained)}" if explained else ""

    def _container(self, value: Any, name: str) -> str:
        if isinstance(value, dict):
            return f"{{{', '.join(f'{self(key, name)}: {self(part, name)}' for key, part in value.items())}}}"
        parts = ", ".join(self(part, name) for part in value)
        if isinstance(value, tuple):
            return f"({parts},)" if len(value) == 1 else f"({parts})"
        return f"[{parts}]" if isinstance(value, list) else f"{type(value).__name__}([{parts}])"

    def _object(self, value: Any, name: str) -> str | None:
        if isinstance(value, np.ndarray):
            return self._array(value)
        if hasattr(value, "dist") and hasattr(value, "rvs"):
            return self._law(value)
        if isinstance(value, functools.partial):
            given = [self(value.func, name), *(self(part, name) for part in value.args)]
            return self._called(functools.partial, [*given, *(f"{k}={self(v, k)}" for k, v in value.keywords.items())])
        if dataclasses.is_dataclass(value) and _is_made_of_its_fields(type(value)):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            if self._imported(type(value)) is None:
                return None
            return self._called(type(value), [f"{field}={self(part, field)}" for field, part in fields.items()])
        owner = getattr(value, "__self__", None)
        if owner is not None and not isinstance(owner, ModuleType):
            return f"{self(owner, name)}.{value.__name__}"
        return None

    def _array(self, value: Any) -> str | None:
        if value.size > SMALL or value.dtype.kind not in "biuf":
            return None
        return self._called(np.array, [self(value.tolist()), f"dtype={value.dtype.str!r}"])

    def _law(self, law: Any) -> str | None:
        """A frozen distribution of SciPy's own families."""
        family: Any = law.dist
        if type(_found("scipy.stats", str(family.name))) is not type(family):
            return None
        self._homes["stats"] = "scipy"
        given = [*map(self, law.args), *(f"{key}={self(part, key)}" for key, part in law.kwds.items())]
        return f"stats.{family.name}({', '.join(given)})"

    def _called(self, function: Any, arguments: list[str]) -> str:
        return f"{self._imported(function)}({', '.join(arguments)})"

    def _imported(self, value: Any) -> str | None:
        """The name of a function or class that can be imported by it."""
        path = str(getattr(value, "__qualname__", None) or getattr(value, "__name__", ""))
        module = str(getattr(value, "__module__", None) or "numpy")  # a ufunc names no module
        head = path.partition(".")[0]
        if module.partition(".")[0] == _PACKAGE and _found(_PACKAGE, path) is value:
            return self.public(path)
        if not path or _found(module, path) is not value or self._homes.get(head, module) != module:
            return None
        if module != "builtins":
            self._homes[head] = module
        return path

    def _variable(self, value: Any, name: str) -> str:
        held = next((known for known, other in self._variables.items() if other is value), None)
        if held is not None:
            return held
        stem = free = name if name.isidentifier() else "value"
        number = 2
        while free in self._variables or free in self._homes:
            free, number = f"{stem}_{number}", number + 1
        self._variables[free] = value
        return free


def _found(module: str, path: str) -> Any:
    """What has this name in a module that is imported; None if there is nothing."""
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def _is_made_of_its_fields(kind: type) -> bool:
    """Whether its constructor takes all its fields, and nothing else."""
    generated = "__init__" in vars(kind) and kind.__dataclass_params__.init  # type: ignore[attr-defined]
    return generated and all(field.init for field in dataclasses.fields(kind))


def _described(value: Any) -> str:
    """How a variable's value is described to the reader."""
    if isinstance(value, np.ndarray):
        return f"your array of shape {value.shape} and type {value.dtype}"
    if isinstance(value, FunctionType):
        place = f"({Path(value.__code__.co_filename).name}, line {value.__code__.co_firstlineno})"
        return f"your {'lambda' if value.__name__ == '<lambda>' else f'function {value.__name__}'} {place}"
    if isinstance(value, type):
        return f"your class {value.__qualname__}"
    return f"your object of class {type(value).__qualname__}"


def written_of(name: str, given: Any) -> Written:
    """What collects a line of code, and nothing else."""
    written: Written = instance(name, given, Written, "bnstats._written.Written()")
    return written

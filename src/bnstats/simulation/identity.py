"""Definition of a study for its store: settings, seed, simulating code, and versions of libraries.

The code of this package is recorded as a whole, so that no change of it is served old blocks. Recorded code of the user
is that of the study's methods, of the objects in its fields and conditions, and of the functions in these. It includes
all functions, classes and constants of their own module that this code names. Not recorded are functions imported from
other modules (known by their name), libraries other than NumPy and SciPy, objects without a stable identity, and
lookups at run time: files, the environment, `getattr`. A dict or list that is filled at run time counts as a changed
constant.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import CodeType, FunctionType, MappingProxyType, MethodType
from typing import Any

from bnstats.simulation.streams import bytecode, canonical, digest, function_of, name_of
from bnstats.simulation.study import Condition, Study
from bnstats.simulation.summaries import histogram

_PACKAGE = __name__.partition(".")[0]
# Versions identify the code of these libraries; Python's bytecode identifies the version of Python.
_KNOWN_BY_VERSION = ("numpy", "scipy")
_COVERED = {_PACKAGE, *_KNOWN_BY_VERSION, *sys.stdlib_module_names}
# Members of a study that do not change a block.
_DESCRIBE = (
    *(
        "always_equal",
        "conditions",
        "columns",
        "cache_key",
        "draws_per_replicate",
        "exact",
        "grid",
        "key_columns",
        "model_se",
        "paired",
    ),
    *("sample_heavy_tails", "value_range", "summaries", "summaries_of", "tail_index", "precision_required"),
)

Part = tuple[str, Any]


def definition(study: Study, seed: int) -> dict[str, Any]:
    """Return the facts that blocks of a study depend on, besides condition and block, as a JSON value."""
    return description(study) | {"seed": int(seed)} | libraries()


def description(study: Study) -> dict[str, Any]:
    """Return the name, settings and code of a study, which its blocks depend on, as a JSON value."""
    fields = {f.name: getattr(study, f.name) for f in dataclasses.fields(study) if f.name not in study.grid}
    return {
        "study": name_of(type(study)),
        "settings": {name: canonical(value) for name, value in fields.items()},
        "code": code((type(study), *fields.values())),
        "histogram": histogram(study.summaries),
    }


def libraries() -> dict[str, Any]:
    """Return the versions of the libraries that simulate, and a digest of this package's source."""
    own = f"{version(_PACKAGE)}, source {_source()}"
    return {_PACKAGE: own} | {library: version(library) for library in _KNOWN_BY_VERSION}


def condition_key(condition: Condition, content: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Return the key of a condition in a store.

    It is a digest of the parameters, the user's own code in them, and the condition's cache key.
    """
    parts = [code(tuple(condition.values())), content]
    return digest([condition, *parts]) if any(parts) else digest(condition)


def code(value: Any) -> dict[str, Any]:
    """Return the user's own code in an object, by name: a digest of each function, and each constant."""
    found: dict[str, list[Any]] = {}
    for name, mark in _marks("", value, set()):
        found.setdefault(name, []).append(mark)
    return {name: marks[0] if len(marks) == 1 else digest(marks) for name, marks in found.items()}


@functools.cache
def _source() -> str:
    """Return a digest of this package's source."""
    mark = hashlib.blake2b(digest_size=8)
    for name, text in sorted(_modules(files(_PACKAGE))):
        mark.update(name.encode() + b"\0" + text + b"\0")
    return mark.hexdigest()


def _modules(folder: Traversable) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from ((f"{entry.name}/{name}", text) for name, text in _modules(entry))
        elif entry.name.endswith(".py"):
            yield entry.name, entry.read_bytes()


def _marks(label: str, value: Any, seen: set[int]) -> Iterator[Part]:
    """Return the bytecode of functions, and the constants that have a label, in `value` and all its parts."""
    if isinstance(value, FunctionType | type) or hasattr(value, "__wrapped__"):
        if id(value) in seen or str(value.__module__).partition(".")[0] in _COVERED:
            return
        seen.add(id(value))
    if isinstance(value, FunctionType):
        yield label or name_of(value), digest(bytecode(value.__code__))[:16]
    parts = list(_parts(label, value))
    for part in parts:
        yield from _marks(*part, seen)
    if label and not parts:
        with suppress(ValueError):  # an object without a stable identity is not recorded
            yield label, canonical(frozenset(value) if isinstance(value, set) else value)


def _parts(label: str, value: Any) -> Iterator[Part]:
    """Return the parts of an object; fields and conditions have no label, as they are recorded elsewhere."""

    def below(name: Any) -> str:
        return label and f"{label}.{name}"

    if isinstance(value, FunctionType):
        yield from _parts_of_function(value)
    elif isinstance(value, type):
        yield from _parts_of_class(value)
    elif isinstance(value, MethodType):
        yield from (("", value.__func__), (label, value.__self__))
    elif isinstance(value, functools.partial):
        yield from ((label, value.func), (label, value.args), (label, value.keywords))
    elif hasattr(value, "__wrapped__"):
        yield label, value.__wrapped__
    elif isinstance(value, Mapping):
        yield from ((below(key), part) for key, part in value.items())
    elif isinstance(value, tuple | list):
        yield from ((below(i), part) for i, part in enumerate(value))
    elif dataclasses.is_dataclass(value) or hasattr(value, "identity"):
        yield "", type(value)
        if hasattr(value, "identity"):
            yield label, value.identity
        else:
            yield from ((below(f.name), getattr(value, f.name)) for f in dataclasses.fields(value))


def _parts_of_function(function: FunctionType) -> Iterator[Part]:
    """Return a function's defaults, closure and globals; of functions from other modules only the name."""
    name, globals_ = name_of(function), function.__globals__
    yield f"{name}.defaults", (function.__defaults__, function.__kwdefaults__)
    for free, closed in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield f"{name}.{free}", closed.cell_contents
    for used in sorted(_names(function.__code__) & globals_.keys()):
        value = globals_[used]
        own = not hasattr(value, "__qualname__") or value.__module__ == function.__module__
        yield used, value if own else name_of(value)


def _names(code: CodeType) -> set[str]:
    return set(code.co_names).union(*(_names(c) for c in code.co_consts if isinstance(c, CodeType)))


def _parts_of_class(kind: type) -> Iterator[Part]:
    """Return a class's methods, the class attributes that they name, and its bases."""
    left_out = {f.name for f in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    left_out |= set(_DESCRIBE if issubclass(kind, Study) else ())
    members = {name: function_of(value) for name, value in vars(kind).items() if name not in left_out}
    methods = {
        name: value
        for name, value in members.items()
        if isinstance(value, FunctionType) and (not name.startswith("__") or name in ("__call__", "__post_init__"))
    }
    named = set().union(*(_names(f.__code__) for f in methods.values()))
    attributes = {name: value for name, value in members.items() if name in named and not name.startswith("__")}
    yield from ((f"{name_of(kind)}.{name}", value) for name, value in (attributes | methods).items())
    yield from (("", base) for base in kind.__bases__)

"""Identity of studies: what makes two objects the same, the streams that follow from it, and what a store belongs to.

A stream depends on the seed, the condition and the block, never on workers. A store belongs to a definition: settings,
seed, simulating code, and versions of libraries.

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
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import numpy as np
from numpy.random import SFC64, Generator, SeedSequence

from bnstats._checks.user_code import LENDING
from bnstats.simulation.study import Condition, Study
from bnstats.simulation.summaries.registry import histogram

_PACKAGE = __name__.partition(".")[0]
# Flags of a function: it takes *args, it takes **kwargs, it is a generator.
_KINDS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS | inspect.CO_GENERATOR
# Versions identify the code of these libraries; Python's bytecode identifies the version of Python.
_KNOWN_BY_VERSION = ("numpy", "scipy")
_COVERED = {_PACKAGE, *_KNOWN_BY_VERSION, *sys.stdlib_module_names}
# Members of a study that do not change a block.
_DESCRIBE = (
    *("always_equal", "conditions", "columns", "cache_key", "draws_per_replicate", "exact", "grid", "key_columns"),
    *("model_se", "paired", "sample_heavy_tails", "value_range", "summaries", "summaries_of", "tail_index"),
    "precision_required",
)

Part = tuple[str, Any]


def canonical(value: Any) -> Any:
    """Return the stable JSON identity of an object.

    Two objects have equal identities exactly if they mean the same, in any process and session. Data are identified by
    a digest, dataclasses by their fields, and an object with an attribute `identity` by that attribute. Functions and
    classes of this package are identified by their public name, a user's by qualified name and code. Files and modules
    do not matter: a class may move to another file, and a script may be run or imported.

    Raises
    ------
    ValueError
        If an object has no stable identity.

    Examples
    --------
    >>> canonical({"b": np.float64(0.5), "a": (1, None)})
    {'a': [1, None], 'b': 0.5}
    """
    if isinstance(value, np.generic) and not isinstance(value.item(), np.generic):
        return canonical(value.item())
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return ["array", value.dtype.str, list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]
    if isinstance(value, Mapping):
        return {str(key): canonical(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, tuple | list | frozenset):
        members = [canonical(v) for v in value]
        return sorted(members, key=json.dumps) if isinstance(value, frozenset) else members
    if hasattr(value, "identity"):
        return [_meaning(type(value)), canonical(value.identity)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: canonical(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return [_meaning(type(value)), fields]
    if isinstance(value, functools.partial):
        return ["partial", canonical(value.func), canonical(value.args), canonical(value.keywords)]
    if isinstance(value, FunctionType):
        closed = [cell.cell_contents for cell in value.__closure__ or ()]
        return [_meaning(value), canonical([value.__defaults__, value.__kwdefaults__, closed])]
    owner = getattr(value, "__self__", None)
    if owner is not None and not isinstance(owner, ModuleType):  # the identity of a method includes its object
        return ["method", canonical(owner), canonical(getattr(value, "__func__", value.__name__))]
    if hasattr(value, "__qualname__") or isinstance(value, np.ufunc):
        return _meaning(value)
    raise ValueError(f"{value!r} has no stable identity: make it a frozen dataclass, a plain value or a function.")


def name_of(value: Any) -> str:
    """Return the name of a function or class.

    The name is the public one for this package, the qualified one for other Python code, and includes the module for
    compiled code.

    >>> name_of(canonical), name_of(np.sin), name_of(len)
    ('bnstats.canonical', 'numpy.sin', 'builtins.len')
    """
    module, name = _module(value), getattr(value, "__qualname__", getattr(value, "__name__", ""))
    if module.partition(".")[0] == _PACKAGE:
        return f"{_PACKAGE}.{name}"
    return name if _code(value) else f"{module}.{name}"


def _module(value: Any) -> str:
    return str(getattr(value, "__module__", None) or "numpy")  # ufuncs of NumPy have no __module__


def _meaning(value: Any) -> Any:
    """Return the name of a function or class, with its code if the name alone does not identify it."""
    name = name_of(value)
    public = name.startswith(f"{_PACKAGE}.") and "<" not in name
    code = [] if public else _code(value)
    return [name, code] if code else name


def _code(value: Any) -> list[Any]:
    """Return the bytecode of a function, or of a class's methods and its bases; empty without Python code."""
    if isinstance(value, FunctionType):
        return bytecode(value.__code__)
    return _code_of_class(value) if isinstance(value, type) else []


@functools.cache
def _code_of_class(kind: type) -> list[Any]:
    covered = (_PACKAGE, "builtins", "abc", "typing")
    bases = [base for base in kind.__mro__ if _module(base).partition(".")[0] not in covered]
    functions = {
        name: function
        for base in reversed(bases)
        for name, member in vars(base).items()
        if isinstance(function := function_of(member), FunctionType) and not _is_generated(name)
    }
    return [[name, bytecode(function.__code__)] for name, function in sorted(functions.items())]


def _is_generated(name: str) -> bool:
    """Return True for methods that Python or dataclasses may generate; their code depends on the version."""
    return name.startswith("__") and name not in ("__call__", "__post_init__")


def function_of(member: Any) -> Any:
    """Return the Python function in a static, class or compiled method, a property or a cached property."""
    if isinstance(member, staticmethod | classmethod):
        return function_of(member.__func__)
    if hasattr(member, "py_func"):
        return member.py_func
    if hasattr(member, LENDING):
        return member.__wrapped__
    if isinstance(member, property):
        return member.fget
    return member.func if isinstance(member, functools.cached_property) else member


def bytecode(code: CodeType) -> list[Any]:
    """Return the instructions, names and constants of a function, without its file and lines."""
    parameters = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & _KINDS]
    handlers = code.co_exceptiontable.hex()
    return [parameters, code.co_code.hex(), handlers, list(code.co_names), [_constant(c) for c in code.co_consts]]


def _constant(constant: Any) -> Any:
    if isinstance(constant, CodeType):
        return bytecode(constant)
    # The order of a set of strings changes from one process to the next.
    return sorted(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant)


def digest(value: Any) -> str:
    """Return 128 bits, as 32 hexadecimal digits, of the canonical form of a value."""
    text = json.dumps(canonical(value), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def stream(seed: int, condition: Mapping[str, Any], block: int) -> Generator:
    """Return the generator of one block of replicates of one condition.

    The generator is SFC64: the fastest of NumPy's, with a period of at least 2^64.

    >>> a, b = (stream(0, {"n": 2}, block=7).random() for _ in range(2))
    >>> a == b, a == stream(0, {"n": 2}, block=8).random()
    (True, False)
    """
    mark = digest(condition)
    words = [int(mark[i : i + 8], 16) for i in range(0, 32, 8)]
    return Generator(SFC64(SeedSequence(seed, spawn_key=(*words, block))))


def side_stream(rng: Generator, key: int) -> Generator:
    """Return another generator for the same block; its draws leave those of `rng` unchanged."""
    parent = rng.bit_generator.seed_seq
    assert isinstance(parent, SeedSequence)
    return Generator(SFC64(SeedSequence(parent.entropy, spawn_key=(*parent.spawn_key, key))))


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
    functions = {name: value for name, value in members.items() if isinstance(value, FunctionType)}
    methods = {name: value for name, value in functions.items() if not _is_generated(name)}
    named = set().union(*(_names(f.__code__) for f in methods.values()))
    attributes = {name: value for name, value in members.items() if name in named and not name.startswith("__")}
    yield from ((f"{name_of(kind)}.{name}", value) for name, value in (attributes | methods).items())
    yield from (("", base) for base in kind.__bases__)

"""Random streams that depend on the seed, the condition and the block, never on workers."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
from collections.abc import Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from numpy.random import SFC64, Generator, SeedSequence

from bnstats._checks.user_code import LENDING

_PACKAGE = __name__.partition(".")[0]
# Flags of a function: it takes *args, it takes **kwargs, it is a generator.
_KINDS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS | inspect.CO_GENERATOR


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
        closed = [condition.cell_contents for condition in value.__closure__ or ()]
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

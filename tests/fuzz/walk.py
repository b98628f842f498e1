"""Classes, methods and properties that users reach, found by walking from the public names of the package.

A class is reached if it has a public name, or if a call with valid arguments, a property or an attribute of an object
already reached returns an object of it. `targets` has the valid arguments.
"""

from __future__ import annotations

import inspect
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import targets
from targets import Target

import bnstats as bn
from bnstats.claims.evidence import Evidence

PACKAGE = "bnstats"
# Objects of other libraries' kinds are not walked, nor are the compiled loops, which only the package itself calls.
INNER = ("bnstats.networks.kernels", "bnstats._written", "bnstats.simulation.replicates")
INNER += ("bnstats.simulation.summaries",)
# What the author of a class of these writes, and the package calls with arguments of its own making.
HOOKS: dict[type, tuple[str, ...]] = {
    bn.Study: (),
    Evidence: ("values",),
    bn.normalizers.Normalizer: (
        "forward",
        "backward",
        "memory_rows",
        "set_rows",
        "settings",
        "state",
        "frozen",
        "statistics",
        "follow",
    ),
    bn.theory.Theory: ("law_of", "moments"),
    bn.JobArray: ("limit",),
    bn.summaries.Summary: ("df", "df_of", "leaving_out", "of", "of_controlled"),
    bn.summaries.Replicates: ("central",),
}


@dataclass(frozen=True)
class Kind:
    """A class that users reach, with a maker of a valid object of it, and the names of what the class offers."""

    name: str
    cls: type
    make: Callable[[], Any] | None

    def is_hook(self, name: str) -> bool:
        """Whether the package calls a method, with arguments of its own making; of a study it calls all."""
        return any(issubclass(self.cls, cls) and (not names or name in names) for cls, names in HOOKS.items())

    @property
    def members(self) -> dict[str, Any]:
        """Public attributes of the class, by name, as they stand in its definition."""
        return {m: inspect.getattr_static(self.cls, m) for m in sorted(dir(self.cls)) if not m.startswith("_")}

    @property
    def static(self) -> list[str]:
        return [m for m, what in self.members.items() if isinstance(what, staticmethod | classmethod)]

    @property
    def methods(self) -> list[str]:
        return [m for m, what in self.members.items() if inspect.isfunction(what)] + (
            ["__call__"] if inspect.isfunction(inspect.getattr_static(self.cls, "__call__", None)) else []
        )

    @property
    def properties(self) -> list[str]:
        return [m for m, what in self.members.items() if isinstance(what, property | cached_property)]


def public_kinds() -> Iterator[Kind]:
    for name, thing in targets.public():
        if isinstance(thing, type) and not issubclass(thing, BaseException):
            yield Kind(name, thing, maker(name, thing))


def maker(name: str, cls: type) -> Callable[[], Any] | None:
    """Make a valid object: as the table of objects does, or else by the constructor with valid arguments."""
    if name in targets.OBJECTS:
        return targets.OBJECTS[name]
    if inspect.isabstract(cls) or name in targets.MADE_BY_OTHERS or name.startswith("results."):
        return None
    valid = targets.arguments(name, cls)
    return lambda: cls(**{k: make() for k, make in valid.items()})


@cache
def kinds() -> dict[type, Kind]:
    """Every class that users reach."""
    found: dict[type, Kind] = {}
    waiting = deque(public_kinds())
    for name, thing in targets.public():
        if not isinstance(thing, type) and name not in targets.LEFT_OUT:
            waiting += returned(targets.target(name, lambda thing=thing: thing, thing))
    while waiting:
        kind = waiting.popleft()
        known = found.get(kind.cls)
        if known is None or (known.make is None and kind.make is not None):
            found[kind.cls] = kind if known is None else Kind(known.name, known.cls, kind.make)
            waiting += [other for target in methods_of(found[kind.cls]) for other in returned(target)]
            waiting += attributes(found[kind.cls])
    return found


def returned(target: Target) -> Iterator[Kind]:
    """Kinds of the objects that a call with valid arguments returns; what is slow is called once for all tests."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if target.slow:
                if not target.name.startswith(("measure_", "leave_one", "check_claims", "audit", "run")):
                    return
                result = targets.result(target.name)
            else:
                result = target.call()(**target.valid())
    except Exception:  # whether valid arguments work is what another test asks
        return
    yield from kinds_in(result)


def attributes(kind: Kind) -> Iterator[Kind]:
    """Kinds of the objects in properties and in attributes of a valid object."""
    if kind.make is None:
        return
    held = kind.make()
    for name in sorted({*kind.properties, *(n for n in getattr(held, "__dict__", {}) if not n.startswith("_"))}):
        yield from kinds_in(getattr(held, name, None))


def kinds_in(value: Any) -> Iterator[Kind]:
    if isinstance(value, Mapping):
        value = list(value.values())
    for one in list(value)[:3] if isinstance(value, tuple | list) and type(value) in (tuple, list) else [value]:
        cls = type(one)
        if cls.__module__.partition(".")[0] == PACKAGE and not cls.__module__.startswith(INNER):
            yield Kind(f"{cls.__module__.partition('.')[2]}.{cls.__qualname__}", cls, lambda one=one: one)


def methods_of(kind: Kind) -> Iterator[Target]:
    """Methods of a class: those of the class itself, and those of a valid object, if there is one."""
    for name in kind.static:
        if not kind.is_hook(name) and f"{kind.name}.{name}" not in targets.LEFT_OUT:
            call = lambda name=name: getattr(kind.cls, name)  # noqa: E731
            yield targets.target(f"{kind.name}.{name}", call, call())
    if kind.make is None:
        return
    for name in kind.methods:
        if not kind.is_hook(name) and f"{kind.name}.{name}" not in targets.LEFT_OUT:
            call = lambda name=name: getattr(kind.make(), name)  # noqa: E731
            yield targets.target(f"{kind.name}.{name}", call, call())


@cache
def all_targets() -> tuple[Target, ...]:
    """Everything that users can call: functions, classes and their methods."""
    found = []
    for name, thing in targets.public():
        made = isinstance(thing, type) and (inspect.isabstract(thing) or issubclass(thing, BaseException))
        if not (made or name in targets.LEFT_OUT | targets.MADE_BY_OTHERS or name.startswith("results.")):
            found.append(targets.target(name, lambda thing=thing: thing, thing))
    return (*found, *(target for kind in kinds().values() for target in methods_of(kind)))

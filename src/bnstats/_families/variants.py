"""Variants that are found by their files: functions and classes in the modules beside a registry."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any


def members(registry: str) -> Iterator[tuple[str, Any]]:
    """Return names and values that the modules beside a registry define, in the order of files and lines.

    Functions and classes that a module imports are left out, as is the registry's own module.

    Parameters
    ----------
    registry : str
        Full name of the registry's module.

    Examples
    --------
    >>> [name for name, _ in members("bnstats.networks.normalizers.registry") if name in ("Batch", "Layer", "compiled")]
    ['Batch', 'Layer']
    """
    for module in _beside(registry):
        for name, member in list(vars(module).items()):
            if getattr(member, "__module__", None) == module.__name__:
                yield name, member


def listed(registry: str, name: str) -> Iterator[Any]:
    """Return what the modules beside a registry list under a name, in the order of files.

    >>> [estimator.name for estimator in listed("bnstats.statistics.estimators.registry", "ESTIMATORS")][:3]
    ['mean', 'var', 'var_unbiased']
    """
    for module in _beside(registry):
        yield from vars(module).get(name, ())


def modules(folder: str, without: str = "") -> Iterator[ModuleType]:
    """Import the modules of a folder in alphabetical order, and yield each; `without` is the full name of another."""
    package = importlib.import_module(folder)
    names = sorted(f"{package.__name__}.{found.name}" for found in pkgutil.iter_modules(package.__path__))
    yield from (importlib.import_module(name) for name in names if name != without)


def _beside(registry: str) -> Iterator[ModuleType]:
    return modules(registry.rpartition(".")[0], registry)


def classes(registry: str, base: type) -> dict[str, Any]:
    """Return the public classes beside a registry that complete a base class, by name, in the order of files and lines.

    >>> from bnstats.datasets.shifts import Shift
    >>> list(classes("bnstats.datasets.registry", Shift))
    ['Gain', 'Offset', 'Contrast', 'Noise', 'ClassMix']
    """
    kinds = ((name, kind) for name, kind in members(registry) if isinstance(kind, type) and not name.startswith("_"))
    return {
        name: kind
        for name, kind in kinds
        if issubclass(kind, base) and kind is not base and not inspect.isabstract(kind)
    }


def entries(registry: str, base: type) -> dict[str, Any]:
    """Return an object of each of these classes by its name in small letters, made with the class's `example`.

    A class whose `example` is None has no entry.

    >>> from bnstats.sampling.batching import Batching
    >>> entries("bnstats.sampling.registry", Batching)["without_replacement"]
    WithoutReplacement(size=12)
    """
    kinds = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): kind for name, kind in classes(registry, base).items()}
    return {name: kind(**kind.example) for name, kind in kinds.items() if kind.example is not None}

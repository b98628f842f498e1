"""Variants that are found by their files: members of the modules beside a registry."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
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
    package = importlib.import_module(registry.rpartition(".")[0])
    names = sorted(f"{package.__name__}.{found.name}" for found in pkgutil.iter_modules(package.__path__))
    for module in (importlib.import_module(name) for name in names if name != registry):
        for name, member in list(vars(module).items()):
            if getattr(member, "__module__", None) == module.__name__:
                yield name, member

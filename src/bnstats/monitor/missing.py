"""The package that an adapter needs."""

from __future__ import annotations

import importlib.util


def needs(package: str, name: str, extra: str) -> None:
    """Raise ModuleNotFoundError with the command that installs a package, if it is missing.

    >>> needs("no_such_package", "KerasCallback", "keras")
    Traceback (most recent call last):
        ...
    ModuleNotFoundError: bn.monitor.KerasCallback needs no_such_package: pip install 'bnstats[keras]'
    """
    if importlib.util.find_spec(package) is None:
        raise ModuleNotFoundError(f"bn.monitor.{name} needs {package}: pip install 'bnstats[{extra}]'", name=package)

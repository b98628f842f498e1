"""Run all analyses, or the named ones: `python -m analyses [NAME ...] [options]`."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import time
from types import ModuleType

import analyses
from analyses.frame import Options, options, produce


def _discovered() -> dict[str, ModuleType]:
    """The modules of this package that have a `main`, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(analyses.__path__) if module.name[0] != "_")
    modules = {name: importlib.import_module(f"analyses.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "main")}


MODULES = _discovered()


def _known(name: str) -> str:
    if name not in MODULES:
        raise argparse.ArgumentTypeError(f"no analysis {name}; there are: {', '.join(MODULES)}")
    return name


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m analyses", parents=[options()], description=__doc__)
    available = f"any of: {', '.join(MODULES)} (default: all)"
    parser.add_argument("names", nargs="*", metavar="NAME", type=_known, help=available)
    chosen = parser.parse_intermixed_args(argv, namespace=Options())
    for name in dict.fromkeys(chosen.names or MODULES):
        start = time.perf_counter()
        path = produce(name, MODULES[name].simulate, MODULES[name].plot, chosen)
        print(f"{name}: {path} ({time.perf_counter() - start:.1f} s)")


if __name__ == "__main__":
    main()

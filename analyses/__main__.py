"""Run all analyses, or the named ones: `python -m analyses [NAME ...] [options]`."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import pkgutil
from types import ModuleType

import analyses
from analyses.command_line import Options, options, run_all


def _discovered() -> dict[str, ModuleType]:
    """The modules of this package that simulate and plot, in alphabetical order; last what others' numbers go into."""
    names = sorted(module.name for module in pkgutil.iter_modules(analyses.__path__) if module.name[0] != "_")
    modules = {name: importlib.import_module(f"analyses.{name}") for name in names}
    found = {name: module for name, module in modules.items() if hasattr(module, "simulate")}
    return dict(sorted(found.items(), key=lambda item: hasattr(item[1], "SOURCES")))


def _lacks(module: ModuleType) -> str | None:
    """The package that an analysis needs beyond those of all others, if it is not installed."""
    needed = getattr(module, "NEEDS", None)
    return None if needed is None or importlib.util.find_spec(needed) else needed


FOUND = _discovered()
MODULES = {name: module for name, module in FOUND.items() if not _lacks(module)}


def _known(name: str) -> str:
    if name in FOUND and name not in MODULES:
        raise argparse.ArgumentTypeError(f"the analysis {name} needs {_lacks(FOUND[name])}, which is not installed")
    if name not in MODULES:
        raise argparse.ArgumentTypeError(f"no analysis {name}; there are: {', '.join(MODULES)}")
    return name


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m analyses", parents=[options()], description=__doc__)
    asked_for = [name for name, module in MODULES.items() if hasattr(module, "ON_REQUEST")]
    available = f"any of: {', '.join(MODULES)} (default: all but {', '.join(asked_for)}, which takes long)"
    parser.add_argument("names", nargs="*", metavar="NAME", type=_known, help=available)
    chosen = parser.parse_intermixed_args(argv, namespace=Options())
    default = [name for name in MODULES if chosen.quick or name not in asked_for]
    wanted = {name: (MODULES[name].simulate, MODULES[name].plot) for name in chosen.names or default}
    run_all(wanted, chosen, last=[name for name in wanted if hasattr(MODULES[name], "SOURCES")])


if __name__ == "__main__":
    main()

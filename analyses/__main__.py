"""Run all analyses, or the named ones: `python -m analyses [NAME ...] [options]`."""

from __future__ import annotations

import argparse
import importlib
import sys
import time

from analyses.frame import options

NAMES = ("letter_grades", "convergence", "running_stats")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m analyses", parents=[options()], description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(NAMES)} (default: all)")
    argv = sys.argv[1:] if argv is None else argv
    chosen = parser.parse_args(argv)
    unknown = [name for name in chosen.names if name not in NAMES]
    if unknown:
        parser.error(f"no analysis {', '.join(unknown)}; there are: {', '.join(NAMES)}")
    rest = [argument for argument in argv if argument not in chosen.names]
    for name in chosen.names or NAMES:
        start = time.perf_counter()
        path = importlib.import_module(f"analyses.{name}").main(rest)
        print(f"{name}: {path} ({time.perf_counter() - start:.1f} s)")


if __name__ == "__main__":
    main()

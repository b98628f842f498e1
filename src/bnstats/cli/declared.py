"""Declares commands and their options, and writes their output files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bnstats._checks.terminal import printable
from bnstats.cli.output_file import check_outputs, write_text

Run = Callable[[argparse.Namespace], int]
Option = tuple[tuple[str, ...], dict[str, Any]]
COMMANDS: dict[Run, tuple[str, list[Option]]] = {}
"""Functions of commands, each with its help and its options."""


def option(*flags: str, help: str, **settings: Any) -> Option:
    """Return an option, as `argparse.ArgumentParser.add_argument` takes it; its help names its default."""
    default = settings.get("default")
    if default not in (None, []):
        listed = map(str, default if isinstance(default, list) else [default])
        help = f"{help} (default: {' '.join(listed)})"
    return flags, {"help": help, **settings}


def command(text: str, *options: Option) -> Callable[[Run], Run]:
    """Declare a function to be the command of its name, with a help text and options."""

    def declare(run: Run) -> Run:
        COMMANDS[run] = text, [*options]
        return run

    return declare


OUTPUT = (
    option("--out", type=Path, metavar="FILE.csv", help="file for the table of results"),
    option("--overwrite", action="store_true", help="replace existing files (default: refuse)"),
)


def show(text: str, table: Any, arguments: argparse.Namespace) -> None:
    """Print a text, and write the table to a file; if that fails, print the table, too."""
    print(text)
    if arguments.out is None:
        return
    rows = table.to_csv(index=False)
    try:
        write_text(arguments.out, rows, arguments.overwrite)
    except OSError:
        print("\n".join(map(printable, rows.split("\n"))))
        raise


def check_written(arguments: argparse.Namespace, *others: Path) -> None:
    """Check the files that a command will write against those that it reads, including `others`."""
    given = {f"--{name}": getattr(arguments, name, None) for name in ("out", "html")}
    read = (getattr(arguments, name, None) for name in ("file", "data", "store"))
    outputs = {option: path for option, path in given.items() if path is not None}
    check_outputs(
        outputs, [*(path for path in read if path is not None), *others], getattr(arguments, "overwrite", False)
    )

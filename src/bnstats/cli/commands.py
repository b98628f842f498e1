"""Commands of the command line, each with its options."""

from __future__ import annotations

import argparse
import importlib
import sys
from argparse import BooleanOptionalAction
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import bnstats as bn
from bnstats._checks.terminal import escaped, printable
from bnstats.cli.column_file import ENDINGS, Options, read_column
from bnstats.cli.output_file import check_outputs, write_text


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0 on success, 1 if a claim is undecided, 2 for bad arguments."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        _check_outputs(arguments)
        return int(arguments.run(arguments))
    except (ValueError, OSError, ImportError) as error:
        print(f"bnstats {arguments.command}: {escaped(_in_words(error))}", file=sys.stderr)
        return 2


def _check_outputs(arguments: argparse.Namespace, *others: Path) -> None:
    """Check the files that a command will write against those that it reads, including `others`."""
    given = {f"--{name}": getattr(arguments, name, None) for name in ("out", "html")}
    read = (getattr(arguments, name, None) for name in ("file", "data", "store"))
    outputs = {option: path for option, path in given.items() if path is not None}
    check_outputs(
        outputs, [*(path for path in read if path is not None), *others], getattr(arguments, "overwrite", False)
    )


def _in_words(error: Exception) -> str:
    """Return the message of an error, without the number of the operating system."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror.lower()}."
    return str(error)


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands, each with its options."""
    parser = argparse.ArgumentParser(
        prog="bnstats", description="Measure the effects of batch statistics on networks and data."
    )
    parser.add_argument("--version", action="version", version=f"bnstats {bn.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for run, (text, options) in COMMANDS.items():
        command = commands.add_parser(run.__name__[1:], help=text, description=text)
        command.set_defaults(run=run)
        for flags, settings in options:
            command.add_argument(*flags, **settings)
    return parser


Run = Callable[[argparse.Namespace], int]
Option = tuple[tuple[str, ...], dict[str, Any]]
COMMANDS: dict[Run, tuple[str, list[Option]]] = {}
"""Functions of commands, each with its help and its options."""


def option(*flags: str, **settings: Any) -> Option:
    """Return an option, as `argparse.ArgumentParser.add_argument` takes it."""
    return flags, settings


def command(text: str, *options: Option) -> Callable[[Run], Run]:
    """Declare a function to be the command of its name, with a help text and options."""

    def declare(run: Run) -> Run:
        COMMANDS[run] = text, [*options]
        return run

    return declare


OUTPUT = (
    option("--out", type=Path, metavar="FILE.csv", help="file for the table"),
    option("--overwrite", action="store_true", help="replace existing files"),
)
SIMULATION = (
    *OUTPUT,
    option("--seed", type=int, default=0, help="seed of all random streams (default: %(default)s)"),
    option("--jobs", type=int, help="number of threads, without effect on results (default: all cores)"),
    option("--store", type=Path, metavar="FILE.sqlite", help="file that keeps finished blocks, to go on from"),
    option("--quiet", action="store_true", help="show no progress bar (it is shown on a terminal only)"),
)
BATCH_SIZES = partial(option, "--batch-sizes", type=int, nargs="+", metavar="N")


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    progress = False if arguments.quiet else None
    return {"seed": arguments.seed, "executor": arguments.jobs, "store": arguments.store, "progress": progress}


def _show(text: str, table: Any, arguments: argparse.Namespace) -> None:
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


@command(
    "test the claims of the ledger by simulation",
    option("names", nargs="*", metavar="CLAIM", help="claims to test (default: all)"),
    option("--list", action="store_true", help="only list the claims"),
    option("--max-replicates", type=int, help="maximum replicates per claim"),
    *SIMULATION,
)
def _claims(arguments: argparse.Namespace) -> int:
    from bnstats.claims.ledger import chosen_claims

    if arguments.list:
        if arguments.out is not None:
            raise ValueError("--list tests no claim, so there is no table for --out; leave out --list or --out.")
        for claim in chosen_claims(arguments.names or None):
            print(printable(f"{claim.identifier}: {claim.statement}"))
        return 0
    ledger = bn.check_claims(arguments.names or None, max_replicates=arguments.max_replicates, **_options(arguments))
    from bnstats.claims.counts import undecided  # imported late, since other commands do not need it

    _show(ledger.summary(), ledger.table, arguments)
    return int(len(undecided(ledger.table)) > 0)


@command(
    "measure how fast batch statistics of your values converge",
    option("file", type=Path, metavar="FILE", help=f"numbers: {', '.join(ENDINGS)}"),
    option("--column", metavar="NAME", help="name or number (from 1 on) of the column"),
    option("--sep", metavar="CHAR", help="separator of cells, or its name (default: detected)"),
    option("--decimal", choices=(".", ","), metavar="MARK", help="decimal mark, . or , (default: detected)"),
    option("--header", action=BooleanOptionalAction, help="the first row names the columns (default: detected)"),
    option("--missing", nargs="+", default=[], metavar="CELL", help="additional cells that mean a missing value"),
    BATCH_SIZES(default=[2, 8, 32, 128, 512]),
    option("--precision", type=float, default=0.02, help="relative Monte Carlo standard error"),
    *SIMULATION,
)
def _convergence(arguments: argparse.Namespace) -> int:
    missing = tuple(arguments.missing)
    how = Options(arguments.column, arguments.sep, arguments.decimal, arguments.header, missing)
    column = read_column(arguments.file, how)
    print(printable(column.described))
    result = bn.measure_convergence(
        {arguments.file.name.partition(".")[0] or arguments.file.name: column.values},
        batch_sizes=arguments.batch_sizes,
        precision=arguments.precision,
        **_options(arguments),
    )
    _show(result.summary(), result.table, arguments)
    return 0


@command(
    "measure the accuracy that batch statistics in training cost a classifier",
    option("dataset", metavar="DATASET", help="digits, gaussians, mnist or breast_cancer"),
    BATCH_SIZES(default=[4, 64]),
    option("--normalizers", nargs="+", default=["batch"], metavar="NAME"),
    option("--networks", type=int, default=64, help="networks per condition (default: %(default)s)"),
    *SIMULATION,
)
def _mismatch(arguments: argparse.Namespace) -> int:
    result = bn.measure_mismatch(
        arguments.dataset,
        normalizers=arguments.normalizers,
        batch_sizes=arguments.batch_sizes,
        precision=None,
        max_replicates=arguments.networks,
        **_options(arguments),
    )
    _show(result.summary(), result.table, arguments)
    return 0


@command(
    "find batch-norm statistics of a trained PyTorch model that are off, and the cause",
    option("source", metavar="MODULE:FUNCTION", help="your function that returns the model, or (model, loader)"),
    option("--data", type=Path, metavar="FILE.npz", help="file with arrays x and y, and optionally test_x and test_y"),
    option("--batch-size", type=int, help="rows that training normalizes together, with --data"),
    option("--html", type=Path, metavar="FILE.html", help="file for the whole report as a page"),
    option("--seed", type=int, default=0, help="seed of resampling and splits (default: %(default)s)"),
    *OUTPUT,
)
def _audit(arguments: argparse.Namespace) -> int:
    module, _, function = arguments.source.partition(":")
    if not module or not function:
        raise ValueError(f"give MODULE:FUNCTION, as in my_model:trained; got {arguments.source!r}.")
    sys.path.insert(0, "")
    imported = importlib.import_module(module)
    make = getattr(imported, function, None)
    if not callable(make):
        raise ValueError(f"module {module!r} has no function {function!r} that returns (model, loader).")
    if imported.__file__ is not None:
        _check_outputs(arguments, Path(imported.__file__))
    report = bn.audit(**_audited(make(), arguments), seed=arguments.seed)
    _show(report.summary(), report.layers, arguments)
    if arguments.html is not None:
        from bnstats.audit.page import page

        write_text(arguments.html, page(report), arguments.overwrite)
    return 0


def _audited(made: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the model and its batches, from the result of the user's function and the named files."""
    if isinstance(made, tuple) and len(made) == 2:
        if arguments.data is not None or arguments.batch_size is not None:
            raise ValueError(f"{arguments.source} returned (model, loader); leave out --data and --batch-size.")
        return {"model": made[0], "loader": made[1]}
    if arguments.data is None or arguments.batch_size is None:
        raise ValueError(f"{arguments.source} returned no pair (model, loader); name --data and --batch-size.")
    from bnstats.audit.array_files import loaders

    training, test = loaders(arguments.data, arguments.batch_size)
    return {"model": made, "loader": training, "test": test}


@command(
    "copy the blocks of several stores of one study into one store",
    option("into", metavar="INTO", help="store, or a new file"),
    option("others", nargs="+", metavar="STORE"),
)
def _merge(arguments: argparse.Namespace) -> int:
    from bnstats.simulation.storage.merge import merge_stores

    added = merge_stores(arguments.into, *arguments.others)
    print(f"{added} blocks were new to {printable(arguments.into)}.")
    return 0


@command("print versions for a bug report")
def _versions(_: argparse.Namespace) -> int:
    bn.show_versions()
    return 0

"""Commands of the command line, each with its options."""

from __future__ import annotations

import argparse
import re
import sys
from argparse import BooleanOptionalAction
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import bnstats as bn
import bnstats.cli.advise_command
import bnstats.cli.audit_command
import bnstats.cli.study_commands
from bnstats._checks.terminal import escaped, printable
from bnstats.cli.column_file import ENDINGS, read_column
from bnstats.cli.declared import COMMANDS, OUTPUT, check_written, command, option, show
from bnstats.cli.table_file import READING, Options

# The order in which one needs them: a model, a study of one's own, measured studies, claims, tools.
ORDER = ("advise", "audit", "new", "summarize", "convergence", "mismatch", "claims", "merge", "versions")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0 on success, 1 for an undecided claim or a verdict of --fail-on, 2 for bad arguments."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        check_written(arguments)
        return int(arguments.run(arguments))
    except (ValueError, OSError, ImportError) as error:
        print(f"bnstats {arguments.command}: {escaped(_in_words(error, arguments))}", file=sys.stderr)
        return 2


def _in_words(error: Exception, arguments: argparse.Namespace) -> str:
    """Return the message of an error, with options for arguments, without the number of the operating system."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror.lower()}."
    return re.sub(r"\b([a-z_]+)=(\w?)", lambda found: _option(found, arguments), str(error))


def _option(found: re.Match[str], arguments: argparse.Namespace) -> str:
    name, value = found.groups()
    return f"--{name.replace('_', '-')}{value and f' {value}'}" if hasattr(arguments, name) else found[0]


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands, each with its options."""
    parser = argparse.ArgumentParser(
        prog="bnstats",
        description="Measure the effects of batch statistics on networks and data.",
    )
    parser.add_argument("--version", action="version", version=f"bnstats {bn.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    functions = {run.__name__[1:]: run for run in COMMANDS}
    for name in ORDER:
        text, options = COMMANDS[functions[name]]
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=functions[name])
        for flags, settings in options:
            command.add_argument(*flags, **settings)
    return parser


SIMULATION = (
    *OUTPUT,
    option("--seed", type=int, default=0, metavar="N", help="seed of all random streams"),
    option("--jobs", type=int, metavar="N", help="number of threads, without effect on results (default: all cores)"),
    option(
        "--store", type=Path, metavar="FILE", help="SQLite file of finished blocks; the same command resumes from it"
    ),
    option("--quiet", action="store_true", help="show no progress bar (it is shown on a terminal only)"),
)
BATCH_SIZES = partial(option, "--batch-sizes", type=int, nargs="+", metavar="N", help="batch sizes, in rows")


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    progress = False if arguments.quiet else None
    return {"seed": arguments.seed, "executor": arguments.jobs, "store": arguments.store, "progress": progress}


@command(
    "judge the claims of the ledger by evidence: supported, refuted or undecided",
    option("names", nargs="*", metavar="CLAIM", help="identifiers of the claims to test (default: all)"),
    option("--list", action="store_true", help="list the claims without testing them"),
    option("--max-replicates", type=int, metavar="N", help="maximum replicates per claim (default: the claim's)"),
    *SIMULATION,
)
def _claims(arguments: argparse.Namespace) -> int:
    from bnstats.claims.ledger import chosen_claims, undecided

    if arguments.list:
        if arguments.out is not None:
            raise ValueError("--list tests no claim, so there is no table for --out; leave out --list or --out.")
        for claim in chosen_claims(arguments.names or None):
            print(printable(f"{claim.identifier}: {claim.statement}"))
        return 0
    ledger = bn.check_claims(arguments.names or None, max_replicates=arguments.max_replicates, **_options(arguments))
    show(ledger.summary(), ledger.table, arguments)
    return int(len(undecided(ledger.table)) > 0)


@command(
    "measure how fast batch statistics of your values converge as batches grow",
    option("file", type=Path, metavar="FILE", help=f"numbers: {', '.join(ENDINGS)}"),
    option("--column", metavar="NAME", help="name or number (from 1 on) of the column (default: the only one)"),
    *READING,
    option("--header", action=BooleanOptionalAction, help="the first row names the columns (default: detected)"),
    BATCH_SIZES(default=[2, 8, 32, 128, 512]),
    option("--precision", type=float, default=0.02, metavar="P", help="relative Monte Carlo standard error to reach"),
    *SIMULATION,
)
def _convergence(arguments: argparse.Namespace) -> int:
    column = read_column(arguments.file, Options.of(arguments))
    print(printable(column.described))
    result = bn.measure_convergence(
        {arguments.file.name.partition(".")[0] or arguments.file.name: column.values},
        batch_sizes=arguments.batch_sizes,
        precision=arguments.precision,
        **_options(arguments),
    )
    show(result.summary(), result.table, arguments)
    return 0


@command(
    "measure the accuracy of a classifier in training and in evaluation mode",
    option("dataset", metavar="DATASET", help="name of a data set: digits, gaussians, mnist or breast_cancer"),
    BATCH_SIZES(default=[4, 64]),
    option("--normalizers", nargs="+", default=["batch"], metavar="NAME", help="normalizers, such as group"),
    option("--networks", type=int, default=64, metavar="N", help="networks to train per condition"),
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
    show(result.summary(), result.table, arguments)
    return 0


@command(
    "copy the blocks of several stores of one study into one store",
    option("into", metavar="INTO", help="store that receives the blocks; made if it does not exist"),
    option("others", nargs="+", metavar="STORE", help="stores to copy from"),
)
def _merge(arguments: argparse.Namespace) -> int:
    from bnstats.simulation.storage.merge import merge_stores

    added = merge_stores(arguments.into, *arguments.others)
    print(f"{added} blocks were added to {printable(arguments.into)}.")
    return 0


@command("print versions for a bug report")
def _versions(_: argparse.Namespace) -> int:
    bn.show_versions()
    return 0

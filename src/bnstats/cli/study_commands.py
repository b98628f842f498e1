"""Commands for simulation studies: summaries of replicates from anywhere, and a template."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from typing import Any

import bnstats as bn
from bnstats._checks.terminal import printable
from bnstats._checks.values import require
from bnstats.cli.declared import OUTPUT, command, option, show
from bnstats.cli.output_file import write_text
from bnstats.cli.replicate_file import read_replicates
from bnstats.cli.table_file import ENDINGS, READING, Options

NUMBERS = ("estimate", "se", "low", "high", "p")
OTHERS = ("by", "method", "dataset", "measures", "level", "null")


@command(
    "summarize replicates of a simulation study: bias, coverage and power, each with its error",
    option("file", type=Path, metavar="FILE", help=f"table with a row per replicate: {', '.join(ENDINGS)}"),
    option("--estimate", metavar="COLUMN", help="column of the estimates"),
    option("--se", metavar="COLUMN", help="column of the standard errors that the model reports"),
    option("--low", metavar="COLUMN", help="column of the lower ends of intervals (default: estimate - z se)"),
    option("--high", metavar="COLUMN", help="column of the upper ends of intervals (default: estimate + z se)"),
    option("--p", metavar="COLUMN", help="column of p-values (default: decide by the interval and --null)"),
    option("--truth", metavar="NUMBER|COLUMN", help="true value, or the column that holds it"),
    option("--by", nargs="+", default=[], metavar="COLUMN", help="columns that name the condition (default: none)"),
    option("--method", metavar="COLUMN", help="column with the name of the method"),
    option("--dataset", metavar="COLUMN", help="column with the name of the data set on which methods are compared"),
    option("--compare", nargs=2, metavar="METHOD", help="also print the paired differences of two methods"),
    option("--measures", nargs="+", metavar="NAME", help="performance measures (default: all that the columns allow)"),
    option("--level", type=float, metavar="LEVEL", default=0.95, help="nominal level of the intervals"),
    option("--null", type=float, metavar="VALUE", default=0.0, help="value of the null hypothesis"),
    *READING,
    *OUTPUT,
)
def _summarize(arguments: argparse.Namespace) -> int:
    truth = _number_or_name(arguments.truth)
    given = {name: getattr(arguments, name) for name in (*NUMBERS, *OTHERS)}
    numbers = [name for name in (*(given[kind] for kind in NUMBERS), truth) if isinstance(name, str)]
    others = [*arguments.by, *(name for name in (arguments.method, arguments.dataset) if name is not None)]
    replicates = read_replicates(arguments.file, numbers, others, Options.of(arguments))
    found = bn.summarize(replicates, truth=truth, **given)
    differences = None if arguments.compare is None else found.compare(*arguments.compare)
    show(found.summary(), found.table, arguments)
    if differences is not None:
        print(f"\n{' less '.join(map(printable, arguments.compare))}:\n{differences.to_string(index=False)}")
    return 0


@command(
    "write a runnable study of your own method: conditions, data, analysis, summary, test and figure",
    option("kind", choices=("study",), help="what to write"),
    option("name", metavar="NAME", help="name of the new file, without .py"),
)
def _new(arguments: argparse.Namespace) -> int:
    name, path = arguments.name, Path(f"{arguments.name}.py")
    require(name.isidentifier() and not iskeyword(name), "NAME", name, "the name of a Python file, such as my_study")
    for written in (path, path.with_suffix(".csv"), path.with_suffix(".png")):  # by the study, when it runs
        if written.exists():
            raise ValueError(f"{written} exists; give another NAME.")
    if find_spec(name) is not None:
        raise ValueError(
            f"NAME is the name of an installed module, {name}, which {path} would hide; give another NAME."
        )
    template = Path(__file__).with_name("study_template.py").read_text()
    write_text(path, template.replace("NAME", name), overwrite=False)
    print(f"{path} is written; run it with: python {path}")
    return 0


def _number_or_name(given: str | None) -> Any:
    """Return the number that a text means, else the text, which names a column."""
    try:
        return None if given is None else float(given)
    except ValueError:
        return given

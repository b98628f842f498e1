"""The command `audit`: a model with data, or a weights file without."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import bnstats as bn
from bnstats.audit.frameworks import framework_of
from bnstats.cli.declared import OUTPUT, check_written, command, option, show


@command(
    "judge the running statistics of a trained model or of a weights file, and name the cause of an error",
    option(
        "source",
        metavar="MODULE:FUNCTION or FILE",
        help="function that returns the model, or (model, loader); or a weights file: .safetensors, .pt, .keras",
    ),
    option("--data", type=Path, metavar="FILE.npz", help="file with arrays x and y, and optionally test_x and test_y"),
    option("--batch-size", type=int, metavar="N", help="rows that training normalizes together; needs --data"),
    option("--html", type=Path, metavar="FILE.html", help="file for the whole report as a web page"),
    option("--json", action="store_true", help="print the result as JSON"),
    option(
        "--fail-on",
        choices=("off", "not_judged"),
        help="return status 1 if the verdict is off; not_judged: if it is not fine (default: always return 0)",
    ),
    option("--seed", type=int, default=0, metavar="N", help="seed of resampling and splits"),
    *OUTPUT,
)
def _audit(arguments: argparse.Namespace) -> int:
    from bnstats.audit.files import READERS  # imported late, since other commands do not need it

    report = _file_audit(arguments) if Path(arguments.source).suffix in READERS else _model_audit(arguments)
    show(json.dumps(report.to_dict()) if arguments.json else report.summary(), report.layers, arguments)
    failing = {None: (), "off": ("off",), "not_judged": ("off", "not_judged")}[arguments.fail_on]
    return int(report.verdict in failing)


def _file_audit(arguments: argparse.Namespace) -> Any:
    """Return the audit of a weights file, which takes no data."""
    from bnstats.audit.files import audit_file

    for name in ("data", "batch_size", "html"):
        if getattr(arguments, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise ValueError(
                f"{arguments.source} is judged without data, and its result has no page; leave out {option}."
            )
    check_written(arguments, Path(arguments.source))
    return audit_file(arguments.source)


def _model_audit(arguments: argparse.Namespace) -> Any:
    """Return the audit of the model that the user's function makes."""
    module, _, function = arguments.source.partition(":")
    if not module or not function:
        raise ValueError(f"give MODULE:FUNCTION, as in my_model:trained, or a weights file; got {arguments.source!r}.")
    sys.path.insert(0, "")
    imported = importlib.import_module(module)
    make = getattr(imported, function, None)
    if not callable(make):
        raise ValueError(f"module {module!r} has no function {function!r} that returns (model, loader).")
    if imported.__file__ is not None:
        check_written(arguments, Path(imported.__file__))
    report = bn.audit(**_audited(make(), arguments), seed=arguments.seed)
    if arguments.html is not None:
        report.to_html(arguments.html, overwrite=arguments.overwrite)
    return report


def _audited(made: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the model and its batches, from the result of the user's function and the named files."""
    if isinstance(made, tuple) and len(made) == 2 and not _is_model(made):
        if arguments.data is not None or arguments.batch_size is not None:
            raise ValueError(f"{arguments.source} returned (model, loader); leave out --data and --batch-size.")
        return {"model": made[0], "loader": made[1]}
    if arguments.data is None or arguments.batch_size is None:
        raise ValueError(f"{arguments.source} returned no pair (model, loader); name --data and --batch-size.")
    from bnstats.audit.array_files import loaders

    as_array = sys.modules["torch"].from_numpy if framework_of(made).name == "torch" else np.asarray
    training, test = loaders(arguments.data, arguments.batch_size, arguments.seed, as_array)
    return {"model": made, "loader": training, "test": test}


def _is_model(made: Any) -> bool:
    """Return True for a pair that is a model itself, as module and variables of linen are."""
    try:
        return bool(framework_of(made).name)
    except ValueError:
        return False

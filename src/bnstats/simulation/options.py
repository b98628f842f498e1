"""How a study is run: the options that `run` and every measuring function take, declared and documented once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from concurrent.futures import Executor
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypedDict, TypeVar

from bnstats._checks.numbers import MOST_THREADS, number, seed, whole
from bnstats._checks.values import flag, shown, store_path
from bnstats.simulation.workers.job_array import JobArray

P = ParamSpec("P")
R = TypeVar("R")


class RunOptions(TypedDict, total=False):
    """How a study is run; the same names everywhere, documented in `DOCUMENTATION`."""

    precision: float | None
    seed: int
    executor: Executor | JobArray | int | None
    store: str | Path | None
    progress: bool | None
    max_replicates: int


# What is said of a run's options wherever a docstring has a parameter `**options`.
DOCUMENTATION = """\
precision : float, optional
    Relative Monte Carlo standard error to reach in each number; replicates double until all have reached it or
    `max_replicates` are spent. None: `max_replicates` are simulated. Stopping when a number looks precise enough
    moves the share of a rare event up by about precision² of itself: 7 % at 0.3, 0.04 % at 0.02.
seed : int
    Of all random numbers.
executor : None, int, concurrent.futures.Executor or Share
    None: one thread per core; an int: so many threads. Results do not depend on it. A `bn.JobArray`: this job's share
    of the blocks.
store : path, optional
    SQLite file in which finished blocks are kept and found again.
progress : bool, optional
    Progress bar; by default on a terminal only.
max_replicates : int
    At most so many replicates per condition, rounded up to whole blocks.
"""
_PLACE = "**options : RunOptions\n"
_DEFAULTS: RunOptions = {"seed": 0, "executor": None, "store": None, "progress": None}


def run_options(*, precision: float | None, max_replicates: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare the `**options` of a function to be those of a run, with its own defaults of two of them.

    They are checked before the function is called, shown by `help`, and documented in place of `**options` in its
    docstring; what stands there below `**options` follows, such as what a replicate is.

    Examples
    --------
    >>> @run_options(precision=0.01, max_replicates=1000)
    ... def measure(population, **options):
    ...     return options["precision"], options["seed"]
    >>> measure("normal", seed=3)
    (0.01, 3)
    >>> measure("normal", precision=2)
    Traceback (most recent call last):
        ...
    ValueError: precision is a relative standard error, above 0 and below 1; got 2.
    """
    defaults = {"precision": precision, **_DEFAULTS, "max_replicates": max_replicates}

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = _with_options(inspect.signature(function), defaults)

        @wraps(function)
        def measuring(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature.bind(*args, **kwargs)
            options = {name: bound.kwargs.get(name, default) for name, default in defaults.items()}
            return function(*args, **{**kwargs, **checked(options)})

        measuring.__signature__ = signature  # type: ignore[attr-defined]
        measuring.__doc__ = inspect.cleandoc(function.__doc__ or "").replace(_PLACE, DOCUMENTATION)
        return measuring

    return decorate


def _with_options(signature: inspect.Signature, defaults: dict[str, Any]) -> inspect.Signature:
    """The signature with the options in place of `**options`."""
    *others, _ = signature.parameters.values()
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, default in defaults.items()
        for kind in [RunOptions.__annotations__[name]]
    ]
    return signature.replace(parameters=[*others, *shared])


def checked(options: dict[str, Any]) -> dict[str, Any]:
    """The options as a run takes them; ValueError for those that make no sense."""
    precision, executor, store, progress = (options[name] for name in ("precision", "executor", "store", "progress"))
    if precision is not None:
        precision = number("precision", precision, "(0, 1)", "a relative standard error")
    return {
        "precision": precision,
        "seed": seed("seed", options["seed"]),
        "executor": _executor(executor),
        "store": None if store is None else store_path("store", store),
        "progress": None if progress is None else flag("progress", progress),
        "max_replicates": whole("max_replicates", options["max_replicates"], minimum=2, maximum=2**53),
    }


def _executor(given: Any) -> Executor | JobArray | int | None:
    if given is None or isinstance(given, JobArray) or callable(getattr(given, "submit", None)):
        executor: Executor | JobArray | None = given
        return executor
    try:
        return whole("executor", given, minimum=1, maximum=MOST_THREADS)
    except ValueError:
        raise ValueError(
            "executor is None, a number of threads of at least 1, or a concurrent.futures.Executor; got "
            f"{shown(given)}."
        ) from None

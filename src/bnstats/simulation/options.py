"""Options of a run, declared and documented once for `run` and every measuring function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from functools import partial, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypedDict, TypeVar

from numpy.random import SeedSequence

from bnstats._checks.numbers import LARGEST_COUNT, interval, seed, whole
from bnstats._checks.safe_text import write_out_codes
from bnstats._checks.values import flag, optional, store_path
from bnstats.simulation.workers.job_array import JobArray, executor_of

P = ParamSpec("P")
R = TypeVar("R")
Check = Callable[[str, Any], Any]


class WorkerOptions(TypedDict, total=False):
    """Options of a run whose number of replicates its own rule decides."""

    seed: int | SeedSequence
    executor: Executor | int | None
    store: str | Path | None
    progress: bool | None


class RunOptions(TypedDict, total=False):
    """Options of a run, with the same names in every measuring function; `DOCUMENTATION` describes them."""

    precision: float | None
    seed: int | SeedSequence
    executor: Executor | JobArray | int | None
    store: str | Path | None
    progress: bool | None
    max_replicates: int


WORKER_DOCUMENTATION = """\
seed : int or SeedSequence
    Seed of all random numbers.
executor : None, int, concurrent.futures.Executor or JobArray
    Workers that simulate the blocks. None: one thread per core; an int: number of threads. Results do not depend on
    these. A `bn.JobArray`: this job's part of the blocks.
store : path, optional
    SQLite file that keeps finished blocks. A later run reads them from it.
progress : bool, optional
    True to show a progress bar; by default it is shown on a terminal only.
"""
# Replaces the parameter `**options` in the docstrings of measuring functions.
DOCUMENTATION = f"""\
precision : float, optional
    Relative Monte Carlo standard error that each number has to reach. Replicates double until all numbers have
    reached it, or until `max_replicates` are simulated. None: `max_replicates` are simulated. Stopping as soon as
    a number is precise enough raises the proportion of a rare event by about precision² of itself: 7 % at 0.3,
    0.04 % at 0.02.
{WORKER_DOCUMENTATION}max_replicates : int
    Maximum replicates per condition, rounded up to whole blocks.
"""
_CHECKS: dict[str, Check] = {
    "precision": optional(interval("(0, 1)", "a relative standard error")),
    "seed": seed,
    "executor": lambda name, given: given if isinstance(given, JobArray) else executor_of(name, given),
    "store": optional(store_path),
    "progress": optional(flag),
    "max_replicates": partial(whole, minimum=2, maximum=LARGEST_COUNT),
}
_DEFAULTS: WorkerOptions = {"seed": 0, "executor": None, "store": None, "progress": None}


def run_options(*, precision: float | None, max_replicates: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare the `**options` of a function to be the options of a run, with defaults for two of them.

    The options are checked before the function is called. `help` shows them in the signature. Their documentation
    replaces `**options` in the docstring; text below `**options` follows it, such as the meaning of a replicate.

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
    return _declared(RunOptions, defaults, DOCUMENTATION, _CHECKS)


def worker_options(function: Callable[P, R]) -> Callable[P, R]:
    """Declare the `**options` of a function with a stopping rule of its own to be `WorkerOptions`.

    A `JobArray` is refused: a job does not know the replicates of the other jobs.
    """
    documented = WORKER_DOCUMENTATION.replace(
        ", concurrent.futures.Executor or JobArray", " or concurrent.futures.Executor"
    )
    documented = documented.replace("these. A `bn.JobArray`: this job's part of the blocks.", "these.")
    return _declared(WorkerOptions, dict(_DEFAULTS), documented, _CHECKS | {"executor": executor_of})(function)


def _declared(
    kinds: Any, defaults: dict[str, Any], documentation: str, checks: Mapping[str, Check]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return the decorator that declares these options."""
    place = f"**options : {kinds.__name__}\n"

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        own = inspect.signature(function)
        # A TypedDict hides annotations in a ForwardRef; `help` shows them as they are written.
        written = {name: getattr(kind, "__forward_arg__", kind) for name, kind in kinds.__annotations__.items()}
        *others, _ = own.parameters.values()
        shared = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=written[name])
            for name, default in defaults.items()
        ]
        signature = own.replace(parameters=[*others, *shared])

        @wraps(function)
        def measuring(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature.bind(*args, **kwargs)
            options = {name: bound.kwargs.get(name, default) for name, default in defaults.items()}
            try:
                return function(*args, **{**kwargs, **checked(options, checks)})
            except (ValueError, AssertionError) as error:
                write_out_codes(error)
                raise

        measuring.__signature__ = signature  # type: ignore[attr-defined]
        measuring.__doc__ = inspect.cleandoc(function.__doc__ or "").replace(place, documentation) + "\n"
        return measuring

    return decorate


def checked(options: Mapping[str, Any], checks: Mapping[str, Check] = _CHECKS) -> dict[str, Any]:
    """Return the options with the types that `run` takes; raise ValueError for an invalid option."""
    return {name: checks[name](name, value) for name, value in options.items()}

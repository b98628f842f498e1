"""Calls everything public with valid arguments of which one or two are replaced by odd values, and judges the outcome.

`PYTHONPATH=. python tests/fuzz/fuzzer.py --calls 100000` prints how many calls failed, and how; `--seed` repeats a run.
"""

from __future__ import annotations

import argparse
import datetime
import inspect
import linecache
import math
import signal
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from odd_values import ODD
from targets import Target
from walk import Kind, all_targets, kinds, methods_of

import bnstats as bn
from benchmarks import campaigns

PACKAGE = str(Path(bn.__file__).parent)
SILENT = "NaN without a word"
LIMIT = 20
"""Seconds in which a call must have ended."""
Outcome = tuple[str, dict[str, Any], str | None]
"""The name of what was called, what it was given, and what is wrong with how that ended."""
OWN_WARNINGS = (bn.exceptions.PrecisionWarning, bn.exceptions.NotFiniteWarning, bn.exceptions.DivergenceWarning)


class Stuck(BaseException):
    """A call that takes too long."""


def _alarm(_: int, __: FrameType | None) -> None:
    raise Stuck


def mutated(rng: np.random.Generator, target: Target) -> dict[str, Any]:
    """Valid arguments, and some optional ones, of which one or two are replaced by odd values, spoiled or left out."""
    given = {name: make() for name, make in target.arguments.items()}
    if not target.parameters:
        return given
    given |= {name: make() for name, make in target.optional.items() if rng.random() < 0.15}
    for name in rng.choice(
        target.parameters, size=min(len(target.parameters), 1 + (rng.random() < 0.3)), replace=False
    ):
        if rng.random() < 0.02:
            given.pop(name, None)
        elif name in given and rng.random() < 0.3:
            given[name] = spoiled(rng, given[name])
        else:
            given[name] = ODD[rng.integers(len(ODD))]()
    return given


def spoiled(rng: np.random.Generator, value: Any) -> Any:
    """Right data with a fault that data have: values that miss, are infinite, alike, huge, few, or of another type."""
    if isinstance(value, dict):
        return {name: spoiled(rng, part) if rng.random() < 0.5 else part for name, part in value.items()}
    if isinstance(value, pd.DataFrame):
        return value.iloc[: rng.integers(3)]
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fi" or not value.size:
        return value
    x = value.astype(np.float64)
    if rng.random() < 0.3:
        x[rng.integers(len(x))] = rng.choice([np.nan, np.inf, -np.inf, 0.0, 1e300])
    changes = (
        lambda: x,
        lambda: x * 0 + 1,
        lambda: x * 1e200,
        lambda: x * 1e-200,
        lambda: x[:0],
        lambda: x[:1],
        lambda: x[:2],
        lambda: x.astype(np.float16),
        lambda: x > 0,
        lambda: x.astype(">f4"),
        lambda: pd.Series(x, range(len(x))[::-1]),
        lambda: pd.Series(x, dtype="Float64"),
    )
    with np.errstate(all="ignore"):
        return changes[rng.integers(len(changes) if x.ndim == 1 else len(changes) - 2)]()


def judge(target: Target, given: dict[str, Any]) -> str | None:
    """What is wrong with how this call ends; None if nothing is."""
    return outcome(target, given)[0]


def outcome(target: Target, given: dict[str, Any]) -> tuple[str | None, Any]:
    """What is wrong with how this call ends, None if nothing is; and what it returns."""
    found: list[Any] = []
    wrong = _verdict(target, given, found.append)
    return wrong, found[0] if found else None


def _verdict(target: Target, given: dict[str, Any], keep: Callable[[Any], None]) -> str | None:
    function = target.call()
    try:
        inspect.signature(function).bind(**given)
    except TypeError:
        return None
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        signal.signal(signal.SIGALRM, _alarm)
        signal.alarm(LIMIT)
        try:
            found = function(**given)
            keep(found)
        except Stuck:
            return "takes too long"
        except AssertionError as error:
            return None if target.name.startswith("testing.") else _where("AssertionError", error)
        except OSError:  # of the operating system, which names the file
            return None
        except ValueError as error:
            return _refusal(error)
        except Exception as error:
            return _where(type(error).__name__, error)
        finally:
            signal.alarm(0)
            plt.close("all")
    stray = [w for w in warned if not issubclass(w.category, OWN_WARNINGS) and not _ours(w)]
    if stray:
        return f"stray {stray[0].category.__name__}: {str(stray[0].message)[:60]}"
    documented = "nan" in (inspect.getdoc(function) or "").lower()
    if not (warned or documented or _has_nan(given)) and any(x != x for x in numbers(found)):
        return SILENT
    return None


def _has_nan(given: dict[str, Any]) -> bool:
    """Whether NaN, missing or infinite values were given: then NaN is no surprise."""
    given = {(name, k): part for name, v in given.items() for k, part in (v if isinstance(v, dict) else {0: v}).items()}
    polars = (value.to_list() for value in given.values() if type(value).__module__ == "polars.series.series")
    lists = (value for value in given.values() if isinstance(value, list))
    if any(part is None for value in (*polars, *lists) for part in value):
        return True
    return not all(math.isfinite(x) for value in given.values() for x in numbers(value))


def _ours(warned: warnings.WarningMessage) -> bool:
    """Whether this package raised the warning itself, at the line of the user: here."""
    return issubclass(warned.category, UserWarning) and warned.filename == __file__


def _refusal(error: Exception) -> str | None:
    """What is wrong with a refusal: it should be one sentence, raised by this package itself."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    if not last.filename.startswith(PACKAGE) or not linecache.getline(
        last.filename, last.lineno or 0
    ).strip().startswith("raise"):
        return _where(f"deep {type(error).__name__}", error)
    text = str(error)
    if len(text) > 600 or "\n" in text:
        return _where("long message", error)
    return None


def _where(what: str, error: BaseException) -> str:
    ours = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(PACKAGE)]
    place = f"{Path(ours[-1].filename).relative_to(PACKAGE)}:{ours[-1].lineno}" if ours else "at the door"
    text = f"{type(error).__name__}"
    try:
        text = str(error).splitlines()[0][:70] if str(error) else text
    except Exception:  # of a user's own object
        text = type(error).__name__
    return f"{what} in {place}: {text}"


def numbers(found: Any) -> Iterator[float]:
    """The numbers in a result: of a float, of an array, or of a dataclass of these."""
    if isinstance(found, pd.Series | pd.DataFrame):
        found = found.to_numpy(np.float64, na_value=np.nan) if _nullable(found) else found.to_numpy()
    if isinstance(found, float | np.floating):
        yield float(found)
    elif isinstance(found, np.ndarray) and found.dtype.kind == "f":
        yield from np.asarray(found, dtype=np.float64).ravel()[:1000].tolist()  # whatever a mask hides
    elif isinstance(found, tuple | list):
        for part in found:
            yield from numbers(part)
    elif (
        is_dataclass(found)
        and not isinstance(found, type)
        and not isinstance(getattr(found, "table", None), pd.DataFrame)
    ):
        for part in fields(found):
            yield from numbers(getattr(found, part.name, None))


def _nullable(found: Any) -> bool:
    """Whether numbers may be missing in a column of pandas without being NaN."""
    return isinstance(found, pd.Series) and not isinstance(found.dtype, np.dtype) and found.dtype.kind in "biuf"


def fuzz(calls: int, seed: int, only: str = "") -> Iterator[Outcome]:
    """Call and judge: the name of the target, what it was given, and what is wrong."""
    rng = np.random.default_rng(seed)
    known = [target for target in all_targets() if target.name.startswith(only)]
    weights = np.array([0.1 if target.slow else 1.0 for target in known])
    weights /= weights.sum()
    known_kinds = kinds()
    for _ in range(calls):
        target = known[rng.choice(len(known), p=weights)]
        given = mutated(rng, target)
        wrong, made = outcome(target, given)
        yield str(target.name), given, wrong
        if wrong is None and type(made) in known_kinds and type(made) is target.call():
            yield from used(rng, target.name, given, made)


def used(rng: np.random.Generator, name: str, given: dict[str, Any], made: Any) -> Iterator[Outcome]:
    """What an object that was made of odd arguments does: its properties, a method and a function that takes it."""
    kind = kinds()[type(made)]
    for member in kind.properties:
        said = judge(_property(made, kind, member), {})
        yield f"{name}(...).{member}", given, None if said == SILENT and _has_nan(given) else said
    methods = list(methods_of(replace(kind, make=lambda: made)))
    if methods:
        method = methods[rng.integers(len(methods))]
        if not method.slow:
            said = judge(method, method.valid())
            yield f"{name}(...), then {method.name}", given, None if said == SILENT and _has_nan(given) else said
    takers = takers_of(type(made))
    if takers:
        taker, parameter = takers[rng.integers(len(takers))]
        valid = {**taker.valid(), parameter: made}
        yield f"{name}(...), given to {taker.name}", given, judge(taker, valid)


def _property(made: Any, kind: Kind, name: str) -> Target:
    def read() -> Any:
        return getattr(made, name)

    read.__doc__ = f"{inspect.getdoc(kind.members[name])} {inspect.getdoc(kind.cls)}"
    return Target(name, lambda: read, {}, ())


@cache
def takers_of(cls: type) -> list[tuple[Target, str]]:
    """Calls that take an object of a class, and the name of the argument, by what is valid there."""
    quick = (target for target in all_targets() if not target.slow)
    return [(t, name) for t in quick for name, make in t.arguments.items() if isinstance(make(), cls)]


def today() -> int:
    """A seed from the day: new calls every day, the same ones all day."""
    return int(datetime.datetime.now(datetime.UTC).strftime("%Y%m%d"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=today())
    parser.add_argument("--shown", type=int, default=40)
    parser.add_argument("--only", default="", help="targets whose name begins with this")
    campaigns.add_to(parser)
    asked = parser.parse_args()
    wrong: Counter[str] = Counter()
    calls = 0
    start = time.monotonic()
    with TemporaryDirectory() as folder, chdir(folder):  # a store may be opened under any name
        for name, _, what in fuzz(asked.calls, asked.seed, asked.only):
            calls += 1
            if what:
                wrong[f"{name}: {what}"] += 1
    print(f"{sum(wrong.values())} of {calls} calls went wrong in {len(wrong)} ways (seed {asked.seed})")
    for what, times in wrong.most_common(asked.shown):
        print(f"{times:6d}  {what}")
    judged = Counter(what.partition(": ")[2] for what in wrong.elements())
    judged["as it should"] = calls - wrong.total()
    said = f"PYTHONPATH=. python tests/fuzz/fuzzer.py --calls {asked.calls} --seed {asked.seed}"
    campaigns.save(asked.to, campaigns.rows(said, "a call with odd arguments", judged, time.monotonic() - start))


if __name__ == "__main__":
    main()

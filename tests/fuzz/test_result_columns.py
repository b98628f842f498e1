"""Columns of results: docstrings describe those that the frames have, no less and no more.

The walk finds every public function and method. Frames that they return for valid arguments are compared with lists of
columns in docstrings: "- `name`, `name`: text".
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import pandas as pd
import pytest
import targets
import walk

import bnstats as bn

# The study, or the compared table, names the columns before `value`.
OPEN_BEFORE_VALUE = ("run", ".compare")
ENTRY = re.compile(r"^ *- ((?:`\w+`(?:, )?)+): (.*(?:\n(?! *- |\n).*)*)", re.MULTILINE)
ROWS = pd.DataFrame({"batch_size": [2, 4]})


@dataclasses.dataclass(frozen=True)
class Frame:
    """Frame that a call returns, or that its result holds, with the docstring that describes the columns."""

    name: str
    columns: tuple[str, ...]
    described: str


def entries(docstring: str) -> dict[str, str]:
    """Return the text of each column that a docstring lists."""
    found = ENTRY.findall(inspect.cleandoc(docstring))
    return {name: text for names, text in found for name in re.findall(r"`(\w+)`", names)}


def faults(frame: Frame) -> list[str]:
    """Return the columns that are not described, and those described that the frame lacks."""
    described, columns = entries(frame.described), list(frame.columns)
    if frame.name.endswith(OPEN_BEFORE_VALUE):
        columns = [name for name in columns[: columns.index("value")] if name in described] + columns[
            columns.index("value") :
        ]
    missing = [f"{name} is not described" for name in columns if name not in described]
    optional = [name for name, text in described.items() if re.search(r"\bonly (for|if)\b", text)]
    return missing + [f"{name} is no column" for name in described if name not in [*columns, *optional]]


def held(name: str, function: Any, result: Any) -> Iterator[Frame]:
    """Yield the frame that a function returns, or the table of the result that it returns."""
    documented = function.__doc__ or ""
    if isinstance(result, pd.DataFrame):
        yield Frame(name, tuple(result), documented)
        return
    if isinstance(getattr(result, "table", None), pd.DataFrame) and dataclasses.is_dataclass(result):
        yield Frame(name, tuple(result.table), documented.partition("`errors` has")[0])


@cache
def frames() -> tuple[Frame, ...]:
    """Return every frame that a public function or method returns for valid arguments."""
    found: list[Frame] = []
    for target in walk.all_targets():
        short = target.name.split(".")[-1]
        if target.name.startswith(("plots.", "audit", "results.Audit", "networks.", "theory.", "claims.", "testing.")):
            continue
        if target.slow and not short.startswith(
            ("measure_", "leave_one", "check_claims", "compare", "run", "best_corrections")
        ):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call = target.call()
                made = targets.result(target.name) if target.name.startswith("measure_") else call(**target.valid())
        except ValueError:  # the arguments of `compare` suit one of the results
            assert short == "compare", target.name
            continue
        found += held(target.name, call, made)
    return tuple(found)


def test_docstrings_describe_the_columns_of_every_frame():
    wrong = [f"{frame.name}: {', '.join(faults(frame))}" for frame in frames() if faults(frame)]
    assert not wrong, "\n".join(wrong)


def test_the_walk_finds_the_frames():
    names = {frame.name for frame in frames()}
    assert {name for name in dir(bn) if name.startswith("measure_")} <= names
    assert {"run", "leave_one_batch_out", "check_claims", "results.Corrected.compare"} <= names
    assert {"results.Mismatch.gap", "results.Gradients.factors", "results.Corrected.best_corrections"} <= names
    assert "results.Convergence.rates" in names


def test_other_frames_of_a_result_are_described_too():
    """They stand in the function's docstring, or at the attribute."""
    left_out = targets.result("leave_one_batch_out")
    errors = (bn.leave_one_batch_out.__doc__ or "").partition("`errors` has")[2]
    assert not faults(Frame("errors", tuple(left_out.errors), errors))
    gradients = targets.result("measure_gradients")
    limits = (bn.results.Gradients.__doc__ or "").partition("limits : DataFrame")[2]
    assert not faults(Frame("limits", tuple(gradients.limits), limits))
    mismatch = targets.result("measure_mismatch")
    assert tuple(mismatch.parts) == tuple(mismatch.gap())


@pytest.mark.parametrize(
    ("docstring", "fault"),
    [
        ("- `batch_size`: rows", []),
        ("- `batch_size`, `value`: rows", ["value is no column"]),
        ("- `value`: number,\n  only if asked\n- `batch_size`: rows", []),
        ("- `size`: rows", ["batch_size is not described", "size is no column"]),
        ("`batch_size`: rows", ["batch_size is not described"]),
    ],
)
def test_a_column_that_is_missing_or_renamed_is_found(docstring, fault):
    assert faults(Frame("own", tuple(ROWS), docstring)) == fault

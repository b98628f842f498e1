"""Values that a public function may be given by mistake, and ones that are unusual but right."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

import bnstats as bn


class Rude:
    """An object that cannot be printed, compared, hashed or listed."""

    __hash__ = None

    def __repr__(self):
        raise RuntimeError("cannot be printed")

    def __eq__(self, other):
        raise RuntimeError("cannot be compared")

    def __iter__(self):
        raise RuntimeError("cannot be listed")

    def __array__(self, *_, **__):
        raise RuntimeError("is no array")


class Word(str):
    """A string of another type."""

    __slots__ = ()


def raising(*_: Any, **__: Any) -> Any:
    raise KeyError("inside a function of the user's")


def returning_words(*_: Any, **__: Any) -> Any:
    return "word"


def _of_polars() -> tuple[Callable[[], Any], ...]:
    """A column with a missing value and a table of polars, where it is installed."""
    if importlib.util.find_spec("polars") is None:
        return ()
    import polars as pl

    return (lambda: pl.Series("x", [1, None, 3]), lambda: pl.DataFrame({"a": [1.0, 2.0], "b": [3, 4]}))


# Made anew for each call: some are used up, others could be changed.
ODD: tuple[Callable[[], Any], ...] = (
    *(lambda value=value: value for value in (None, True, False, 0, 1, 2, 3, -1, 7, 64, 2**31, 2**40, 2**63, 10**400)),
    *(
        lambda value=value: value
        for value in (0.0, 0.5, 1.0, 1.5, 2.5, -0.5, 64.0, 1e-300, 1e300, np.nan, np.inf, -np.inf)
    ),
    *(
        lambda value=value: value
        for value in ("", "mean", "normal", "no such name", "x" * 1000, "\0", b"bytes", Word("var"))
    ),
    *(
        lambda value=value: value
        for value in (1 + 2j, Decimal("0.5"), Fraction(1, 3), Fraction(64), Ellipsis, NotImplemented)
    ),
    *(lambda value=value: value for value in (np.int8(3), np.uint64(2**63), np.float32(0.5), np.float64(64), np.True_)),
    *(
        lambda value=value: value
        for value in (
            np.float16(0.5),
            np.float16(np.inf),
            np.timedelta64(1, "D"),
            np.timedelta64("NaT", "s"),
        )
    ),
    *(
        lambda value=value: value
        for value in (pd.NA, pd.NaT, pd.Timedelta(1, "D"), pd.Timestamp("2024-01-01"), np.datetime64("2024-01-01"))
    ),
    *(
        lambda value=value: value
        for value in (object(), int, bn.IID, Exception("a"), raising, returning_words, len, np.sort)
    ),
    *(
        lambda value=value: value
        for value in (stats.norm, stats.norm(), stats.cauchy(), stats.t(2.5), stats.norm([0, 1]))
    ),
    *(lambda value=value: value for value in (bn.IID(), bn.Clustered(0.5), bn.Shuffled(), bn.shifts.Noise(0.5))),
    lambda: Rude(),
    lambda: [],
    lambda: (),
    lambda: {},
    lambda: set(),
    lambda: {2, 4},
    lambda: {"a": 1},
    lambda: [None],
    lambda: [[]],
    lambda: [1, [2, 3]],
    lambda: [2, 4.0, "8"],
    lambda: [2, 4.0, 8],
    lambda: [0.1, 0.1],
    lambda: ["mean", "mean"],
    lambda: [Rude()],
    lambda: range(2, 5),
    lambda: (k for k in (2, 4)),
    lambda: count(2),
    lambda: slice(3),
    lambda: Path("no such folder") / "file",
    lambda: np.empty(0),
    lambda: np.empty((0, 3)),
    lambda: np.array(5.0),
    lambda: np.array(5),
    lambda: np.zeros(8),
    lambda: np.full(8, np.nan),
    lambda: np.array([0.0, np.inf, 1.0]),
    lambda: np.arange(8.0),
    lambda: np.arange(8),
    lambda: np.arange(8, dtype=">f8"),
    lambda: np.arange(8, dtype="f2"),
    lambda: np.arange(8, dtype="longdouble"),
    lambda: np.arange(16.0).reshape(2, 8),
    lambda: np.arange(8.0).reshape(2, 2, 2),
    lambda: np.arange(8.0)[::-2],
    lambda: np.arange(8) > 3,
    lambda: np.arange(8) * 1j,
    lambda: np.arange(8).astype(object),
    lambda: np.array(["a", "b"] * 4),
    lambda: np.array(["2020-01-01", "2020-01-02"] * 4, "datetime64[D]"),
    lambda: np.array([(1, 2.0)], "i4,f8"),
    lambda: np.ma.MaskedArray(np.arange(8.0), mask=np.arange(8) > 5),
    lambda: np.ma.masked,
    lambda: np.array([1e308, -1e308, 1e308]),
    lambda: np.array([1e-320, 2e-320]),
    lambda: np.array([1e16, 1e16 + 2]),
    lambda: np.array([2**62, -(2**62)]),
    lambda: pd.Series([1.0, 2.0, 4.0]),
    lambda: pd.Series([1, None, 3], dtype="Int64"),
    lambda: pd.Series(["a", "b", "a"], dtype="category"),
    lambda: pd.DataFrame({"a": [1.0, 2.0]}),
    lambda: pd.Series([1.0, None, 3.0], dtype="Float64"),
    lambda: pd.Series([True, False, None], dtype="boolean"),
    lambda: pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
    lambda: np.array([1, 2, 3], "m8[D]"),
    lambda: np.arange(8, dtype=np.float16),
    *_of_polars(),
    lambda: np.random.default_rng(0),
    lambda: np.random.RandomState(0),
)

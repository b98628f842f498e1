"""Tables and columns of pandas, polars and Arrow are data, and come back as what they were."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_refused_arrays import LABELS, NUMBERS

import bnstats as bn
from bnstats._checks.arrays import real_array
from bnstats.corrections import CORRECTIONS, check_confounding

CENTER = CORRECTIONS["center"]
VALUES = [1.0, 2.0, 4.0, 3.0, 5.0, 7.0]
KEY = ["a", "a", "b", "b", "c", "c"]
PLAIN = np.array(VALUES)
CENTERED = CENTER(PLAIN, KEY)


def of_polars(values: Any) -> Any:
    return pytest.importorskip("polars").Series("x", values)


def of_arrow(values: Any) -> Any:
    return pytest.importorskip("pyarrow").array(values)


def arrow_backed(values: Any, kind: str) -> Any:
    pytest.importorskip("pyarrow")
    return pd.Series(values, dtype=kind)


# Columns with the same values, of every kind; None is a missing value.
COLUMNS: dict[str, Callable[[Any], Any]] = {
    "Float64": lambda values: pd.Series(values, dtype="Float64"),
    "Int64": lambda values: pd.Series(values, dtype="Int64"),
    "array of Float64": lambda values: pd.array(values, dtype="Float64"),
    "object": lambda values: pd.Series(values, dtype=object),
    "list": list,
    "double[pyarrow]": lambda values: arrow_backed(values, "double[pyarrow]"),
    "int64[pyarrow]": lambda values: arrow_backed(values, "int64[pyarrow]"),
    "pyarrow": of_arrow,
    "polars": of_polars,
}
WORDS: dict[str, Callable[[Any], Any]] = {
    "string": lambda words: pd.Series(words, dtype="string"),
    "str": lambda words: pd.Series(words),
    "category": lambda words: pd.Series(words, dtype=pd.CategoricalDtype(["z", "c", "b", "a"])),
    "categorical": pd.Categorical,
    "one column": lambda words: pd.DataFrame({"batch": words}),
    "string[pyarrow]": lambda words: arrow_backed(words, "string[pyarrow]"),
    "pyarrow": of_arrow,
    "polars": of_polars,
    "polars, one column": lambda words: of_polars(words).to_frame(),
    "polars, category": lambda words: of_polars(words).cast(pytest.importorskip("polars").Categorical),
}


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("door", sorted(set(NUMBERS) - {"rows", "simulated"}))
def test_numbers_of_any_kind_are_numbers(door: str, kind: str) -> None:
    NUMBERS[door](COLUMNS[kind](VALUES))


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("door", ["population", "corrected", "times", "left out", "outcome", "running"])
def test_a_missing_number_is_refused_as_nan_is(door: str, kind: str) -> None:
    for number in (None, float("nan")):
        if number is None or "int" not in kind.lower():
            with pytest.raises(ValueError, match=r"finite|NaN or infinite"):
                NUMBERS[door](COLUMNS[kind]([1.0, number, *VALUES[2:]]))


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("door", LABELS)
def test_labels_of_any_kind_are_labels(door: str, kind: str) -> None:
    words = ["a", "b"] * 3 if door in ("classes", "confounding", "confounded labels") else KEY
    LABELS[door](WORDS[kind](words))


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("door", LABELS)
def test_a_missing_label_is_refused(door: str, kind: str) -> None:
    words = [None, *KEY[1:]]
    with pytest.raises(ValueError, match=r"missing|has no batch|no finite x or outcome, or no batch"):
        LABELS[door](WORDS[kind](words))


def test_levels_that_no_row_has_are_no_batches() -> None:
    key = pd.Series(KEY, dtype=pd.CategoricalDtype(["z", "c", "b", "a"]))
    assert CENTER.fit(PLAIN, key).labels.tolist() == ["a", "b", "c"]
    assert bn.leave_one_batch_out(PLAIN, PLAIN[::-1], key).errors["batch"].nunique() == 3
    check_confounding(key[:0].reindex(range(6), fill_value="a"), key)


def test_series_and_frames_come_back_with_their_labels() -> None:
    index = pd.Index(list("uvwxyz"), name="pupil")
    series = pd.Series(VALUES, index=index, name="grade")
    pd.testing.assert_series_equal(CENTER(series, KEY), pd.Series(CENTERED, index=index, name="grade"))
    frame = pd.DataFrame({"grade": VALUES, 7: VALUES}, index=index)
    wanted = pd.DataFrame({"grade": CENTERED, 7: CENTERED}, index=index)
    pd.testing.assert_frame_equal(CENTER(frame, KEY), wanted)
    pd.testing.assert_frame_equal(CENTER.fit(frame, KEY).apply(frame.astype("Float64"), KEY), wanted)
    pd.testing.assert_frame_equal(CENTER(frame[["grade"]], KEY), wanted[["grade"]])
    pd.testing.assert_frame_equal(
        CENTER(frame.set_axis(pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]), axis=1), KEY),
        wanted.set_axis(pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]), axis=1),
    )
    assert type(CENTER(VALUES, pd.Series(KEY))) is np.ndarray  # the values decide


def test_effects_have_the_labels_of_the_key() -> None:
    key = pd.Series(["c", "a"], index=["new", "old"])
    fitted = CENTER.fit(pd.DataFrame({"u": VALUES, "v": VALUES}), KEY)
    wanted = CENTER.fit(PLAIN, KEY).effect(["c", "a"])
    pd.testing.assert_frame_equal(fitted.effect(key), pd.DataFrame({"u": wanted, "v": wanted}, index=key.index))
    pd.testing.assert_series_equal(CENTER.fit(PLAIN, KEY).effect(key.to_frame()), pd.Series(wanted, index=key.index))


def test_polars_comes_back_as_polars() -> None:
    pl = pytest.importorskip("polars")
    series, frame = pl.Series("grade", VALUES), pl.DataFrame({"u": VALUES, "v": [*VALUES[1:], 0.0]})
    assert CENTER(series, pl.Series(KEY)).equals(pl.Series("grade", CENTERED))
    corrected = CENTER(frame, pl.Series(KEY))
    assert corrected.columns == ["u", "v"]
    np.testing.assert_array_equal(corrected["u"].to_numpy(), CENTERED)
    assert CENTER.fit(frame, KEY).apply(frame.select("v", "u"), KEY).equals(corrected.select("v", "u"))
    shifted, y = bn.shifts.Gain(1.0).apply(np.random.default_rng(0), frame, pl.Series([0, 1] * 3))
    assert shifted["u"].to_list() == [2 * value for value in VALUES]
    assert y.to_list() == [0, 1] * 3


def test_shifted_rows_have_the_labels_of_the_rows() -> None:
    frame = pd.DataFrame({"u": VALUES, "v": VALUES}, index=list("abcdef"))
    y = pd.Series([0, 0, 1, 1, 1, 1], index=list("fedcba"))
    x, classes = bn.shifts.Gain(1.0).apply(np.random.default_rng(0), x=frame, y=y)
    pd.testing.assert_frame_equal(x, 2 * frame.astype("float32"))
    pd.testing.assert_series_equal(classes, y.iloc[::-1])


def test_detectable_discrepancies_have_the_labels_of_the_estimates() -> None:
    estimate = pd.Series([0.5, 0.1], index=["u", "v"])
    found = bn.testing.assert_within_mcse(estimate, estimate, 0.1)
    assert found.index.equals(estimate.index)


def test_tables_of_polars_and_arrow_are_rows() -> None:
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    columns = {"u": VALUES, "v": [1, 2, 3, 4, 5, 7]}
    wanted = CENTER(np.column_stack(list(columns.values())), KEY)
    mixed = pd.DataFrame(columns).astype({"u": "Float64", "v": "int64[pyarrow]"})
    for table in (pl.DataFrame(columns), pa.table(columns), mixed, mixed.astype({"v": "Int64"})):
        np.testing.assert_array_equal(np.asarray(CENTER(table, KEY)), wanted)
        assert bn.Dataset.of((table, [0, 0, 0, 1, 1, 1])).inputs == 2


def test_reading_tables_imports_no_library_of_tables() -> None:
    """Others may import them; this package does not, wherever it is read."""
    source = Path(bn.__file__).parent
    assert not [path for path in source.rglob("*.py") if re.search(r"import (polars|pyarrow)", path.read_text())]


def days(values: Any) -> np.ndarray:
    """The curve's effects at these times, which are what dates have in common."""
    return np.asarray(CORRECTIONS["polynomial"].fit(PLAIN, values).effects)


def test_dates_with_a_zone_and_periods_are_times() -> None:
    stamps = pd.date_range("2024-01-01", periods=6, freq="D")
    wanted = days(np.arange(6.0))
    for times in (
        stamps.tz_localize("UTC"),
        pd.Series(stamps.tz_localize("Asia/Tokyo")),
        stamps.to_period("D"),
        pd.Series(stamps.to_period("D")),
        [stamp.date() for stamp in stamps],
        [stamp.to_pydatetime() for stamp in stamps],
        pd.to_timedelta(np.arange(6), unit="D"),
        pd.Series(np.arange(6), dtype="Int64"),
    ):
        np.testing.assert_allclose(days(times), wanted, atol=1e-7)
    np.testing.assert_allclose(days(pd.period_range("2024-01", periods=6, freq="M")), days([0, 31, 60, 91, 121, 152]))
    with pytest.raises(ValueError, match="times are finite; row 1 has nan"):
        days(pd.Series([stamps[0].tz_localize("UTC"), pd.NaT, *stamps[2:].tz_localize("UTC")]))
    with pytest.raises(ValueError, match="times are numbers, or dates"):
        days([*stamps[:5], "soon"])


def test_dates_of_polars_and_arrow_are_times() -> None:
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    stamps = pd.date_range("2024-01-01", periods=6, freq="D")
    wanted = days(np.arange(6.0))
    naive = pl.Series(stamps.to_numpy())
    dates = [stamp.date() for stamp in stamps]
    for times in (
        naive,
        naive.dt.replace_time_zone("UTC"),
        naive.cast(pl.Date),
        pd.Series(dates, dtype=pd.ArrowDtype(pa.date32())),
        pd.Series(stamps, dtype=pd.ArrowDtype(pa.timestamp("ns", "UTC"))),
    ):
        np.testing.assert_allclose(days(times), wanted, atol=1e-7)


# ---- the advice of a message mends what it is about


def advised(said: str, start: str, given: dict[str, Any]) -> Any:
    """What the code in a message makes, between these words and the full stop."""
    code = said.partition(start)[2].rstrip(".").removesuffix(", and their y").removesuffix(" makes of text")
    names = {"np": np, "pd": pd, **given}
    if "polars" in sys.modules:
        names["pl"] = sys.modules["polars"]
    for between in (" after ", " with "):
        code, _, first = code.partition(between)
        if first:
            exec(first, names)
            break
    return eval(code, names)


def refusal(values: Any, **kwargs: Any) -> str:
    with pytest.raises(ValueError) as found:  # noqa: PT011
        real_array("x", values, **kwargs)
    return str(found.value)


HOLED: dict[str, Callable[[], Any]] = {
    "array": lambda: np.array([1.0, np.nan, np.inf, 4.0]),
    "rows": lambda: np.array([[1.0, np.nan], [1.0, 4.0]]),
    "list": lambda: [1.0, None, 4.0],
    "Int64": lambda: pd.Series([1, None, 4], dtype="Int64"),
    "Float64": lambda: pd.Series([1, None, np.inf], dtype="Float64"),
    "boolean": lambda: pd.Series([True, None, False], dtype="boolean"),
    "labeled": lambda: pd.Series([1.0, np.nan, np.inf], index=["u", "v", "w"]),
    "frame": lambda: pd.DataFrame({"a": [1.0, np.nan, 2.0], "b": pd.array([1, 2, None], dtype="Int64")}),
    "arrow": lambda: arrow_backed([1.0, None, np.inf], "double[pyarrow]"),
    "arrow integers": lambda: arrow_backed([1, None, 3], "int64[pyarrow]"),
    "pyarrow": lambda: of_arrow([1.0, None, 3.0]),
    "polars": lambda: of_polars([1.0, None, float("nan"), float("inf")]),
    "polars integers": lambda: of_polars([1, None, 3]),
    "polars frame": lambda: pytest.importorskip("polars").DataFrame({"a": [1.0, None], "b": [1, 2]}),
}


@pytest.mark.parametrize("kind", HOLED)
def test_finite_values_are_kept_as_the_message_says(kind: str) -> None:
    values = HOLED[kind]()
    kept = real_array("x", advised(refusal(values), "keep the others with ", {"x": values}))
    whole = np.asarray(real_array("x", values, finite=False))
    np.testing.assert_array_equal(
        kept, whole[np.isfinite(whole).all(axis=1) if whole.ndim == 2 else np.isfinite(whole)]
    )


STAMPS = pd.date_range("2024-01-01", periods=3, freq="D")
NO_NUMBERS: dict[str, Callable[[], Any]] = {
    "dates": lambda: STAMPS.to_numpy(),
    "labeled dates": lambda: pd.Series(STAMPS, index=list("abc")),
    "zone": lambda: pd.Series(STAMPS.tz_localize("Europe/Berlin"), index=list("abc")),
    "periods": lambda: pd.Series(STAMPS.to_period("D")),
    "list of dates": lambda: [stamp.date() for stamp in STAMPS],
    "polars dates": lambda: of_polars([stamp.date() for stamp in STAMPS]),
    "durations": lambda: pd.Series(STAMPS - STAMPS[0]),
    "timedelta64": lambda: np.arange(3).astype("m8[D]"),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_dates_become_numbers_as_the_message_says(kind: str) -> None:
    values = NO_NUMBERS[kind]()
    said = refusal(values)
    start = "give days, "
    if " with t = " in said:
        said = said.replace(" with t = ", " with t = ")
    np.testing.assert_array_equal(real_array("x", advised(said, start, {"x": values})), [0.0, 1.0, 2.0])


def test_text_decimals_and_columns_become_numbers_as_the_message_says() -> None:
    for text in (["1", "2"], pd.Series(["1", "2"], dtype="string"), pd.Series(["1", "2"], dtype=object)):
        assert real_array("x", advised(refusal(text), "give numbers, as ", {"x": text})).tolist() == [1, 2]
    decimals = pd.Series([Decimal(1), Decimal(2)])
    assert real_array("x", advised(refusal(decimals), "give floats, ", {"x": decimals})).tolist() == [1, 2]
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": STAMPS[:2]})
    said = refusal(frame)
    assert "got columns of other kinds, ['b', 'c']: drop them with " in said
    assert real_array("x", advised(said, "drop them with ", {"x": frame})).tolist() == [[1], [2]]
    pl = pytest.importorskip("polars")
    table = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert real_array("x", advised(refusal(table), "drop them with ", {"x": table})).tolist() == [[1], [2]]
    lazy = table.select("a").lazy()
    assert real_array("x", advised(refusal(lazy), "no values yet; give ", {"x": lazy})).tolist() == [[1], [2]]


def test_columns_that_vary_are_kept_as_the_message_says() -> None:
    for x in (
        pd.DataFrame({"a": VALUES, "b": 1.0}),
        np.column_stack([PLAIN, np.ones(6)]),
        pytest.importorskip("polars").DataFrame({"a": VALUES, "b": [1.0] * 6}),
    ):
        with pytest.raises(ValueError, match="1 columns of x are constant") as found:
            bn.Dataset.of((x, [0, 1] * 3))
        kept = advised(str(found.value), "drop them with ", {"x": x})
        assert bn.Dataset.of((kept, [0, 1] * 3)).inputs == 1


def test_a_constant_feature_is_named() -> None:
    frame = pd.DataFrame({"dose": VALUES, "plate": [1.0] * 6, "age": [3.0, 1.0, 4.0, 1.5, 9.0, 2.5]})
    varying = frame[["dose", "age"]].copy()
    for name in ("standardize", "shrink_scale", "combat"):
        with pytest.warns(UserWarning, match=r"feature 'plate' does not vary within any batch, so it is left as it is"):
            corrected = CORRECTIONS[name](frame, KEY)
        assert (corrected["plate"] == 1).all()
        np.testing.assert_allclose(corrected["dose"], CORRECTIONS[name](frame[["dose", "age"]], KEY)["dose"])
        assert np.isfinite(CORRECTIONS[name](varying, KEY)).all(axis=None)
    frame["age"] = [1.0, 2.0, 1.0, 2.0, 3.0, 3.0]
    with (
        pytest.warns(UserWarning, match="feature 1 does not vary"),
        pytest.raises(ValueError, match=r"batch 'c' holds equal values only of feature 2,"),
    ):
        CORRECTIONS["standardize"](frame.to_numpy(), KEY)
    assert np.isfinite(CENTER(frame, KEY)).all(axis=None)  # the other advice

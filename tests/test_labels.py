"""Arguments with a value for each row are aligned by label, in every public function that takes two of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bnstats as bn
from bnstats.corrections import CORRECTIONS, check_confounding

ROWS = 12
RNG = np.random.default_rng(0)
LABELS = pd.Index([f"row {k}" for k in range(ROWS)])
X = pd.Series(RNG.normal(size=ROWS), LABELS, name="grade")
OUTCOME = pd.Series(RNG.normal(size=ROWS), LABELS)
FRAME = pd.DataFrame(RNG.normal(size=(ROWS, 3)), LABELS, columns=["a", "b", "c"])
BATCH = pd.Series(np.repeat(["p", "q", "r"], 4), LABELS)
CLASS = pd.Series(np.tile([0, 1], 6), LABELS)
SUBJECT = pd.Series(list("uvwuvwuvwuvw"), LABELS)
ORDER = np.random.default_rng(1).permutation(ROWS)
NETWORK = bn.networks.Network.initial(bn.networks.Recipe(hidden=(3,)), 3, 2, np.random.default_rng(0))
BATCHES = np.arange(ROWS).reshape(2, 6)
CENTER = CORRECTIONS["center"]
ROWS_OF_FIT = {"x": X, "key": BATCH, "keep": OUTCOME, "second_batch": CLASS, "subject": SUBJECT}


def refusal(function: Callable[..., Any], **given: Any) -> list[str]:
    """The sentence with which a call ends, if it does."""
    try:
        function(**given)
    except ValueError as error:
        if "match" in str(error) or "orders" in str(error):
            raise
        return [str(error)]
    return []


# A call of each public function that takes a value for each row by two arguments or more, and what it gives back.
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "corrections.Correction.__call__": (CENTER, ROWS_OF_FIT),
    "corrections.Correction.fit": (lambda **rows: CENTER.fit(**rows).effects, ROWS_OF_FIT),
    "corrections.Correction.__call__, keep= of a mapping": (
        lambda **rows: CENTER(rows["x"], rows["key"], keep={"age": rows["keep"], "sex": rows["second_batch"]}),
        ROWS_OF_FIT,
    ),
    "corrections.Fitted.apply": (CENTER.fit(**ROWS_OF_FIT).apply, ROWS_OF_FIT),
    "corrections.Fitted.adapt": (lambda **rows: CENTER.fit(**ROWS_OF_FIT).adapt(**rows).effects, ROWS_OF_FIT),
    "corrections.check_confounding": (
        lambda **rows: refusal(check_confounding, **rows),
        {"batch": BATCH, "label": BATCH.map({"p": 0, "q": 0, "r": 1})},
    ),
    "leave_one_batch_out": (
        lambda **rows: bn.leave_one_batch_out(**rows).table.drop(columns="correction").to_numpy(float),
        {"x": X, "outcome": OUTCOME, "batch": BATCH},
    ),
    "networks.Network.train": (
        lambda **rows: NETWORK.train(**rows, batches=BATCHES)[1],
        {"x": FRAME, "y": CLASS},
    ),
    "networks.Network.gradients": (
        lambda **rows: NETWORK.gradients(**rows, batches=BATCHES)[0],
        {"x": FRAME, "y": CLASS},
    ),
    **{
        f"shifts.{kind}.apply": (
            lambda shift=shift, **rows: shift.apply(np.random.default_rng(0), **rows)[1],
            {"x": FRAME, "y": CLASS},
        )
        for kind, shift in {
            "Gain": bn.shifts.Gain(0.5),
            "Offset": bn.shifts.Offset(0.5),
            "Contrast": bn.shifts.Contrast(0.5),
            "Noise": bn.shifts.Noise(0.5),
            "ClassMix": bn.shifts.ClassMix(0.5),
        }.items()
    },
    "testing.assert_within_mcse": (
        lambda **rows: bn.testing.assert_within_mcse(**rows),
        {"estimate": X, "truth": X + 1e-3, "mcse": OUTCOME.abs()},
    ),
    "Moments": (lambda **rows: bn.Moments(**rows).var(), {"n": CLASS + 2, "mean": X, "m2": OUTCOME.abs()}),
    "RunningStats": (
        lambda **rows: bn.RunningStats("torch", 1, **rows).normalize(np.ones((1, ROWS))),
        {"mean": X, "var": OUTCOME.abs()},
    ),
    "theory.loss_offset": (
        lambda **rows: bn.theory.loss_offset(NETWORK, **rows, batch_size=4),
        {"x": FRAME, "y": CLASS},
    ),
    "Dataset.of": (
        lambda **rows: bn.Dataset.of((rows["x of dataset"], rows["y of dataset"])).split(np.random.default_rng(0)).y,
        {"x of dataset": FRAME, "y of dataset": CLASS},
    ),
}
IN_ONE_ARGUMENT = {"Dataset.of", "corrections.Correction.__call__, keep= of a mapping"}
# They take several arrays that have no rows in common: with what they are of, and why labels say nothing.
APART = {
    "adaptation": "statistics of units beside values (batches, rows, units)",
    "networks.Network": "parameters and velocity of a network",
    "networks.Network.batch_statistics": "row numbers",
    "networks.Network.logits_in_batches": "row numbers",
    "normalizers.BatchThenGroup.evaluate": "statistics of units beside rows of them",
    "summaries.Replicates": "sums over replicates, made by a run",
    "corrections.Fitted": "made by Correction.fit",
}


def callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function, constructor and method, found from the public names."""
    for name in dir(bn):
        try:
            thing = getattr(bn, name)
        except ModuleNotFoundError:  # what needs PyTorch, where it is not installed
            continue
        space = isinstance(thing, ModuleType)
        names = [inner for inner in thing.__all__ if not inner.endswith("Callback")] if space else []
        found = {f"{name}.{inner}": getattr(thing, inner) for inner in names} if space else {name: thing}
        for path, one in found.items():
            if not isinstance(one, type):
                yield from [(path, one)] if callable(one) else []
                continue
            yield path, one.__init__
            for member in ("__call__", *(m for m in dir(one) if not m.startswith("_"))):
                held = inspect.getattr_static(one, member, None)
                function = getattr(held, "__func__", held)
                if inspect.isfunction(function):
                    yield f"{path}.{member}", function


def test_every_public_function_of_two_arrays_aligns_them_or_says_why_not() -> None:
    """A new function that takes two arrays fails here until it is aligned and called below."""
    aligned = set()
    for name, function in callables():
        arrays = [
            p.name
            for p in inspect.signature(function).parameters.values()
            if re.search(r"(?<!Job)Array", str(p.annotation))
        ]
        if len(getattr(function, "per_row", ())) > 1:
            assert set(arrays) - {"batches"} <= set(function.per_row), name
            aligned.add(name)
        elif len(arrays) > 1:
            assert name in APART or name.partition(".")[0] in APART, f"{name} takes {arrays}"
    assert aligned - {"shifts.Shift.apply"} == set(CALLS) - IN_ONE_ARGUMENT


def results(name: str, **changed: Any) -> np.ndarray:
    call, given = CALLS[name]
    return np.asarray(call(**{**given, **changed}))


@pytest.mark.parametrize("name", CALLS)
def test_rows_in_another_order_are_the_same_rows(name: str) -> None:
    _, given = CALLS[name]
    wanted, seen = results(name), 0
    for argument, values in list(given.items())[1:]:
        np.testing.assert_array_equal(results(name, **{argument: values.iloc[ORDER]}), wanted)
        try:  # without labels the same order is another question, or none that can be answered
            seen += not np.array_equal(results(name, **{argument: values.iloc[ORDER].to_numpy()}), wanted)
        except (ValueError, AssertionError):
            seen += 1
    assert seen


@pytest.mark.parametrize("name", CALLS)
def test_labels_that_do_not_match_are_refused(name: str) -> None:
    _, given = CALLS[name]
    first, argument = list(given)[:2]
    renamed = given[argument].rename(index={"row 3": "row x", "row 4": "row y"})
    with pytest.raises(ValueError) as found:  # noqa: PT011
        CALLS[name][0](**{**given, argument: renamed})
    said = str(found.value)
    assert said.startswith(f"{first} and {argument} have labels that do not match: 2 of 12 rows of {first} have no")
    assert "\n" not in said


@pytest.mark.parametrize("name", CALLS)
def test_labels_that_occur_twice_say_nothing_of_the_order(name: str) -> None:
    call, given = CALLS[name]
    first, argument = list(given)[:2]
    twice = LABELS.where(LABELS != "row 3", "row 2")
    same = {which: values.set_axis(twice) for which, values in given.items()}
    if name != "check_confounding":
        np.testing.assert_array_equal(np.asarray(call(**same)), results(name))
    with pytest.raises(ValueError, match=f"{first} and {argument} have labels in different orders, and those of"):
        call(**{**same, argument: same[argument].iloc[::-1]})


@pytest.mark.parametrize("name", CALLS)
def test_what_only_one_has_goes_by_position(name: str) -> None:
    _, given = CALLS[name]
    for argument, values in list(given.items())[1:]:
        np.testing.assert_array_equal(results(name, **{argument: values.to_numpy()}), results(name))


def test_a_refusal_says_what_mends_it() -> None:
    key = BATCH.rename({"row 3": "row x"}).sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match=r"keep x.index.intersection\(key.index\) of both, or give key.to_numpy\(\)"):
        CENTER(X, key)
    both = X.index.intersection(key.index)
    wanted = CENTER(X[both].to_numpy(), key[both].to_numpy())
    np.testing.assert_array_equal(CENTER(X[both], key[both]), wanted)
    np.testing.assert_array_equal(CENTER(X, key.to_numpy()), CENTER(X.to_numpy(), key.to_numpy()))


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(ROWS),
        pd.date_range("2024-01-01", periods=ROWS, tz="Europe/Berlin"),
        pd.MultiIndex.from_product([["a", "b", "c"], range(4)], names=["school", "pupil"]),
        pd.CategoricalIndex([f"row {k}" for k in range(ROWS)]),
        pd.Index([0.5 * k for k in range(ROWS)]),
        pd.Index([None, *range(1, ROWS)], dtype=object),
        pd.period_range("2024-01", periods=ROWS, freq="M"),
    ],
    ids=lambda index: type(index).__name__,
)
def test_any_kind_of_index(index: pd.Index) -> None:
    x, key = X.set_axis(index), BATCH.set_axis(index)
    corrected = CENTER(x, key.iloc[ORDER])
    assert corrected.index.equals(index)
    np.testing.assert_array_equal(corrected, CENTER(X, BATCH))
    with pytest.raises(ValueError, match="x and key have labels that do not match: 1 of 12 rows of x have"):
        CENTER(x, key.iloc[1:])


def test_a_seen_difference_of_centered_batches_is_zero() -> None:
    """Both hold the same labels in another order; by position the batches' means would stay apart."""
    x = pd.Series([1.0, 11.0, 2.0, 12.0], index=list("abcd"))
    batch = pd.Series(["q", "q", "p", "p"], index=list("acbd"))
    assert CENTER(x, batch).groupby(batch).mean().diff().iloc[1] == 0
    assert CENTER(x, batch.to_numpy()).groupby(batch).mean().diff().iloc[1] == -10


def test_columns_go_by_name() -> None:
    fitted = CENTER.fit(FRAME, BATCH)
    turned = FRAME[["c", "a", "b"]]
    pd.testing.assert_frame_equal(fitted.apply(turned, BATCH), fitted.apply(FRAME, BATCH)[["c", "a", "b"]])
    pd.testing.assert_frame_equal(
        fitted.adapt(turned, BATCH).apply(turned, BATCH)[["a", "b", "c"]], CENTER(FRAME, BATCH)
    )
    with pytest.raises(ValueError, match=r"'c' is missing, 'd' is new; give x\[\['a', 'b', 'c'\]\]"):
        fitted.apply(FRAME.rename(columns={"c": "d"}), BATCH)
    twice = FRAME.set_axis(["a", "a", "b"], axis=1)
    with pytest.raises(ValueError, match="columns of the same name in another order"):
        CENTER.fit(twice, BATCH).apply(twice.iloc[:, ::-1], BATCH)
    pd.testing.assert_frame_equal(CENTER.fit(twice, BATCH).apply(twice, BATCH), CENTER(twice, BATCH))


def test_columns_of_test_rows_go_by_name() -> None:
    data = bn.Dataset.of((FRAME, CLASS), test=(FRAME[["c", "b", "a"]].iloc[ORDER], CLASS)).split(
        np.random.default_rng(0)
    )
    np.testing.assert_array_equal(data.x_test, data.x[ORDER])
    np.testing.assert_array_equal(data.y_test, data.y[ORDER])
    with pytest.raises(ValueError, match="x of test has other columns than the training rows: 'a' is missing"):
        bn.Dataset.of((FRAME, CLASS), test=(FRAME.rename(columns={"a": "z"}), CLASS))


def test_columns_of_later_batches_go_by_name() -> None:
    running = bn.RunningStats.like("torch").update(FRAME).update(FRAME[["b", "c", "a"]])
    again = bn.RunningStats.like("torch").update(FRAME.to_numpy()).update(FRAME.to_numpy())
    np.testing.assert_array_equal(running.mean, again.mean)
    normalized = running.normalize(FRAME[["c", "a", "b"]])
    pd.testing.assert_frame_equal(normalized, running.normalize(FRAME)[["c", "a", "b"]])
    with pytest.raises(ValueError, match="batch has other columns than earlier batches: 'a' is missing"):
        running.update(FRAME[["b", "c"]])

"""Arguments: the same value gets the same answer, and the answer is one sentence."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import count

import numpy as np
import pytest

import bnstats as bn
from bnstats._checks import numbers as w
from bnstats._checks import values as v
from bnstats._checks.arguments import CheckedMethods, aligned_by_label, checked
from bnstats._checks.arrays import plain_array, real_array


class Rude:
    """An object whose `repr` raises."""

    def __repr__(self):
        raise RuntimeError("no")


SIXTY_FOUR = [64, 64.0, np.int8(64), np.uint64(64), np.float32(64), np.array(64), np.array(64.0), Fraction(64)]
NO_NUMBER = [True, np.True_, "64", None, 64 + 0j, [64], np.array([64]), {}, Rude(), Decimal(64), np.ma.masked, b"64"]


@pytest.mark.parametrize("value", SIXTY_FOUR, ids=repr)
def test_every_kind_of_64_is_64(value):
    for found in (
        w.whole("n", value, 2),
        w.batch_size("n", value),
        *w.batch_sizes("n", value),
        w.seed("n", value),
    ):
        assert found == 64
        assert type(found) is int
    assert type(w.number("n", value)) is float


@pytest.mark.parametrize("value", NO_NUMBER, ids=lambda value: type(value).__name__)
def test_what_is_no_number_is_refused_in_one_sentence(value):
    for check in (
        lambda x: w.whole("n", x, 2),
        lambda x: w.number("n", x),
        lambda x: w.probability("n", x),
    ):
        with pytest.raises(ValueError, match=r"^n is a .*; got .*\.$") as e:
            check(value)
        assert len(str(e.value)) < 200


@pytest.mark.parametrize("value", [2.5, 1, -3, np.nan, np.inf, -np.inf, 2**40, 10**400, np.float64(1e300)], ids=repr)
def test_no_batch_size(value):
    with pytest.raises(ValueError, match=r"each of n is a whole number (of at least 2|from 2 to 134217728); got"):
        w.batch_sizes("n", [2, value])


def test_intervals_hold_the_ends_that_their_brackets_say():
    assert [
        w.number("x", 0, "[0, 1)"),
        w.number("x", 1, "(0, 1]"),
        w.number("x", np.inf, "[0, inf]"),
    ] == [0, 1, np.inf]
    outside = [(1, "[0, 1)"), (0, "(0, 1]"), (np.inf, "[0, inf)"), (np.nan, "[-inf, inf]"), (-(10**400), "(-inf, inf)")]
    for value, within in outside:
        with pytest.raises(ValueError, match="x is a "):
            w.number("x", value, within)


def test_an_interval_without_ends_needs_no_words():
    assert w.number("x", 10**400, "[-inf, inf]") == np.inf
    with pytest.raises(ValueError, match="x is a number; got 'a'"):
        w.number("x", "a", "[-inf, inf]")


def test_lists_of_things():
    assert v.several("x", "ab") == ("ab",)
    assert v.several("x", np.array(3)) == (np.array(3),)
    assert v.several("x", (k for k in range(3))) == (0, 1, 2)
    with pytest.raises(ValueError, match="x is empty: give at least one"):
        v.several("x", [])
    with pytest.raises(ValueError, match="x has more than 10000 members"):
        v.several("x", count())
    with pytest.raises(ValueError, match="x cannot be listed: ZeroDivisionError"):
        v.several("x", (1 // k for k in range(3)))


def test_words_flags_seeds_functions_and_paths():
    assert v.flag("x", np.False_) is False
    assert v.choices("x", ["a", "b", "a"], ("a", "b")) == ("a", "b")
    assert v.generator("rng", 3).random() == np.random.default_rng(3).random()
    assert v.generator("rng", None).random() != v.generator("rng", None).random()
    for value in (-1, "a", True):
        with pytest.raises(ValueError, match="rng is a "):
            v.generator("rng", value)
    for check in (
        lambda x: v.flag("x", x),
        lambda x: v.choice("x", x, ("a", "b")),
        lambda x: v.named("x", x, {"a": 1}, "a thing"),
        lambda x: v.function("x", x, "f(x)"),
        lambda x: v.path("x", x),
        lambda x: v.instance("x", x, int, "3"),
    ):
        for value in (np.zeros(2), [], Rude(), 1.5, ""):
            with pytest.raises(ValueError, match=r"^x "):
                check(value)


def test_arrays_that_would_lose_something_are_refused():
    masked = np.ma.MaskedArray([1.0, 2.0], mask=[True, False])
    dates = np.array(["2020-01-01"], "datetime64[D]")
    for given in (masked, [1j], [[1], [1, 2]], ["a"], [None, 1.0], dates, [Decimal(1)], {}, Rude(), [np.nan], [np.inf]):
        with pytest.raises(ValueError, match=r"^x "):
            real_array("x", given)
    for given, axes in ((3.0, 1), ([[1.0]], 1), ([1.0], 2)):
        with pytest.raises(ValueError, match=r"x has .* ax[ei]s; got shape"):
            real_array("x", given, axes=axes)
    with pytest.raises(ValueError, match="x has at least 2 values; got 1"):
        real_array("x", [1.0], minimum=2)


def test_arrays_of_any_real_type_become_floats_of_this_machine():
    for kind in (">f8", "<f4", ">i2", "u1", "?", "f2", "longdouble"):
        found = real_array("x", np.ones(3, kind))
        assert found.dtype == np.float64
        assert found.dtype.isnative
        assert found.tolist() == [1, 1, 1]
    given = np.ones(3)
    assert real_array("x", given) is given
    assert plain_array("x", ["a"]).tolist() == ["a"]
    assert plain_array("x", np.arange(3, dtype=">i4")).dtype.isnative


def test_labels_of_batches_in_any_byte_order():
    """A label of the other byte order was once an error from inside pandas."""
    batch = np.repeat(np.arange(3.0), 4)
    x = np.arange(12.0)
    center = bn.corrections.center()
    np.testing.assert_array_equal(center(x, batch.astype(">f8")), center(x, batch))


def test_running_statistics_made_by_hand_are_numbers():
    with pytest.raises(ValueError, match="mean holds finite numbers; got 1 NaN"):
        bn.RunningStats("torch", 0, [np.nan], [1.0])


def test_a_refusal_is_one_line():
    with pytest.raises(ValueError, match=r"labels are increasing finite cuts") as e:
        bn.measure_information("normal", labels=np.zeros((40, 40)))
    assert "\n" not in str(e.value)


def test_a_check_of_what_is_no_parameter_is_refused_where_it_is_declared():
    """A renaming had once silently switched off the check of a parameter."""

    def half(batch_size):
        return batch_size // 2

    def made(**declared):
        methods = {"half": half, "_hidden": lambda size: size, "__module__": "bnstats.own"}
        return type("Own", (CheckedMethods,), methods | declared)

    class Sized:
        def __init__(self, batch_size):
            self.batch_size = batch_size

    for thing in (half, Sized):
        for declare in (checked(size=w.count), aligned_by_label("batch_size", "size")):
            with pytest.raises(TypeError, match="has no parameter 'size'"):
                declare(thing)
    for declared in ({"checks": {"size": w.count}}, {"per_row": ("size",)}, {"gives_back": ("size",)}):
        with pytest.raises(TypeError, match="Own has no parameter 'size'"):
            made(**declared)
    assert made(checks={"batch_size": w.count}, half=staticmethod(half)).half(4.0) == 2

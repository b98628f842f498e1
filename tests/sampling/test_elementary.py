"""Elementary functions of compiled loops, against decimal numbers of fifty digits.

Nothing here is left to chance but the arguments, which a fixed seed spreads over their range.
"""

from __future__ import annotations

import math
from decimal import Context, Decimal

import numba
import numpy as np
import pytest

from bnstats._compiled import compiled_as_written
from bnstats.sampling.generators import elementary

DIGITS = Context(prec=50)
PI = Decimal("3.14159265358979323846264338327950288419716939937511")
RNG = np.random.default_rng(20261128)
UNIFORM = np.concatenate([RNG.random(5000), 2.0 ** -np.arange(1, 54), 1 - 2.0 ** -np.arange(1, 54)])
ANY = np.concatenate([RNG.uniform(-708, 709, 5000), RNG.normal(size=5000), np.logspace(-300, 0, 1000)])


def of_each(function, x):
    @compiled_as_written
    def each(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    out = np.empty(x.size)
    each(x, out)
    return out


def log(x):
    return DIGITS.ln(Decimal(x))


def exp(x):
    return DIGITS.exp(Decimal(x))


def expm1(x):
    """Of a number that may be tiny, with digits to spare for the difference."""
    wide = Context(prec=90)
    return DIGITS.plus(wide.subtract(wide.exp(Decimal(x)), 1)) if abs(x) > 1e-20 else Decimal(x)


def cosine_of_turns(turns, phase=Decimal(0)):
    """Its series, of an angle of at most half a turn."""
    turns = DIGITS.subtract(Decimal(turns), phase)
    angle = DIGITS.multiply(2 * PI, DIGITS.subtract(turns, turns.to_integral_value()))
    square, term, total = DIGITS.multiply(angle, angle), Decimal(1), Decimal(1)
    for k in range(1, 40):
        term = DIGITS.divide(DIGITS.multiply(-term, square), Decimal(2 * k * (2 * k - 1)))
        total = DIGITS.add(total, term)
    return total


def worst(found, exact, x):
    """The largest error in units in the last place."""
    true = [exact(float(value)) for value in x]
    return max(
        float(abs(Decimal(float(f)) - t)) / float(np.spacing(abs(float(t)))) for f, t in zip(found, true, strict=True)
    )


@pytest.mark.parametrize(
    ("function", "exact", "x", "allowed"),
    [
        (elementary.log, log, UNIFORM, 4.0),
        (elementary.log, log, np.logspace(-307, 308, 1000), 4.0),
        (elementary.exp, exp, ANY, 2.0),
        (elementary.expm1, expm1, ANY, 3.0),
    ],
)
def test_the_error_is_of_a_few_units_in_the_last_place(function, exact, x, allowed):
    assert worst(of_each(function, x), exact, x) < allowed


@pytest.mark.parametrize(("series", "term"), [("_L", 8), ("_L", 9), ("_E", 11), ("_E", 12)])
def test_a_series_without_one_of_its_last_terms_is_found_out(monkeypatch, series, term):
    terms = getattr(elementary, series)
    monkeypatch.setattr(elementary, series, (*terms[:term], 0.0, *terms[term + 1 :]))
    if series == "_L":
        assert worst(of_each(numba.njit(elementary.log.py_func), UNIFORM), log, UNIFORM) > 4.0
    else:
        x = np.linspace(-0.34, 0.34, 2001)
        parts = numba.njit(elementary._exponential_parts.py_func)
        found = of_each(numba.njit(lambda x: parts(x)[1]), x)
        assert worst(found, expm1, x) > 3.0


def test_cosine_and_sine_of_all_quarters():
    cosine = of_each(compiled_as_written(lambda u: elementary.cosine_and_sine(u)[0]), UNIFORM)
    sine = of_each(compiled_as_written(lambda u: elementary.cosine_and_sine(u)[1]), UNIFORM)
    for found, phase in ((cosine, Decimal(0)), (sine, Decimal("0.25"))):
        errors = [
            abs(Decimal(float(f)) - cosine_of_turns(float(u), phase)) for f, u in zip(found, UNIFORM, strict=True)
        ]
        assert max(errors) < 2.0**-51
    np.testing.assert_allclose(cosine**2 + sine**2, 1.0, rtol=1e-15)


def test_the_ends_of_the_exponential_function():
    x = np.array([-1e300, -709.0, -0.0, 0.0, 709.5, 1e300, math.inf, -math.inf])
    np.testing.assert_array_equal(of_each(elementary.exp, x), [0, 0, 1, 1, math.inf, math.inf, math.inf, 0])
    np.testing.assert_array_equal(of_each(elementary.expm1, x), [-1, -1, 0, 0, math.inf, math.inf, math.inf, -1])


def compiled_afresh(function):
    """The same without the cache: code that an earlier run has left there cannot be inspected."""
    return numba.jit(**function.targetoptions)(function.py_func)


def test_no_operations_are_fused_so_that_every_processor_rounds_alike():
    @compiled_afresh
    @compiled_as_written
    def all_of_them(x):
        for i in range(x.size):
            x[i] = elementary.log(x[i]) + elementary.expm1(x[i]) + elementary.cosine_and_sine(x[i])[1]

    all_of_them(np.full(8, 0.5))
    (assembly,) = all_of_them.inspect_asm().values()
    assert "mulpd" in assembly or "fmul" in assembly  # several values at once, or none of x86
    assert "vfmadd" not in assembly
    assert "fmla" not in assembly

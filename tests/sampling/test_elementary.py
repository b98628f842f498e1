"""Elementary functions of compiled loops, against extended precision where a float has more than 53 bits.

Nothing here is left to chance but the arguments, which a fixed seed spreads over their range.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from bnstats._compiled import compiled_as_written
from bnstats.sampling import elementary

pytestmark = pytest.mark.quick
EXTENDED = np.finfo(np.longdouble).eps < 2.0**-60
precisely = pytest.mark.skipif(not EXTENDED, reason="needs long floats of 64 bits or more")
RNG = np.random.default_rng(20261128)
UNIFORM = np.concatenate([RNG.random(100_000), 2.0 ** -np.arange(1, 54), 1 - 2.0 ** -np.arange(1, 54)])
ANY = np.concatenate([RNG.uniform(-708, 709, 100_000), RNG.normal(size=100_000), np.logspace(-300, 0, 1000)])


def of_each(function, x):
    @compiled_as_written
    def each(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    out = np.empty(x.size)
    each(x, out)
    return out


def worst(found, exact):
    """The largest error in units in the last place."""
    return float(np.max(np.abs(found - exact) / np.spacing(np.abs(exact).astype(np.float64))))


@precisely
@pytest.mark.parametrize(
    ("function", "exact", "x", "allowed"),
    [
        (elementary.log, np.log, UNIFORM, 4.0),
        (elementary.log, np.log, np.logspace(-307, 308, 10_000), 4.0),
        (elementary.exp, np.exp, ANY, 2.0),
        (elementary.expm1, np.expm1, ANY, 3.0),
    ],
)
def test_the_error_is_of_a_few_units_in_the_last_place(function, exact, x, allowed):
    assert worst(of_each(function, x), exact(x.astype(np.longdouble))) < allowed


@precisely
@pytest.mark.parametrize(("series", "term"), [("_L", 8), ("_L", 9), ("_E", 11), ("_E", 12)])
def test_a_series_without_one_of_its_last_terms_is_found_out(monkeypatch, series, term):
    terms = getattr(elementary, series)
    monkeypatch.setattr(elementary, series, (*terms[:term], 0.0, *terms[term + 1 :]))
    if series == "_L":
        found, exact, allowed = of_each(numba.njit(elementary.log.py_func), UNIFORM), np.log, 4.0
        assert worst(found, exact(UNIFORM.astype(np.longdouble))) > allowed
    else:
        x = np.linspace(-0.34, 0.34, 10_001)
        parts = numba.njit(elementary._exponential_parts.py_func)
        found = of_each(numba.njit(lambda x: parts(x)[1]), x)
        assert worst(found, np.expm1(x.astype(np.longdouble))) > 3.0


@precisely
def test_cosine_and_sine_of_all_quarters():
    cosine = of_each(compiled_as_written(lambda u: elementary.cosine_and_sine(u)[0]), UNIFORM)
    sine = of_each(compiled_as_written(lambda u: elementary.cosine_and_sine(u)[1]), UNIFORM)
    angle = UNIFORM.astype(np.longdouble) * 8 * np.arctan(np.longdouble(1))
    assert np.abs(cosine - np.cos(angle)).max() < 2.0**-51
    assert np.abs(sine - np.sin(angle)).max() < 2.0**-51
    np.testing.assert_allclose(cosine**2 + sine**2, 1.0, rtol=1e-15)


def test_the_ends_of_the_exponential_function():
    x = np.array([-1e300, -709.0, -0.0, 0.0, 709.5, 1e300, math.inf, -math.inf])
    np.testing.assert_array_equal(of_each(elementary.exp, x), [0, 0, 1, 1, math.inf, math.inf, math.inf, 0])
    np.testing.assert_array_equal(of_each(elementary.expm1, x), [-1, -1, 0, 0, math.inf, math.inf, math.inf, -1])


def test_no_operations_are_fused_so_that_every_processor_rounds_alike():
    @compiled_as_written
    def all_of_them(x):
        for i in range(x.size):
            x[i] = elementary.log(x[i]) + elementary.expm1(x[i]) + elementary.cosine_and_sine(x[i])[1]

    all_of_them(np.full(8, 0.5))
    (assembly,) = all_of_them.inspect_asm().values()
    assert "mulpd" in assembly or "fmul" in assembly  # several values at once, or none of x86
    assert "vfmadd" not in assembly
    assert "fmla" not in assembly

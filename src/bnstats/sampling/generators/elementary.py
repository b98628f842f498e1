"""Elementary functions without branches, tables and calls.

A compiled loop without branches and calls computes many values at once.
Each function reduces its argument and sums a Taylor series, cut where the next term is below the rounding of a double.
The compiler keeps the written order of operations, so every processor gives the same bits. The docstrings bound the
errors in units in the last place (ulp), as tested in `tests/sampling/test_elementary.py`.
"""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np

from bnstats._compiled import compiled_as_written


@compiled_as_written
def _bits(x: float) -> np.uint64:
    """Return the 64 bits of a double, as an integer."""
    return np.float64(x).view(np.uint64)


@compiled_as_written
def _double(bits: np.uint64) -> float:
    """Return the double that has these 64 bits."""
    number: float = np.uint64(bits).view(np.float64)
    return number


def _bits_of(x: float) -> np.uint64:
    return np.uint64(np.float64(x).view(np.uint64))


# A double is a sign, eleven bits of exponent and 52 of fraction.
_FRACTION_BITS = np.uint64(52)
_FRACTION = np.uint64(2**52 - 1)
_ONE = _bits_of(1.0)
_SIGN = _bits_of(-0.0)
_FIRST, _LAST, _ZERO = np.uint64(1), np.uint64(62), np.uint64(0)
# Adding one of these to a small number puts the integer part into the last bits; subtracting it again rounds it.
_WHOLE, _ROUND = 2.0**52, 1.5 * 2.0**52
_WHOLE_BITS = _bits_of(_WHOLE)
_BIAS = _WHOLE + 1023.0
_LOWEST = _bits_of(math.sqrt(0.5))
_TO_LOWEST = _ONE - _LOWEST

_LN2 = math.log(2.0)
# The first 27 bits of log 2, whose small multiples are exact, and the rest.
_LN2_HIGH = math.floor(_LN2 * 2**27) / 2**27
_LN2_LOW = float(Decimal(2).ln() - Decimal(_LN2_HIGH))
_PER_LN2 = 1.0 / _LN2
_SMALLEST, _LARGEST = -708.0, 709.0

# Taylor coefficients of 2 artanh(s) / s in powers of s², and of exp, sine and cosine.
_L = tuple(2.0 / (2 * k + 1) for k in range(11))
_E = tuple(1.0 / math.factorial(k) for k in range(14))
_S = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(8))
_C = tuple((-1.0) ** k / math.factorial(2 * k) for k in range(9))


@compiled_as_written
def log(x: float) -> float:
    """Return the natural logarithm of a normal positive double, within 4 ulp.

    x is m 2^k, with m from sqrt(1/2) to sqrt(2). Its logarithm is k log 2 + 2 artanh s, with s = (m - 1) / (m + 1) and
    |s| < 0.172.
    """
    shifted = _bits(x) + _TO_LOWEST
    k = _double((shifted >> _FRACTION_BITS) | _WHOLE_BITS) - _BIAS
    m = _double((shifted & _FRACTION) + _LOWEST)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    z2 = z * z
    low = (_L[0] + z * _L[1]) + z2 * (_L[2] + z * _L[3])
    high = ((_L[4] + z * _L[5]) + z2 * (_L[6] + z * _L[7])) + z2 * z2 * ((_L[8] + z * _L[9]) + z2 * _L[10])
    logarithm: float = k * _LN2_HIGH + (s * (low + z2 * z2 * high) + k * _LN2_LOW)
    return logarithm


@compiled_as_written
def _exponential_parts(x: float) -> tuple[float, float]:
    """Return 2^k, and exp(r) - 1, for x = k log 2 + r with |r| < 0.35."""
    shifted = x * _PER_LN2 + _ROUND
    k = shifted - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    low = (_E[2] + r * _E[3]) + r2 * (_E[4] + r * _E[5])
    middle = (_E[6] + r * _E[7]) + r2 * (_E[8] + r * _E[9])
    high = (_E[10] + r * _E[11]) + r2 * (_E[12] + r * _E[13])
    return _double((_bits(shifted) << _FRACTION_BITS) + _ONE), r + r2 * (low + r4 * (middle + r4 * high))


@compiled_as_written
def exp(x: float) -> float:
    """Return exp(x) within 2 ulp; 0 below -708 and inf above 709."""
    power, rest = _exponential_parts(min(max(x, _SMALLEST), _LARGEST))
    inside = power + power * rest
    return 0.0 if x < _SMALLEST else (math.inf if x > _LARGEST else inside)


@compiled_as_written
def expm1(x: float) -> float:
    """Return exp(x) - 1 within 3 ulp; inf above 709."""
    power, rest = _exponential_parts(min(max(x, _SMALLEST), _LARGEST))
    inside = (power - 1.0) + power * rest
    return math.inf if x > _LARGEST else inside


@compiled_as_written
def cosine_and_sine(turns: float) -> tuple[float, float]:
    """Return cosine and sine of an angle in turns, from 0 to 1, within 2^-51 of the exact values.

    The angle is the nearest quarter turn and a rest of at most an eighth turn. A quarter turn exchanges cosine and
    sine, and changes a sign.
    """
    quarters = 4.0 * turns
    shifted = quarters + _ROUND
    angle = (quarters - (shifted - _ROUND)) * (0.5 * math.pi)
    z = angle * angle
    z2 = z * z
    z4 = z2 * z2
    sine = ((_S[0] + z * _S[1]) + z2 * (_S[2] + z * _S[3])) + z4 * ((_S[4] + z * _S[5]) + z2 * (_S[6] + z * _S[7]))
    low = (_C[0] + z * _C[1]) + z2 * (_C[2] + z * _C[3])
    high = (_C[4] + z * _C[5]) + z2 * (_C[6] + z * _C[7]) + z4 * _C[8]
    quarter = _bits(shifted)
    first, second = _bits(low + z4 * high), _bits(angle * sine)
    odd = (first ^ second) & (_ZERO - (quarter & _FIRST))
    left_half = ((quarter + _FIRST) << _LAST) & _SIGN
    lower_half = (quarter << _LAST) & _SIGN
    return _double(first ^ odd ^ left_half), _double(second ^ odd ^ lower_half)

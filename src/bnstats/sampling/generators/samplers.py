"""Fast draws from any law or array by a function `fill(rng, out)`.

All draws use such a function. An entry of `STANDARD` is a fast sampler of a family. Families without an entry are drawn
by numerical inversion (`scipy.stats.sampling`), or by their method `rvs` where inversion fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from scipy.stats import rv_continuous, sampling

from bnstats._checks.array_types import FloatArray
from bnstats._checks.values import choice
from bnstats._warnings import warnings_are
from bnstats.sampling.generators.compiled import CompiledGenerator
from bnstats.sampling.named_laws import family, parameters

Fill = Callable[[Any, FloatArray], None]
SAMPLERS = ("numpy", "compiled")
"""NumPy's own methods, and compiled loops on NumPy's uniform numbers."""


def _exp(rng: Any, x: FloatArray) -> None:
    """Exponentiate in place, by the generator's `exp` if it has this method."""
    getattr(rng, "exp", np.exp)(x, out=x)


def _normal(rng: Generator, out: FloatArray) -> None:
    rng.standard_normal(out=out)


def _uniform(rng: Generator, out: FloatArray) -> None:
    rng.random(out=out)


def _exponential(rng: Generator, out: FloatArray) -> None:
    rng.standard_exponential(out=out)


def _lognormal(rng: Generator, out: FloatArray, s: float) -> None:
    rng.standard_normal(out=out)
    _exp(rng, np.multiply(out, s, out=out))


def _laplace(rng: Generator, out: FloatArray) -> None:
    rng.standard_exponential(out=out)
    out -= rng.standard_exponential(out.shape)


def _pareto(rng: Generator, out: FloatArray, b: float) -> None:
    rng.standard_exponential(out=out)
    _exp(rng, np.divide(out, b, out=out))


def _mixture(rng: Generator, out: FloatArray, weight: float, shift: float, spread: float) -> None:
    rng.standard_normal(out=out)
    second = rng.random(out.shape) >= weight
    out *= np.where(second, spread, 1.0)  # the argument `where` of np.multiply takes three times as long
    out += np.where(second, shift, 0.0)


def _rectified(rng: Generator, out: FloatArray, shift: float) -> None:
    rng.standard_normal(out=out)
    np.maximum(np.add(out, shift, out=out), 0.0, out=out)


def _bernoulli(rng: Generator, out: FloatArray, p: float) -> None:
    rng.random(out=out)
    out[...] = out < p


def _numpy(method: str) -> Callable[..., None]:
    """Return NumPy's sampler of this name; its parameters are SciPy's shape parameters in the same order."""

    def fill(rng: Generator, out: FloatArray, *shapes: float) -> None:
        whole = [int(s) if s.is_integer() else s for s in shapes]
        out[...] = getattr(rng, method)(*whole, size=out.shape)

    return fill


# Samplers by the name of SciPy's family, at location 0 and scale 1.
STANDARD: dict[str, Callable[..., None]] = {
    "norm": _normal,
    "uniform": _uniform,
    "expon": _exponential,
    "lognorm": _lognormal,
    "laplace": _laplace,
    "pareto": _pareto,
    "normal_mixture": _mixture,
    "rectified_normal": _rectified,
    "bernoulli": _bernoulli,
    "t": _numpy("standard_t"),
    "gamma": _numpy("standard_gamma"),
    "chi2": _numpy("chisquare"),
    "beta": _numpy("beta"),
    "f": _numpy("f"),
    "gumbel_r": _numpy("gumbel"),
    "logistic": _numpy("logistic"),
    "weibull_min": _numpy("weibull"),
    "binom": _numpy("binomial"),
    "poisson": _numpy("poisson"),
    "geom": _numpy("geometric"),
    "nbinom": _numpy("negative_binomial"),
}


def law_filler(law: Any) -> Fill:
    """Return the function that fills an array with independent draws from a frozen SciPy distribution.

    >>> from scipy import stats
    >>> out = np.empty(3)
    >>> law_filler(stats.expon(loc=10.0))(np.random.default_rng(0), out)
    >>> out.round(2).tolist()
    [10.68, 11.02, 10.02]
    """
    shapes, loc, scale = parameters(law)
    standard = STANDARD.get(family(law) or "") or _inversion(law.dist(*shapes))
    if standard is None:
        return lambda rng, out: np.copyto(out, law.rvs(size=out.shape, random_state=getattr(rng, "numpy", rng)))

    def fill(rng: Generator, out: FloatArray) -> None:
        standard(rng, out, *shapes)
        if scale != 1.0:
            out *= scale
        if loc != 0.0:
            out += loc

    return fill


def _inversion(law: Any) -> Callable[..., None] | None:
    """Return a sampler by a table of the inverse distribution function; None if no table can be made."""
    continuous = isinstance(law.dist, rv_continuous)
    try:
        with warnings_are("error"):
            inverse = (sampling.NumericalInversePolynomial if continuous else sampling.DiscreteGuideTable)(law)
    except Exception:  # UNU.RAN refuses for many reasons (no density, no bounded table); `rvs` always works
        return None

    def fill(rng: Generator, out: FloatArray, *_: float) -> None:
        rng.random(out=out)
        out[...] = inverse.ppf(out)

    return fill


def array_filler(values: FloatArray) -> Fill:
    """Return the function that fills an array with draws from `values`, with replacement.

    An index is a uniform number in [0, 1), multiplied by the length and rounded down. This is three times as fast as
    `rng.choice`, and the probabilities of two values differ by less than length / 2^53.
    """

    def fill(rng: Generator, out: FloatArray) -> None:
        rng.random(out=out)
        out *= values.size
        np.take(values, out.astype(np.intp), out=out, mode="clip")

    return fill


def sampler_of(name: str, given: Any) -> str:
    """Return the argument if it is one of `SAMPLERS`.

    >>> sampler_of("sampler", "numpy")
    'numpy'
    """
    return choice(name, given, SAMPLERS)


def generator_by(sampler: str, rng: Generator) -> Any:
    """Return the generator that draws from the stream of a NumPy generator.

    >>> import numpy as np
    >>> generator_by("compiled", np.random.default_rng(0)).standard_normal(3).shape
    (3,)
    """
    return rng if sampler == "numpy" else CompiledGenerator(rng)

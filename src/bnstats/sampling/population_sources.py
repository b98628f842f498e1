"""Sources of a population: a checked SciPy distribution, or a checked array, each with its identity."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import plain_array, real_numbers
from bnstats._checks.numbers import LARGEST_COUNT
from bnstats._checks.tables import finite_only, one_column
from bnstats._checks.values import require
from bnstats.sampling.named_laws import family, parameters

# The fourth moment of a variance needs eighth powers, which are floats for numbers between these limits.
SMALLEST_SCALE, LARGEST_SCALE = 1e-30, 1e30


def identity_of(law: Any) -> tuple[Any, ...]:
    """Return the family and the parameters of a law.

    A user's own families and tabulated laws may have the same name. A digest of their quantiles, and of the
    distribution function at these quantiles, distinguishes them.
    """
    known = family(law)
    if known is not None:
        return (known, *parameters(law))
    quantiles = np.asarray(law.ppf(np.arange(1, 64) / 64.0), dtype=np.float64)
    return (f"own {law.dist.name} {digest(np.append(quantiles, law.cdf(quantiles)))}", *parameters(law))


def label(law: Any) -> str:
    """Return the family and parameters of a distribution, as in Python code."""
    if law.dist.name == "Distribution":  # SciPy's name for every tabulated law
        return f"tabulated-{digest(np.asarray(law.ppf(np.arange(1, 64) / 64), dtype=np.float64))[:6]}"
    given = [*map(str, law.args), *(f"{key}={value}" for key, value in law.kwds.items())]
    return f"{law.dist.name}({', '.join(given)})" if given else str(law.dist.name)


def digest(values: FloatArray) -> str:
    """Return a digest of the values, which is the same in every process."""
    return hashlib.sha256(values.tobytes()).hexdigest()


def is_law(source: Any) -> bool:
    """Return whether an object is a frozen distribution."""
    return not isinstance(source, type) and hasattr(source, "dist") and hasattr(source, "rvs")


def frozen(source: Any) -> Any:
    """Return a tabulated law, which has no parameters, as a frozen distribution; refuse families.

    >>> from scipy import stats
    >>> float(frozen(stats.rv_discrete(values=([0, 5], [0.5, 0.5]))).mean())
    2.5
    >>> frozen(stats.norm)
    Traceback (most recent call last):
        ...
    ValueError: norm is a family of distributions; freeze one, as in stats.norm(...).
    """
    if isinstance(source, stats.rv_histogram) or hasattr(source, "xk"):
        return source()
    public = type(getattr(stats, str(source.name), None)) is type(source)
    call = f"stats.{source.name}" if public else f"{source.name}"
    raise ValueError(f"{source.name} is a family of distributions; freeze one, as in {call}(...).")


def checked_law(source: Any) -> Any:
    """Return the frozen distribution, if it is a single one with valid parameters; else raise ValueError."""
    law = frozen(source) if isinstance(source, stats.rv_continuous | stats.rv_discrete) else source
    require(is_law(law), "law", source, "a frozen SciPy distribution, as stats.norm(0, 1)")
    try:
        shapes, _, scale = parameters(law)
        valid = bool(np.isfinite([law.ppf([0.25, 0.75]), law.dist.ppf([0.25, 0.75], *shapes)]).all())
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            f"{label(law)} is not one distribution with valid parameters; give each parameter as one number."
        )
    _check_scale("the scale of a distribution", scale)
    return law


def _check_scale(name: str, scale: float) -> None:
    """Raise ValueError for a scale whose eighth power is no float."""
    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        raise ValueError(
            f"{name} is between {SMALLEST_SCALE:g} and {LARGEST_SCALE:g}, as deviations are raised to the eighth "
            f"power; got {scale:.3g}: give the values in another unit."
        )


def given_values(source: ArrayLike) -> FloatArray:
    """Return a copy of a user's array if its moments are floats; else raise ValueError."""
    values = checked_values(source)
    _check_scale("the range of an array population's values", float(np.ptp(values)))
    return values


def checked_values(source: ArrayLike) -> FloatArray:
    """Return a copy of the array if it is a finite population; else raise ValueError."""
    source = one_column(source)
    raw = plain_array("a population", source)
    if raw.ndim == 0 and raw.dtype.kind not in "biuf":
        raise ValueError(
            "a population is a frozen SciPy distribution, a 1-D array of real numbers or a name; "
            f"got {type(source).__name__}."
        )
    # A copy, as the caller may change the array later.
    values = np.array(real_numbers("a population", source), dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"an array population is 1-D; got shape {values.shape}: pass x.ravel().")
    if values.size < 2:
        raise ValueError(f"an array population has at least 2 values; got {values.size}.")
    if not np.isfinite(values).all():
        raise ValueError(
            f"an array population holds finite values; got {np.count_nonzero(~np.isfinite(values))} NaN or infinite: "
            f"keep the others with {finite_only('x', source, axes=1)}."
        )
    with np.errstate(over="ignore"):
        spread = np.ptp(values)
    exact = raw.dtype.kind not in "iu" or np.abs(values).max() <= LARGEST_COUNT
    if not exact and np.unique(values).size < np.unique(raw).size:
        raise ValueError(
            "an array population's whole numbers are so large that different numbers are the same float: subtract the "
            "smallest number first."
        )
    if not np.isfinite(spread):
        raise ValueError("the differences of an array population's values are too large for a float: scale them.")
    if spread == 0:
        raise ValueError(
            f"an array population needs two different values; all {values.size} are {values[0]}: drop this population."
        )
    values.flags.writeable = False  # estimators and rules use the same array
    return values

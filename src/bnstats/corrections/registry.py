"""Registry of corrections of batch effects and drift, all called as correction(x, batch or time).

Examples
--------
Mean squared error of estimated batch effects of variance 1, from batches of 4 rows of variance 1:

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> batch = np.repeat(np.arange(1000), 4)
>>> effect = rng.normal(size=1000)[batch]
>>> x = rng.normal(size=4000) + effect
>>> {name: round(float(np.var(effect - CORRECTIONS[name].fit(x, batch).effect(batch))), 2)
...  for name in ("none", "center", "shrink")}
{'none': 0.95, 'center': 0.24, 'shrink': 0.2}
"""

from __future__ import annotations

from bnstats._checks.values import named
from bnstats.corrections.batchwise import center, none, standardize
from bnstats.corrections.combat import combat
from bnstats.corrections.correction import Correction
from bnstats.corrections.shrinkage import random_intercept, shrink, shrink_scale
from bnstats.corrections.smoothers import (
    exponential_average,
    lowess,
    moving_average,
    polynomial,
    spline,
    trailing_average,
)

CORRECTIONS: dict[str, Correction] = {
    c.name: c
    for c in (
        none(),
        center(),
        standardize(),
        shrink(),
        shrink_scale(),
        combat(),
        random_intercept(),
        moving_average(),
        trailing_average(),
        exponential_average(),
        polynomial(),
        spline(),
        lowess(),
    )
}
"""The corrections with their default parameters, by name."""


def correction_of(source: str | Correction) -> Correction:
    """Return the correction of a name in `CORRECTIONS`, or the given correction.

    Parameters
    ----------
    source : str or Correction
        A name, or a correction.

    Returns
    -------
    Correction
        The correction of this name.

    Raises
    ------
    ValueError
        If no correction has this name; the message suggests the nearest name.

    Examples
    --------
    >>> correction_of("spline").along
    'time'
    """
    if isinstance(source, Correction):
        return source
    return named("correction", source, CORRECTIONS, "a bn.corrections.Correction")

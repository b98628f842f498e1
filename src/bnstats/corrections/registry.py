"""Registry of corrections, all called as correction(x, batch or time): one of each function in this folder.

A public function in a file of this folder that returns a `Correction` is public in `bn.corrections`, too. Its result
with default parameters is an entry of `CORRECTIONS`.

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

from collections.abc import Callable
from inspect import isfunction

from bnstats._checks.values import named
from bnstats._families.variants import members
from bnstats.corrections.correction import CORRECTIONS, Correction

FACTORIES: dict[str, Callable[..., Correction]] = {
    name: function
    for name, function in members(__name__)
    if isfunction(function)
    and not name.startswith("_")
    and function.__annotations__.get("return") in ("Correction", Correction)
}
"""The functions that return corrections, by name."""

CORRECTIONS.update({function().name: function() for function in FACTORIES.values()})


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

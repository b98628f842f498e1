"""Linear models with a random intercept, fitted by statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.tools.sm_exceptions import ConvergenceWarning

from bnstats._checks.array_types import FloatArray
from bnstats._warnings import warnings_are


def mixed_model(x: FloatArray, fixed: FloatArray, index: NDArray[np.intp]) -> Any:
    """Return statsmodels' REML fit of standardized values, with a random intercept for each number in `index`."""
    x = (x - x.mean()) / x.std()
    with warnings_are("ignore", ConvergenceWarning):  # statsmodels warns of tau² = 0, which is a valid estimate
        # The default optimizers stop early or fail near tau² = 0, where gradients vanish; Powell's uses no gradient.
        return MixedLM(x, fixed, groups=index).fit(reml=True, method="powell")


def predicted_intercepts(x: FloatArray, fixed: FloatArray, index: NDArray[np.intp]) -> FloatArray:
    """Return the best linear unbiased predictions of the random intercepts, shape (groups, features)."""
    columns = []
    for values in x.T:
        found = mixed_model(values, fixed, index).random_effects if np.ptp(values) > 0 else {}
        columns.append([values.std() * float(found[k].iloc[0]) if found else 0.0 for k in range(index.max() + 1)])
    return np.array(columns).T


def independent(columns: FloatArray) -> FloatArray:
    """Return orthogonal columns that span the same space, as MixedLM takes no others."""
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, sizes > 1e-8 * sizes.max(initial=0)] * np.sqrt(len(columns)))

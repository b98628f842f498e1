# The public names of `bn.corrections` with their types, for type checkers; a new file's correction may be added here.

from typing import Any

from .batchwise import center as center, none as none, standardize as standardize
from .combat import combat as combat
from .covariates.confounding import check_confounding as check_confounding
from .correction import CORRECTIONS as CORRECTIONS, Correction as Correction
from .fitted import Fitted as Fitted
from .pipelines.corrector import Corrector as Corrector
from .quantiles import quantile_normalize as quantile_normalize
from .registry import correction_of as correction_of
from .shrinkage import random_intercept as random_intercept, shrink as shrink, shrink_scale as shrink_scale
from .smoothers import (
    exponential_average as exponential_average,
    lowess as lowess,
    moving_average as moving_average,
    polynomial as polynomial,
    spline as spline,
    trailing_average as trailing_average,
)

def __getattr__(name: str) -> Any: ...  # of corrections that are found by their files

# The public names of `bn.estimators`.

from .statistics.estimators import (
    fresh_normalized as fresh_normalized,
    inv_std as inv_std,
    trimmed_mean as trimmed_mean,
)

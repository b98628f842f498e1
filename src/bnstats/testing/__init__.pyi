# The public names of `bn.testing`, and where each is found: the plugin of pytest must not load the others.

from .sequential.looks import InsufficientPower as InsufficientPower
from .converges import assert_converges as assert_converges
from .mean import assert_mean as assert_mean, assert_probability as assert_probability
from .quantile import assert_quantile as assert_quantile
from .rate import assert_rate as assert_rate
from .same_distribution import assert_same_distribution as assert_same_distribution
from .unbiased import assert_unbiased as assert_unbiased
from .within_mcse import assert_within_mcse as assert_within_mcse

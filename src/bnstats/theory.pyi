# The public names of `bn.theory`.

from .networks.loss_offset import loss_offset as loss_offset
from .statistics.convergence_rates import rate as rate
from .statistics.estimator_theory import Theory as Theory, variance_of_variance as variance_of_variance
from .statistics.normalized import (
    normalized_member as normalized_member,
    normalized_member_bound as normalized_member_bound,
    raw_given_normalized as raw_given_normalized,
)
from .statistics.running_error import running_error as running_error
from .statistics.theory import (
    Sampling as Sampling,
    covariance_of_mean_and_variance as covariance_of_mean_and_variance,
    required_batch_size as required_batch_size,
    sampling as sampling,
)
from .studies.information.class_given_normalized import (
    class_given_normalized as class_given_normalized,
    entropy_given_normalized as entropy_given_normalized,
    same_class_probability as same_class_probability,
)

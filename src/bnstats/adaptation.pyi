# The public names of `bn.adaptation`.

from .networks.adaptation import Adaptation as Adaptation
from .networks.adaptations import (
    ADAPTATIONS as ADAPTATIONS,
    Continued as Continued,
    MeanOnly as MeanOnly,
    Mixed as Mixed,
    PredictionTime as PredictionTime,
    VarianceOnly as VarianceOnly,
    Weighed as Weighed,
)

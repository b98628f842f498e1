"""Statistics at test time that are adapted to the test rows, and their common base."""

from bnstats.networks.adaptation import Adaptation
from bnstats.networks.adaptations import (
    ADAPTATIONS,
    Continued,
    MeanOnly,
    Mixed,
    PredictionTime,
    VarianceOnly,
    Weighed,
)

__all__ = [
    "ADAPTATIONS",
    "Adaptation",
    "Continued",
    "MeanOnly",
    "Mixed",
    "PredictionTime",
    "VarianceOnly",
    "Weighed",
]

"""Warnings and errors of this package."""

from bnstats._warnings import NotFiniteWarning, PrecisionWarning
from bnstats.simulation.blocks import BlockError
from bnstats.simulation.failures import TooManyFailures
from bnstats.simulation.one_by_one import ReplicateFailed
from bnstats.simulation.workers.executors import WorkersLostError
from bnstats.studies.mismatch.result import DivergenceWarning

__all__ = [
    "BlockError",
    "DivergenceWarning",
    "NotFiniteWarning",
    "PrecisionWarning",
    "ReplicateFailed",
    "TooManyFailures",
    "WorkersLostError",
]

# The public names of `bn.exceptions`.

from ._warnings import NotFiniteWarning as NotFiniteWarning, PrecisionWarning as PrecisionWarning
from .simulation.blocks import BlockError as BlockError
from .simulation.failures import TooManyFailures as TooManyFailures
from .simulation.one_by_one import ReplicateFailed as ReplicateFailed
from .simulation.workers.executors import WorkersLostError as WorkersLostError
from .studies.mismatch.result import DivergenceWarning as DivergenceWarning

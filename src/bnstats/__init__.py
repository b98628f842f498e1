"""bnstats: what batch statistics do to networks and data, in numbers.

Exact theory where there is one, Monte Carlo with an honest standard error everywhere else.

>>> import bnstats as bn
>>> c = bn.measure_convergence("normal", batch_sizes=[2, 64], estimators=["var"])
>>> float(c.table.query("measure == 'bias' and batch_size == 64")["exact"].iloc[0])
-0.015625
"""

from bnstats import plots, testing
from bnstats.sampling.batching import IID, Autocorrelated, Batching, Clustered, WithoutReplacement
from bnstats.sampling.populations import POPULATIONS, Population
from bnstats.simulation.blocks import BlockError, run_block
from bnstats.simulation.notices import NotFiniteWarning, PrecisionWarning
from bnstats.simulation.run import Simulation, run
from bnstats.simulation.study import Study
from bnstats.statistics import theory
from bnstats.statistics.estimators import ESTIMATORS, Estimator, fresh_normalized, inv_std
from bnstats.statistics.moments import Moments
from bnstats.statistics.running import CONVENTIONS, Convention, RunningStats, running_error, smooth
from bnstats.studies.convergence import Convergence, measure_convergence
from bnstats.studies.information import Information, measure_information
from bnstats.studies.raw_behind import RawBehind, measure_raw_behind
from bnstats.studies.running_stats import Running, measure_running

__version__ = "0.1.0"

__all__ = [
    "CONVENTIONS",
    "ESTIMATORS",
    "IID",
    "POPULATIONS",
    "Autocorrelated",
    "Batching",
    "BlockError",
    "Clustered",
    "Convention",
    "Convergence",
    "Estimator",
    "Information",
    "Moments",
    "NotFiniteWarning",
    "Population",
    "PrecisionWarning",
    "RawBehind",
    "Running",
    "RunningStats",
    "Simulation",
    "Study",
    "WithoutReplacement",
    "fresh_normalized",
    "inv_std",
    "measure_convergence",
    "measure_information",
    "measure_raw_behind",
    "measure_running",
    "plots",
    "run",
    "run_block",
    "running_error",
    "smooth",
    "testing",
    "theory",
]

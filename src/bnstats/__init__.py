"""bnstats: what batch statistics do to networks and data, in numbers.

Exact theory where there is one, Monte Carlo with an honest standard error everywhere else.

>>> import bnstats as bn
>>> c = bn.measure_convergence("normal", batch_sizes=[2, 64], estimators=["var"])
>>> float(c.table.query("measure == 'bias' and batch_size == 64")["exact"].iloc[0])
-0.015625
"""

from bnstats import plots
from bnstats.sampling.batching import IID, Autocorrelated, Batching, Clustered, WithoutReplacement
from bnstats.sampling.populations import POPULATIONS, Population
from bnstats.simulation.study import PrecisionWarning, Simulation, Study, run, run_block
from bnstats.simulation.workers import BlockError
from bnstats.statistics import theory
from bnstats.statistics.estimators import ESTIMATORS, Estimator, fresh_normalized, inv_std
from bnstats.statistics.moments import Moments
from bnstats.studies.convergence import Convergence, measure_convergence

__version__ = "0.1.0"

__all__ = [
    "ESTIMATORS",
    "IID",
    "POPULATIONS",
    "Autocorrelated",
    "Batching",
    "BlockError",
    "Clustered",
    "Convergence",
    "Estimator",
    "Moments",
    "Population",
    "PrecisionWarning",
    "Simulation",
    "Study",
    "WithoutReplacement",
    "fresh_normalized",
    "inv_std",
    "measure_convergence",
    "plots",
    "run",
    "run_block",
    "theory",
]

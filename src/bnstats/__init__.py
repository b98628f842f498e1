"""bnstats: what batch statistics do to networks and data, in numbers.

Exact theory where there is one, Monte Carlo with an honest standard error everywhere else.

>>> import bnstats as bn
>>> c = bn.measure_convergence("normal", batch_sizes=[2, 64], estimators=["var"])
>>> float(c.table.query("measure == 'bias' and batch_size == 64")["exact"].iloc[0])
-0.015625
"""

from bnstats import corrections, plots, testing
from bnstats._warnings import NotFiniteWarning, PrecisionWarning
from bnstats.corrections import CORRECTIONS, Correction
from bnstats.datasets.dataset import Dataset, Gaussians
from bnstats.datasets.row_batching import ClassBalanced, Correlated, OneClass, Shuffled, Sorted, WithReplacement
from bnstats.datasets.shifts import ClassMix, Contrast, Gain, Noise, Offset
from bnstats.networks.adaptation import Mixed, Weighed
from bnstats.networks.network import Network, Recipe
from bnstats.networks.normalizers import (
    NORMALIZERS,
    Batch,
    Frozen,
    Ghost,
    Group,
    Layer,
    NoNorm,
    Normalizer,
    Renorm,
)
from bnstats.sampling.batching import IID, Autocorrelated, Batching, Clustered, WithoutReplacement
from bnstats.sampling.effects import EFFECTS, Distinct, Effect, Mixture, RandomWalk, Sinusoid, Trend
from bnstats.sampling.populations import POPULATIONS, Population
from bnstats.simulation.blocks import BlockError, run_block
from bnstats.simulation.run import Simulation, run
from bnstats.simulation.study import Study
from bnstats.statistics import theory
from bnstats.statistics.estimators import ESTIMATORS, Estimator, fresh_normalized, inv_std
from bnstats.statistics.moments import Moments
from bnstats.statistics.running import CONVENTIONS, Convention, RunningStats, running_error, smooth
from bnstats.studies.batch_effects.leave_one_batch_out import leave_one_batch_out
from bnstats.studies.batch_effects.measure import measure_correction
from bnstats.studies.batch_effects.result import Corrected
from bnstats.studies.convergence.measure import measure_convergence
from bnstats.studies.convergence.result import Convergence
from bnstats.studies.information.measure import measure_information
from bnstats.studies.information.raw_behind import RawBehind, measure_raw_behind
from bnstats.studies.information.result import Information
from bnstats.studies.mismatch.measure import DivergenceWarning, measure_mismatch
from bnstats.studies.mismatch.result import Mismatch
from bnstats.studies.running_stats.measure import measure_running
from bnstats.studies.running_stats.result import Running

__version__ = "0.1.0"

__all__ = [
    "CONVENTIONS",
    "CORRECTIONS",
    "EFFECTS",
    "ESTIMATORS",
    "IID",
    "NORMALIZERS",
    "POPULATIONS",
    "Autocorrelated",
    "Batch",
    "Batching",
    "BlockError",
    "ClassBalanced",
    "ClassMix",
    "Clustered",
    "Contrast",
    "Convention",
    "Convergence",
    "Corrected",
    "Correction",
    "Correlated",
    "Dataset",
    "Distinct",
    "DivergenceWarning",
    "Effect",
    "Estimator",
    "Frozen",
    "Gain",
    "Gaussians",
    "Ghost",
    "Group",
    "Information",
    "Layer",
    "Mismatch",
    "Mixed",
    "Mixture",
    "Moments",
    "Network",
    "NoNorm",
    "Noise",
    "Normalizer",
    "NotFiniteWarning",
    "Offset",
    "OneClass",
    "Population",
    "PrecisionWarning",
    "RandomWalk",
    "RawBehind",
    "Recipe",
    "Renorm",
    "Running",
    "RunningStats",
    "Shuffled",
    "Simulation",
    "Sinusoid",
    "Sorted",
    "Study",
    "Trend",
    "Weighed",
    "WithReplacement",
    "WithoutReplacement",
    "corrections",
    "fresh_normalized",
    "inv_std",
    "leave_one_batch_out",
    "measure_convergence",
    "measure_correction",
    "measure_information",
    "measure_mismatch",
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

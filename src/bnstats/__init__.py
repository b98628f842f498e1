"""bnstats: what batch statistics do to networks and data, in numbers.

Exact theory where there is one, Monte Carlo with an honest standard error everywhere else.

>>> import bnstats as bn
>>> c = bn.measure_convergence("normal", batch_sizes=[2, 64], estimators=["var"])
>>> float(c.table.query("measure == 'bias' and batch_size == 64")["exact"].iloc[0])
-0.015625
"""

from bnstats import plots, testing
from bnstats.networks.ensemble import Network, Recipe
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
from bnstats.networks.recalibration import Mixed, Weighed
from bnstats.notices import NotFiniteWarning, PrecisionWarning
from bnstats.sampling.batches import ClassBalanced, Correlated, OneClass, Shuffled, Sorted, WithReplacement
from bnstats.sampling.batching import IID, Autocorrelated, Batching, Clustered, WithoutReplacement
from bnstats.sampling.effects import EFFECTS, Distinct, Effect, Mixture, RandomWalk, Sinusoid, Trend
from bnstats.sampling.labelled import Dataset, Gaussians
from bnstats.sampling.populations import POPULATIONS, Population
from bnstats.sampling.shifts import ClassMix, Contrast, Gain, Noise, Offset
from bnstats.simulation.blocks import BlockError, run_block
from bnstats.simulation.run import Simulation, run
from bnstats.simulation.study import Study
from bnstats.statistics import corrections, theory
from bnstats.statistics.corrections import CORRECTIONS, Correction
from bnstats.statistics.estimators import ESTIMATORS, Estimator, fresh_normalized, inv_std
from bnstats.statistics.moments import Moments
from bnstats.statistics.running import CONVENTIONS, Convention, RunningStats, running_error, smooth
from bnstats.studies.batch_effects import Corrected, measure_correction
from bnstats.studies.convergence import Convergence, measure_convergence
from bnstats.studies.information import Information, measure_information
from bnstats.studies.left_out import leave_one_batch_out
from bnstats.studies.mismatch import DivergenceWarning, Mismatch, measure_mismatch
from bnstats.studies.raw_behind import RawBehind, measure_raw_behind
from bnstats.studies.running_stats import Running, measure_running

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

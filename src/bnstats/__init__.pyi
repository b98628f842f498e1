# The public names of bnstats and where each is found: read when a name is first used, and by type checkers.

from . import (
    adaptation as adaptation,
    batching as batching,
    claims as claims,
    corrections as corrections,
    effects as effects,
    estimators as estimators,
    exceptions as exceptions,
    monitor as monitor,
    networks as networks,
    normalizers as normalizers,
    plots as plots,
    results as results,
    shifts as shifts,
    summaries as summaries,
    testing as testing,
    theory as theory,
)
from ._versions import show_versions as show_versions
from .planner.advise import advise as advise
from .audit.audit import audit as audit
from .audit.recalibrate import recalibrate as recalibrate
from .claims.ledger import check_claims as check_claims
from .datasets.dataset import Dataset as Dataset, Gaussians as Gaussians
from .datasets.row_batching import (
    ClassBalanced as ClassBalanced,
    Correlated as Correlated,
    OneClass as OneClass,
    RowBatching as RowBatching,
    Shuffled as Shuffled,
    Sorted as Sorted,
    WithReplacement as WithReplacement,
)
from .monitor.monitor import BatchNormMonitor as BatchNormMonitor
from .sampling.batching import (
    IID as IID,
    Autocorrelated as Autocorrelated,
    Batching as Batching,
    Clustered as Clustered,
    WithoutReplacement as WithoutReplacement,
)
from .sampling.populations import POPULATIONS as POPULATIONS, Population as Population
from .simulation.blocks import run_block as run_block
from .simulation.run import run as run
from .simulation.workers.job_array import JobArray as JobArray
from .simulation.storage.merge import merge_stores as merge_stores
from .simulation.study import Study as Study
from .simulation.summaries.required_replicates import required_replicates as required_replicates
from .simulation.summaries.summarize import summarize as summarize
from .statistics.running_conventions import CONVENTIONS as CONVENTIONS, Convention as Convention
from .statistics.estimators import ESTIMATORS as ESTIMATORS, Estimator as Estimator
from .statistics.moments import Moments as Moments
from .statistics.running import RunningStats as RunningStats
from .studies.batch_effects.leave_one_batch_out import leave_one_batch_out as leave_one_batch_out
from .studies.batch_effects.measure import measure_correction as measure_correction
from .studies.convergence.measure import measure_convergence as measure_convergence
from .studies.gradients.measure import measure_gradients as measure_gradients
from .studies.information.measure import measure_information as measure_information
from .studies.information.raw_given_normalized import measure_raw_given_normalized as measure_raw_given_normalized
from .studies.mismatch.measure import measure_mismatch as measure_mismatch
from .studies.running_stats.measure import measure_running as measure_running
from .studies.steps.measure import measure_steps as measure_steps

__version__: str

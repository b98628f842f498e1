"""Classes of the results of measuring functions, for annotations."""

from bnstats.audit.core.result import Audit
from bnstats.claims.ledger import Ledger
from bnstats.planner.advise import Advice
from bnstats.simulation.result import Simulation
from bnstats.simulation.summaries.summarized import Summarized
from bnstats.studies.batch_effects.leave_one_batch_out import LeftOut
from bnstats.studies.batch_effects.result import Corrected
from bnstats.studies.convergence.result import Convergence
from bnstats.studies.gradients.measure import Gradients
from bnstats.studies.information.measure import Information
from bnstats.studies.information.raw_given_normalized import RawBehind
from bnstats.studies.mismatch.result import Mismatch
from bnstats.studies.running_stats.measure import Running
from bnstats.studies.steps.measure import Steps

__all__ = [
    "Advice",
    "Audit",
    "Convergence",
    "Corrected",
    "Gradients",
    "Information",
    "Ledger",
    "LeftOut",
    "Mismatch",
    "RawBehind",
    "Running",
    "Simulation",
    "Steps",
    "Summarized",
]

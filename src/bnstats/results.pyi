# The public names of `bn.results`.

from .audit.core.result import Audit as Audit
from .claims.ledger import Ledger as Ledger
from .planner.advise import Advice as Advice
from .simulation.result import Simulation as Simulation
from .simulation.summaries.summarized import Summarized as Summarized
from .studies.batch_effects.leave_one_batch_out import LeftOut as LeftOut
from .studies.batch_effects.result import Corrected as Corrected
from .studies.convergence.result import Convergence as Convergence
from .studies.gradients.measure import Gradients as Gradients
from .studies.information.measure import Information as Information
from .studies.information.raw_given_normalized import RawBehind as RawBehind
from .studies.mismatch.result import Mismatch as Mismatch
from .studies.running_stats.measure import Running as Running
from .studies.steps.measure import Steps as Steps

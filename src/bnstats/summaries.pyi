# The public names of `bn.summaries`.

from .simulation.replicates.sample import Replicates as Replicates
from .simulation.summaries.mcse_of_quantiles import quantile as quantile
from .simulation.summaries.registry import SUMMARIES as SUMMARIES
from .simulation.summaries.summary import Summary as Summary

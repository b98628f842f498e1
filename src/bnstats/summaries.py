"""Numbers that a study takes of its replicates, for `Study.summaries`, and what one of your own is made of."""

from bnstats.simulation.replicates.sample import Evidence
from bnstats.simulation.summaries.of_quantiles import quantile
from bnstats.simulation.summaries.registry import SUMMARIES
from bnstats.simulation.summaries.summary import Summary

__all__ = ["SUMMARIES", "Evidence", "Summary", "quantile"]

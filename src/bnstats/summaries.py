"""Numbers that a study takes of its replicates, for `Study.summaries`, and what one of your own is made of."""

from bnstats.simulation.replicates.sample import Evidence
from bnstats.simulation.summaries import SUMMARIES, Summary, quantile

__all__ = ["SUMMARIES", "Evidence", "Summary", "quantile"]

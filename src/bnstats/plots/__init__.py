"""Figures from tidy frames; they know no study."""

from bnstats.plots.comparisons import intervals, percent, regions, signed, spoken, winner_map
from bnstats.plots.elements import MARKERS, in_percent, log2_ticks, log_errors, panels, series, theme
from bnstats.plots.results import convergence, mismatch, running

__all__ = [
    "MARKERS",
    "convergence",
    "in_percent",
    "intervals",
    "log2_ticks",
    "log_errors",
    "mismatch",
    "panels",
    "percent",
    "regions",
    "running",
    "series",
    "signed",
    "spoken",
    "theme",
    "winner_map",
]

# The public names of `bn.plots`.

from .comparisons import (
    intervals as intervals,
    percent as percent,
    best_corrections as best_corrections,
    signed as signed,
    spoken as spoken,
    best_correction_map as best_correction_map,
)
from .elements import (
    MARKERS as MARKERS,
    in_percent as in_percent,
    log2_ticks as log2_ticks,
    log_errors as log_errors,
    series as series,
)
from .figure import panels as panels, theme as theme
from .results import (
    convergence as convergence,
    gradients as gradients,
    mismatch as mismatch,
    numbers as numbers,
    running as running,
)
from .zip_plot import ranked as ranked, zip_plot as zip_plot

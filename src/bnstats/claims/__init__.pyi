# The public names of bnstats.claims and where each is found.

from .claim import Claim as Claim, Region as Region
from .evidence import BatchStatistic as BatchStatistic, Enumerated as Enumerated, Measure as Measure
from .evidence import Measures as Measures, Squared as Squared, Within as Within
from .grades import letter_grades as letter_grades
from .interval_methods import (
    Bounded as Bounded,
    Exact as Exact,
    IntervalMethod as IntervalMethod,
    Moment as Moment,
    Proportion as Proportion,
)
from .networks import Networks as Networks, accuracy as accuracy
from .registry import CLAIMS as CLAIMS

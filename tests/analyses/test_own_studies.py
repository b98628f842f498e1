"""Studies of analyses and benchmarks override what the frame asks, and nothing that it does not know."""

from __future__ import annotations

import pytest

import bnstats as bn
from analyses.interval_coverage import Intervals
from benchmarks.memory import ManyCells


@pytest.mark.parametrize("study", [Intervals, ManyCells])
def test_no_method_is_one_that_the_frame_never_calls(study: type[bn.Study]) -> None:
    """A method under a name of before would be left out without a word."""
    own = {name for name, member in vars(study).items() if callable(member) and not name.startswith("_")}
    assert own <= set(dir(bn.Study))

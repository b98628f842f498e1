"""Kills at random moments change no bit: a smaller `benchmarks/faults.py`."""

import numpy as np

from benchmarks.faults import campaign


def test_twenty_kills_of_three_studies_change_no_bit(tmp_path):
    found = campaign(tmp_path, 20, np.random.default_rng(0), ("threads", "processes"))
    assert found.total() >= 20

"""Kills at random moments change no bit: a smaller `benchmarks/faults.py`."""

import numpy as np

from benchmarks import faults

# As many blocks are written in as many seconds as in the campaign: a kill strikes a write as often.
SMALLER = 4


def test_twenty_kills_of_three_studies_change_no_bit(tmp_path, monkeypatch):
    """Runs and the time until a kill are both a quarter of the campaign's; four kills a run reach all kinds."""
    monkeypatch.setattr(faults, "KILLS_PER_RUN", 4)
    for name, (measure, given, options) in faults.STUDIES.items():
        fewer = options | {"max_replicates": options["max_replicates"] // SMALLER}
        monkeypatch.setitem(faults.STUDIES, name, (measure, given, fewer))
    for kind, (least, more) in faults.WAIT.items():
        monkeypatch.setitem(faults.WAIT, kind, (least / SMALLER, more / SMALLER))
    found = faults.campaign(tmp_path, 20, np.random.default_rng(0), ("threads", "processes"))
    assert found.total() >= 20
    assert {what.partition(",")[0] for what in found} == {"threads", "processes"}

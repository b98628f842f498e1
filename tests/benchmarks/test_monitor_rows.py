"""The committed rows of the monitor's campaigns: what is true of displacement, and what trainings were named."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.monitor.__main__ import COLUMNS, MEASURED, bands, read, told
from bnstats.monitor import texts

TABLE = read(MEASURED)
VARIED = TABLE[TABLE["group"] == "varied"]
HEALTHY = TABLE[TABLE["group"] == "healthy"]
BROKEN = TABLE[TABLE["group"] == "broken"]
MOMENTUM = TABLE[TABLE["group"] == "momentum"]
DISPLACEMENT = VARIED["displacement"].to_numpy(float)
TRUE = VARIED["true_displacement"].to_numpy(float)


def test_no_row_has_a_seed_with_which_borders_were_chosen():
    assert list(TABLE) == list(COLUMNS)
    assert TABLE["seed"].between(0, 999).all()
    keys = ["group", "kind", "seed", "step"]
    assert not TABLE.duplicated(keys).any()


def judged(displacement: np.ndarray) -> tuple[float, float, float]:
    """Correlation of logs with the true displacement, and the ratios at 10 and 90 %."""
    low, high = np.quantile(displacement / TRUE, [0.1, 0.9])
    return float(np.corrcoef(np.log(displacement), np.log(TRUE))[0, 1]), float(low), float(high)


def test_displacement_is_the_true_one():
    correlation, low, high = judged(DISPLACEMENT)
    assert correlation >= 0.95
    assert low >= 0.65
    assert high <= 1.6


def test_another_displacement_is_refused():
    """The one of a training that comes next in the table, and twice the right one."""
    assert judged(np.roll(DISPLACEMENT, 10))[0] < 0.95
    assert judged(2 * DISPLACEMENT)[2] > 1.6


def test_the_share_of_costly_checkpoints_is_what_summaries_say():
    bands_of = bands(VARIED["displacement"])
    found = (VARIED["cost"] > texts.COSTLY).groupby(bands_of, observed=True).agg(["sum", "size"])
    assert list(found.itertuples(index=False, name=None)) == list(texts.COSTLY_COUNTS)
    assert len(VARIED) == 600


def test_healthy_trainings_name_nothing():
    assert len(HEALTHY) == 100
    assert set(HEALTHY["architecture"]) == {"mlp", "cnn", "resnet"}
    assert (HEALTHY["named"] == "").all()


def test_broken_trainings_are_named():
    assert BROKEN["kind"].nunique() >= 12
    assert (BROKEN.groupby("kind").size() == 5).all()
    assert BROKEN["delay"].notna().all()
    at_once = BROKEN["kind"].isin(["momentum 0.001", "120 steps at momentum 0.01", "infinite pixel"])
    assert (BROKEN.loc[at_once, "delay"] == 0).all()
    assert BROKEN["delay"].max() < 150


def test_the_recommended_momentum_is_near_the_best():
    assert MOMENTUM.groupby("step")["ratio"].mean().max() <= 1.1


def test_what_rows_say_is_printed():
    lines = list(told(pd.concat([TABLE, HEALTHY.head(1).assign(named="noise@50")])))
    assert lines[0].startswith(f"{len(VARIED)} checkpoints")
    assert f"{len(HEALTHY) + 1} healthy trainings: 1 name something" in lines

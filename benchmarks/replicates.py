"""Summaries of replicates in a table, against the means and standard deviations that pandas takes of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

import bnstats as bn
from benchmarks.frame import Benchmark, Measured, Row, Setting, timed

CONDITIONS = 20
ESTIMATES = "summarize against pandas, estimates"
ALL = "summarize against pandas, all measures"


def measure(setting: Setting) -> Measured:
    rows = setting.of(10_000_000, 2_000)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "n": np.arange(rows) * CONDITIONS // rows,
            "b": rng.normal(0.5, 1.0, rows),
            "se": rng.uniform(0.9, 1.1, rows),
        }
    )
    taken = timed(
        {
            "pandas one": lambda: frame.groupby("n")["b"].agg(["mean", "std"]),
            "one": lambda: bn.summarize(frame, estimate="b", truth=0.5, by="n"),
            "pandas two": lambda: frame.groupby("n")[["b", "se"]].agg(["mean", "std"]),
            "two": lambda: bn.summarize(frame, estimate="b", se="se", truth=0.5, by="n"),
        },
        setting.rounds,
    )
    return {ESTIMATES: taken["one"] / taken["pandas one"], ALL: taken["two"] / taken["pandas two"]}


BENCHMARKS = (
    Benchmark(
        "replicates",
        (
            Row(ESTIMATES, "10^7 estimates in 20 conditions, against groupby().agg(mean, std) of them", at_most=3),
            Row(
                ALL, "all measures of 10^7 estimates with standard errors, against the same of both columns", at_most=3
            ),
        ),
        measure,
    ),
)

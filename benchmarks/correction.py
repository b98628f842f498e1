"""ComBat with covariates, against neuroCombat."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pandas as pd

from benchmarks.frame import Benchmark, Measured, Row, Setting, timed
from bnstats.corrections import combat

COVARIATES = "combat with covariates against neuroCombat"


def measure(setting: Setting) -> Measured:
    from neuroCombat import neuroCombat

    rng = np.random.default_rng(0)
    rows, features = setting.of((200, 20_000), (40, 50))
    table = pd.DataFrame(
        {"site": np.arange(rows) % 5, "sick": rng.integers(0, 2, rows), "age": rng.normal(50, 10, rows)}
    )
    x = rng.normal(size=(rows, features)) * rng.uniform(0.5, 2, features) + table[["site"]].to_numpy()
    transposed = np.ascontiguousarray(x.T)

    def theirs() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            neuroCombat(transposed, table, "site", categorical_cols=["sick"], continuous_cols=["age"])

    taken = timed(
        {"ours": lambda: combat()(x, table["site"], keep=table[["sick", "age"]]), "theirs": theirs}, setting.rounds
    )
    return {COVARIATES: taken["ours"] / taken["theirs"]}


BENCHMARKS = (
    Benchmark(
        "correction",
        (Row(COVARIATES, "200 rows of 20,000 features in 5 batches, two covariates kept", at_most=0.5),),
        measure,
        needs=("neuroCombat",),
    ),
)

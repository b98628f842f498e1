"""Write covariates_reference.json: values that two implementations of ComBat correct, with covariates that stay.

Runs where neuroCombat and inmoose are installed: `python tests/data/make_covariates_reference.py`. The tests only read
the JSON. Both stop iterating at a relative change of 1e-4 unless told otherwise; here they go on to 1e-12. Conventions:
neuroCombat fits priors to variances with ddof 1, InMoose with ddof 0; InMoose's covariates are categories only.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from inmoose.pycombat import pycombat_norm
from neuroCombat.neuroCombat import neuroCombat

ROWS = {"b1": 7, "b2": 10, "b3": 5}
FEATURES = 5
OPTIONS: tuple[dict[str, Any], ...] = ({}, {"ref_batch": "b2"}, {"mean_only": True})


def rows() -> tuple[np.ndarray, pd.DataFrame]:
    """Values, and a table of batch, disease (text), stage (three levels) and age (exact in single precision)."""
    rng = np.random.default_rng(0)
    batch = np.repeat(list(ROWS), list(ROWS.values()))
    table = pd.DataFrame({"batch": batch, "disease": rng.choice(["no", "yes"], batch.size)})
    table["stage"] = rng.choice(["I", "II", "III"], batch.size)
    table["age"] = rng.integers(160, 320, batch.size) / 4
    code = pd.factorize(table["batch"])[0]
    x = rng.normal(size=(batch.size, FEATURES)) * np.array([1.0, 0.6, 1.7])[code, None] + code[:, None]
    x += (table["disease"] == "yes").to_numpy()[:, None] * np.linspace(0, 3, FEATURES)
    x += table["age"].to_numpy()[:, None] / 20
    order = rng.permutation(batch.size)
    return (x * 10.0 ** np.arange(FEATURES) / 100)[order], table.iloc[order].reset_index(drop=True)


def neuro(x: np.ndarray, table: pd.DataFrame, **options: Any) -> np.ndarray:
    vars(np)["int"] = int  # which neuroCombat 0.2.12 still uses
    sys.modules["neuroCombat.neuroCombat"].it_sol.__defaults__ = (1e-12,)
    named = {"categorical_cols": ["disease", "stage"], "continuous_cols": ["age"], "batch_col": "batch"}
    return np.asarray(neuroCombat(dat=x.T.copy(), covars=table, **named, **options)["data"]).T


def inmoose(x: np.ndarray, table: pd.DataFrame, **options: Any) -> np.ndarray:
    sys.modules["inmoose.pycombat.pycombat_norm"].it_sol.__defaults__ = (1e-12, 1000)
    covariates = table[["disease", "stage"]]
    return np.asarray(pycombat_norm(pd.DataFrame(x.T), list(table["batch"]), covar_mod=covariates, **options)).T


def main() -> None:
    x, table = rows()
    kinds = (("neuroCombat", neuro, 1, ["disease", "stage", "age"]), ("inmoose", inmoose, 0, ["disease", "stage"]))
    cases = [
        {"made_with": f"{name} {version(name)}", "ddof": ddof, "keep": keep, **options}
        | {"corrected": function(x, table, **options).tolist()}
        for name, function, ddof, keep in kinds
        for options in OPTIONS
    ]
    text = json.dumps({"x": x.tolist(), "table": table.to_dict("list"), "cases": cases})
    Path(__file__).with_name("covariates_reference.json").write_text(text + "\n")


if __name__ == "__main__":
    main()

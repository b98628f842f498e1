"""Write combat_reference.json: values corrected by two independent implementations of parametric ComBat.

And the law of batch variances that the port of R's limma in inmoose fits to the batches of each feature.

Runs where neuroCombat and inmoose are installed: `python tests/data/make_combat_reference.py`. The tests only read the
JSON. Both stop iterating at a relative change of 1e-4 unless told otherwise; here they go on to 1e-12.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from inmoose.limma.squeezeVar import squeezeVar
from inmoose.pycombat import pycombat_norm
from inmoose.pycombat.pycombat_norm import it_sol as solve_inmoose
from neuroCombat.neuroCombat import it_sol as solve_neuro
from neuroCombat.neuroCombat import neuroCombat

ROWS = {"b1": 6, "b2": 9, "b3": 4}
SHIFTS, SCALES = {"b1": -1.0, "b2": 0.5, "b3": 2.0}, {"b1": 1.0, "b2": 0.6, "b3": 1.7}
FEATURES = 5


def rows() -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    blocks = [SHIFTS[b] + SCALES[b] * rng.normal(size=(n, FEATURES)) for b, n in ROWS.items()]
    units = 10.0 ** np.arange(FEATURES) / 100
    return (np.concatenate(blocks) + rng.normal(size=FEATURES)) * units, [b for b, n in ROWS.items() for _ in range(n)]


def limma(x: np.ndarray, batch: list[str]) -> list[dict]:
    """Prior degrees of freedom and variance, and the posterior variance of each batch, of each feature."""
    groups = pd.DataFrame(x).groupby(np.array(batch))
    var, freedom = groups.var(), groups.size() - 1
    fits = [squeezeVar(var[feature].to_numpy(), freedom.to_numpy()) for feature in var]
    return [{name: np.asarray(value, float).tolist() for name, value in fit.items()} for fit in fits]


def main() -> None:
    solve_inmoose.__defaults__, solve_neuro.__defaults__ = (1e-12, 1000), (1e-12,)
    x, batch = rows()
    order = np.random.default_rng(1).permutation(len(x))
    x, batch = x[order], [batch[i] for i in order]
    neuro = neuroCombat(dat=x.T.copy(), covars=pd.DataFrame({"batch": batch}), batch_col="batch")["data"].T
    inmoose = np.asarray(pycombat_norm(pd.DataFrame(x.T), batch)).T
    cases = [
        {"made_with": f"{name} {version(name)}", "ddof": ddof, "corrected": corrected.tolist()}
        for name, ddof, corrected in (("neuroCombat", 1, neuro), ("inmoose", 0, inmoose))
    ]
    text = json.dumps({"x": x.tolist(), "batch": batch, "cases": cases, "limma": limma(x, batch)})
    Path(__file__).with_name("combat_reference.json").write_text(text + "\n")


if __name__ == "__main__":
    main()

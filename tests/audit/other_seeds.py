"""How often an audit names a cause in healthy models of other seeds; takes about an hour, so it is run by hand.

    python tests/audit/healthy_seeds.py [TRAINING NETWORK]

Each seed has its own split of the digits, weights and batches. For a healthy training any finding is a false alarm. For
a training at a constant rate a finding is right if its mend helps on fresh rows: those of the test rows, half of them,
that the audit does not see. Prints the counts and keeps a row per model in `tests/data/healthy_seeds.csv`, which
`test_healthy_seeds.py` judges; given one training and one network, it makes only their rows anew.
"""

import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from audited_networks import NETWORKS, TRAININGS, loader, split
from torch import nn

import bnstats as bn
from bnstats.audit.scores import estimate

SAVED = Path(__file__).parent.parent / "data" / "healthy_seeds.csv"
SEEDS = {"healthy": 100, "constant rate": 40}
GROUP = ["training", "network"]


def nll(model: nn.Module, rows: Any) -> Any:
    """Of each row."""
    with torch.no_grad():
        return nn.functional.cross_entropy(model.eval()(rows[0]).double(), rows[1], reduction="none").numpy()


def one(training: str, network: str, seed: int) -> dict[str, Any]:
    """The causes named, and what the first mend, or recalibration, brings on fresh rows."""
    model = TRAININGS[training](network, "digits", seed)
    rows, (x, y) = split(seed)
    half = len(y) // 2
    report = bn.audit(model, loader(rows), test=[(x[:half], y[:half])], seed=seed)
    advised = re.search(r'kind="(\w+)"', report.findings[0].mend)
    kind = advised[1] if advised else "population"
    fresh = x[half:], y[half:]
    gain = estimate(nll(model, fresh) - nll(bn.recalibrate(model, loader(rows), kind), fresh))
    return {
        "training": training,
        "network": network,
        "seed": seed,
        "causes": " ".join(finding.cause for finding in report.findings),
        "cost": report.findings[0].cost,
        "kind": kind,
        "fresh_gain": gain.value,
        "fresh_low": gain.low,
    }


def saved() -> pd.DataFrame:
    """What has been measured."""
    return pd.read_csv(SAVED) if SAVED.exists() else pd.DataFrame(columns=[*GROUP, "seed"])


def measure(training: str, network: str) -> None:
    """All seeds of a training and a network, in place of what was measured before."""
    rows = pd.DataFrame([one(training, network, seed) for seed in range(1, SEEDS[training] + 1)])
    old = saved()
    others = old[(old["training"] != training) | (old["network"] != network)]
    pd.concat([others, rows] if len(others) else [rows]).round(6).sort_values([*GROUP, "seed"]).to_csv(
        SAVED, index=False
    )
    found = rows[rows["causes"] != "nothing_wrong"]
    helped = int(((found["fresh_gain"] >= 0.01) & (found["fresh_low"] > 0)).sum())
    print(
        f"{training}, {network}: findings in {len(found)} of {len(rows)} seeds; {helped} help on fresh rows", flush=True
    )
    if len(found):
        print(found.to_string(index=False), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for training, network in [sys.argv[1:]] if sys.argv[1:] else [(t, n) for t in SEEDS for n in NETWORKS]:
        measure(training, network)

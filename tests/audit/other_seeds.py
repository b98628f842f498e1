"""What audits name in models of other seeds, healthy and broken; takes about an hour, so it is run by hand.

    python tests/audit/other_seeds.py [TRAINING NETWORK]

Each seed has its own split of the digits, weights and batches. Of a healthy training any finding is a false alarm. Of a
training at a constant rate a finding is right if its mend helps on fresh rows: the half of the test rows that the audit
does not see. Of a broken training the cause that is named first is right or not. Prints the counts and keeps a row per
model in `tests/data/other_seeds.csv`; given one training and one network, it makes only their rows anew. The file holds
the healthy trainings and those at a constant rate, which `test_other_seeds.py` judges; broken ones were not yet run.
"""

import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from audited_networks import NETWORKS, TRAININGS, Batch, loader, norms, one_class, split
from torch import nn

import bnstats as bn
from bnstats.audit.scores import estimate

SAVED = Path(__file__).parent.parent / "data" / "other_seeds.csv"
# The cause that is right, and so many seeds.
TRIED = {
    "healthy": ("nothing_wrong", 100),
    "constant rate": ("stale", 40),
    "averaged": ("stale", 10),
    "frozen layer": ("mixed_modes", 10),
    "one class": ("grouped_batches", 10),
    "dropout": ("dropout_before", 10),
    "eps": ("eps_mismatch", 10),
    "few updates": ("start_remains", 10),
}
GROUP = ["training", "network"]


def nll(model: nn.Module, rows: Batch) -> Any:
    """Of each row."""
    with torch.no_grad():
        return nn.functional.cross_entropy(model.eval()(rows[0]).double(), rows[1], reduction="none").numpy()


def as_found(model: nn.Module, training: str, rows: Batch, seed: int) -> Any:
    """The loader of that training; the model as one finds it."""
    if training == "eps":
        for layer in norms(model):
            layer.eps = 1e-5
    if training == "frozen layer":
        norms(model.train())[1].eval()
    return one_class(rows, 32, seed) if training == "one class" else loader(rows)


def one(training: str, network: str, seed: int) -> dict[str, Any]:
    """The causes named, and what the first one's mend brings on fresh rows if there is one."""
    model = TRAININGS[training](network, "digits", seed)
    rows, (x, y) = split(seed)
    half = len(y) // 2
    drawn = as_found(model, training, rows, seed)
    report = bn.audit(model, drawn, test=[(x[:half], y[:half])], seed=seed)
    first = report.findings[0]
    found = {"training": training, "network": network, "seed": seed, "cost": first.cost}
    found["causes"] = " ".join(finding.cause for finding in report.findings)
    advised = re.search(r'kind="(\w+)"', first.mend)
    if training == "constant rate" and advised:
        fresh = x[half:], y[half:]
        gain = estimate(nll(model, fresh) - nll(bn.recalibrate(model, drawn, advised[1]), fresh))
        found |= {"fresh_gain": gain.value, "fresh_low": gain.low, "fresh_high": gain.high}
    return found


def saved() -> pd.DataFrame:
    """What has been measured."""
    return pd.read_csv(SAVED)


def measure(training: str, network: str) -> None:
    """All seeds of a training and a network, in place of what was measured before."""
    rows = pd.DataFrame([one(training, network, seed) for seed in range(1, TRIED[training][1] + 1)])
    old = saved() if SAVED.exists() else rows.iloc[:0]
    others = old[(old["training"] != training) | (old["network"] != network)]
    table = pd.concat([others, rows]) if len(others) else rows
    table.round(4).sort_values([*GROUP, "seed"]).to_csv(SAVED, index=False)
    print(f"{training}, {network}: {rows['causes'].value_counts().to_dict()}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for training, network in [sys.argv[1:]] if sys.argv[1:] else [(t, n) for t in TRIED for n in NETWORKS]:
        measure(training, network)

"""Campaigns of the monitor, row by row: `python -m benchmarks.monitor --to benchmarks/measured/monitor.csv`.

Healthy trainings should name nothing, broken ones their cause. At checkpoints of varied trainings, the monitor's
displacement stands beside the true one, and beside what it costs. A row that the file has is not measured again, so
that a run goes on where it was stopped. Borders were chosen with seeds from 1000 on, which no row has.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MEASURED = Path(__file__).parent.parent / "measured" / "monitor.csv"
COLUMNS = (
    "group", "kind", "seed", "architecture", "step", "displacement", "true_displacement", "cost", "expected", "named",
    "delay", "ratio",
)  # fmt: skip
HEALTHY, BROKEN, VARIED, MOMENTA = 100, 5, 60, 12
GROUPS = ("broken", "varied", "healthy", "momentum")
EVERY = 40
"""Steps between checkpoints."""
Rows = list[dict[str, Any]]


def healthy_rows(seed: int) -> Rows:
    """Events of a healthy training."""
    from benchmarks.monitor.broken import named
    from benchmarks.monitor.networks import Training, healthy

    training = Training(healthy(seed), seed)
    found = named(training)
    return [{"architecture": training.setup.architecture, "step": training.setup.steps, "named": _listed(found)}]


def broken_rows(kind: str, seed: int) -> Rows:
    """Events of a broken training, and the steps from the fault until the cause is named."""
    from benchmarks.monitor.broken import BROKEN as KINDS
    from benchmarks.monitor.broken import named

    training = KINDS[kind].made(seed)
    found = named(training)
    steps = [found[code][0] for code in KINDS[kind].expected if code in found]
    row = {"architecture": training.setup.architecture, "step": training.setup.steps, "named": _listed(found)}
    delay = min(steps) - KINDS[kind].since if steps else np.nan
    return [row | {"expected": " ".join(KINDS[kind].expected), "delay": delay}]


def varied_rows(seed: int) -> Rows:
    """The monitor's displacement, the true one, and what it costs, at ten checkpoints."""
    from benchmarks.monitor.networks import Training, cost, true_displacement, varied, with_population

    training = Training(varied(seed), seed)
    rows: Rows = []

    def look(step: int) -> None:
        right = with_population(training.model)
        rows.append(
            {
                "architecture": training.setup.architecture,
                "step": step,
                "displacement": training.monitor.table["displacement"].max(),
                "true_displacement": max(true_displacement(training.model, right).values()),
                "cost": cost(training.model, right),
            }
        )

    training.run(look, every=EVERY)
    return rows


def momentum_rows(seed: int) -> Rows:
    """True displacement with the recommended momentum over that with the best one, in three phases."""
    from benchmarks.monitor.best_momentum import measured

    return measured(seed)


def _listed(found: dict[str, tuple[int, int]]) -> str:
    return " ".join(f"{code}@{step}" for code, (step, _) in sorted(found.items(), key=lambda item: item[1]))


def work(first: int) -> Iterator[tuple[str, str, int, Callable[[], Rows]]]:
    """All trainings: group, kind, seed and how it is measured."""
    from benchmarks.monitor.broken import BROKEN as KINDS

    groups = (("varied", VARIED, varied_rows), ("healthy", HEALTHY, healthy_rows), ("momentum", MOMENTA, momentum_rows))
    for kind in KINDS:
        for seed in range(first, first + BROKEN):
            yield "broken", kind, seed, partial(broken_rows, kind, seed)
    for group, count, measure in groups:
        for seed in range(first, first + count):
            yield group, "", seed, partial(measure, seed)


def told(table: pd.DataFrame) -> Iterator[str]:
    """Yield what the rows say, a line each."""
    varied = table[table["group"] == "varied"]
    if len(varied):
        logs = np.log(varied[["displacement", "true_displacement"]].to_numpy(float))
        low, high = np.quantile(np.exp(logs[:, 0] - logs[:, 1]), [0.1, 0.9])
        correlation = np.corrcoef(logs.T)[0, 1]
        yield f"{len(varied)} checkpoints: correlation of logs {correlation:.3f}, ratio {low:.2f} to {high:.2f}"
        for name, part in varied.groupby(bands(varied["displacement"]), observed=True):
            yield f"displacement {name}: {(part['cost'] > 0.02).mean():.0%} of {len(part)} cost more than 0.02 nats"
    healthy = table[table["group"] == "healthy"]
    if len(healthy):
        yield f"{len(healthy)} healthy trainings: {(healthy['named'] != '').sum()} name something"
    for kind, part in table[table["group"] == "broken"].groupby("kind", sort=False):
        delays = ", ".join(f"{delay:.0f}" for delay in part["delay"])
        yield f"{kind}: {part['delay'].notna().sum()} of {len(part)} named, after {delays} steps"
    momentum = table[table["group"] == "momentum"]
    if len(momentum):
        yield f"recommended momentum: {momentum.groupby('step')['ratio'].mean().round(3).to_dict()} times the best"


def bands(displacement: pd.Series) -> Any:
    """The three bands of displacement of which summaries speak."""
    return pd.cut(displacement, [0, 0.05, 0.1, np.inf], labels=["below 0.05", "0.05 to 0.1", "above 0.1"])


def read(path: Path) -> pd.DataFrame:
    """The rows of a file; texts that are missing are empty."""
    table = pd.read_csv(path)
    texts = dict.fromkeys(("kind", "expected", "named"), "")
    return table.astype(dict.fromkeys(texts, object)).fillna(texts)


def main(arguments: list[str] | None = None) -> None:
    import warnings

    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=MEASURED, help="CSV file of the rows (default: the committed one)")
    parser.add_argument("--seed", type=int, default=0, help="of the first training of each kind")
    parser.add_argument("--most", type=int, help="trainings, at most; the next run goes on")
    parser.add_argument("--groups", nargs="+", default=GROUPS, choices=GROUPS, help="of trainings (default: all)")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    table = read(given.to) if given.to.exists() else pd.DataFrame(columns=list(COLUMNS))
    done = set(zip(table["group"], table["kind"], table["seed"], strict=True))
    left = [job for job in work(given.seed) if job[:3] not in done and job[0] in given.groups]
    start = time.process_time()
    for group, kind, seed, measure in left[: given.most]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = pd.DataFrame(measure()).assign(group=group, kind=kind, seed=seed)
        new = rows.reindex(columns=list(COLUMNS))
        table = new if table.empty else pd.concat([table, new], ignore_index=True)
        given.to.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(given.to, index=False, float_format="%.5g")
    print(f"{len(left[: given.most])} trainings in {time.process_time() - start:.0f} s of processor time")
    print(*told(read(given.to)), sep="\n")


if __name__ == "__main__":
    main()

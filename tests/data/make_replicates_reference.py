"""Make `replicates.csv`, replicates of two intervals for a mean, and `replicates_reference.json`, every number of them.

    python tests/data/make_replicates_reference.py

Plain Python, number by number, with the formulas of Morris, White & Crowther (2019, Table 6) as they are printed. Where
`bn.summarize` takes the fourth moment instead of assuming normal estimates, `mcse` has that formula, written out, and
`table_6` the printed one.
"""

from __future__ import annotations

import csv
import json
import math
import random
from pathlib import Path
from statistics import NormalDist, fmean

HERE = Path(__file__).parent
TRUTH, REPLICATES, Z = 0.5, 200, NormalDist().inv_cdf(0.975)


def made() -> list[dict[str, object]]:
    random.seed(20190115)
    rows: list[dict[str, object]] = []
    for n in (8, 32):
        for i in range(REPLICATES):
            x = sorted(random.expovariate(1 / TRUTH) for _ in range(n))
            spread = math.sqrt(sum((v - fmean(x)) ** 2 for v in x) / (n - 1) / n)
            trimmed = fmean(x[n // 8 : n - n // 8])
            failed = random.random() < 0.03
            rows.append({"n": n, "method": "mean", "i": i, "b": round(fmean(x), 6), "se": round(spread, 6)})
            b = "" if failed else round(trimmed, 6)
            rows.append({"n": n, "method": "trimmed", "i": i, "b": b, "se": round(0.9 * spread, 6)})
    return rows


def spread_of(values: list[float], power: int) -> float:
    return sum((v - fmean(values)) ** power for v in values) / len(values)


def mean_of(values: list[float]) -> dict[str, float]:
    n = len(values)
    return {"value": fmean(values), "mcse": math.sqrt(sum((v - fmean(values)) ** 2 for v in values) / (n * (n - 1)))}


def share_of(events: list[bool]) -> dict[str, float]:
    n, p = len(events), sum(events) / len(events)
    return {"value": p, "mcse": math.sqrt(p * (1 - p) / n) if 0 < p < 1 else 3 / n}


def performance(pairs: list[tuple[float, float]], failed: int) -> dict[str, dict[str, float]]:
    b, variances, n = [b for b, _ in pairs], [s**2 for _, s in pairs], len(pairs)
    mean = fmean(b)
    emp = math.sqrt(sum((v - mean) ** 2 for v in b) / (n - 1))
    squares = [(v - TRUTH) ** 2 for v in b]
    mse = fmean(squares)
    mod = math.sqrt(fmean(variances))
    of_variance = (spread_of(b, 4) - spread_of(b, 2) ** 2 * (n - 3) / (n - 1)) / n  # of s², without a normal law
    emp_mcse = math.sqrt(of_variance / (4 * spread_of(b, 2)))
    mod_mcse = math.sqrt(spread_of(variances, 2) / (4 * n * mod**2))
    table_mod = math.sqrt(sum((v - mod**2) ** 2 for v in variances) / (n - 1) / (4 * n * mod**2))
    ends = [(v - Z * s, v + Z * s) for v, s in pairs]
    rejected = [v for v, (low, high) in zip(b, ends, strict=True) if low > 0 or high < 0]
    relative = {k: v / TRUTH for k, v in mean_of([v - TRUTH for v in b]).items()}
    return {
        "mean": mean_of(b),
        "bias": mean_of([v - TRUTH for v in b]),
        "relative_bias": relative,
        "se": {"value": emp, "mcse": emp_mcse, "table_6": emp / math.sqrt(2 * (n - 1))},
        "mse": {"value": mse, "mcse": math.sqrt(sum((s - mse) ** 2 for s in squares) / (n * (n - 1)))},
        "rmse": {"value": math.sqrt(mse), "mcse": math.sqrt(spread_of(squares, 2) / n / (4 * mse))},
        "model_se": {"value": mod, "mcse": mod_mcse, "table_6": table_mod},
        "relative_error_of_model_se": {
            "value": mod / emp - 1,
            "mcse": mod / emp * math.hypot(mod_mcse / mod, emp_mcse / emp),
            "table_6": mod / emp * math.sqrt((table_mod / mod) ** 2 + 1 / (2 * (n - 1))),
        },
        "coverage": share_of([low <= TRUTH <= high for low, high in ends]),
        "bias_eliminated_coverage": share_of([low <= mean <= high for low, high in ends]),
        "width": mean_of([high - low for low, high in ends]),
        "rejection_rate": share_of([low > 0 or high < 0 for low, high in ends]),
        "type_s_error": share_of([v < 0 for v in rejected]),
        "type_m_error": mean_of([abs(v) / TRUTH for v in rejected]),
        "failure_rate": share_of([True] * failed + [False] * n),
    }


def main() -> None:
    rows = made()
    with (HERE / "replicates.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    reference = {}
    for n in (8, 32):
        for method in ("mean", "trimmed"):
            own = [row for row in rows if row["n"] == n and row["method"] == method]
            pairs = [(float(str(row["b"])), float(str(row["se"]))) for row in own if row["b"] != ""]
            reference[f"{n} {method}"] = performance(pairs, len(own) - len(pairs))
    (HERE / "replicates_reference.json").write_text(json.dumps(reference, indent=1) + "\n")


if __name__ == "__main__":
    main()

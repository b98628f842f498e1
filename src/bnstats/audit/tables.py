"""The tables of an audit: layers, channels, scores, and the parts of the gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bnstats._checks.array_types import FloatArray
from bnstats.audit import kinds
from bnstats.audit.batches import count_rows
from bnstats.audit.case import Case
from bnstats.audit.independent import predicted_numbers
from bnstats.audit.kinds import Kind
from bnstats.audit.layers import Layer
from bnstats.audit.null import RESAMPLES, compare
from bnstats.audit.other_rows import distance
from bnstats.audit.scores import Estimate, estimate

KINDS = ("running", "averaged", "precise", "population")
PARTS = (("batch", "running"), ("batch", "population"), ("population", "precise"), ("precise", "running"))


def layer_table(case: Case) -> pd.DataFrame:
    """One row per layer."""
    base, away = case.bench.score(), Distances.of(case)
    rows = [_layer_row(case, depth, layer, base) | away.row(layer.name) for depth, layer in enumerate(case.layers)]
    return pd.DataFrame(rows)


@dataclass(frozen=True, eq=False)
class Distances:
    """Statistics of the inference path on other rows, against those of the rows that mends are made from.

    Attributes
    ----------
    held, test : kind
        Of the loader's other rows, which shows what chance does, and of the test rows.
    coarse : kind or None
        Of the same rows in groups half as large, where they did not fit into one.
    """

    made: Kind
    held: Kind
    test: Kind
    coarse: Kind | None

    @staticmethod
    def of(case: Case) -> Distances:
        """One pass over each set of rows."""

        def population(rows: Any) -> Kind:
            return kinds.population(case.runner, rows, case.batch_size, case.seed)

        test = {} if case.test is None else population(case.test)
        group, rows = kinds.group_size(case.made, case.batch_size), count_rows(case.made)
        halved = None if rows <= group else kinds.grouped(case.runner, case.made, max(group // 2, 2), case.seed)
        return Distances(dict(case.kinds["population"]), population(case.held), test, halved)

    def row(self, name: str) -> dict[str, float]:
        """Wasserstein distances of a layer, and the largest log error that grouping leaves in its variances."""
        if name not in self.made:
            return {}
        error = 0.0
        if self.coarse is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                error = float(np.nanmax(np.abs(np.log(self.coarse[name][1] / self.made[name][1]))))
        return {
            "wasserstein": distance(self.test, self.made, name) if self.test else np.nan,
            "wasserstein_expected": distance(self.held, self.made, name),
            "population_error": error,
        }


def _layer_row(case: Case, depth: int, layer: Layer, base: list[FloatArray]) -> dict[str, Any]:
    watched, compared = case.watched[layer.name], case.compared.get(layer.name)
    row: dict[str, Any] = {"layer": layer.name, "depth": depth, "channels": watched.mean.shape[-1]}
    row |= {
        "n": float(watched.n.mean()) if watched.n.size else np.nan,
        "batches": len(watched.batch),
        "calls": layer.calls,
    }
    row |= {"momentum": np.nan if layer.momentum is None else layer.momentum, "steps": layer.steps, "eps": layer.eps}
    row |= {
        "frozen": layer.name in case.frozen,
        "start_weight": np.nan,
        "rms_z": np.nan,
        "p": np.nan,
        "rms_z_epoch": np.nan,
    }
    if compared is not None:
        row |= {"start_weight": compared.start, "rms_z": compared.rms, "p": compared.p}
        if case.per_epoch:
            finite = compare(layer, watched, case.seed, per_epoch=case.per_epoch)
            row["rms_z_epoch"] = np.nan if finite is None else finite.rms
        row |= discrepancies(case, layer)
        gain = case.bench.gain(case.bench.score({layer.name: case.kinds["population"][layer.name]}), base)
        row |= {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high}
    return row | {"var_spread": case.spread(layer.name)}


def discrepancies(case: Case, layer: Layer) -> dict[str, float]:
    """Normalised gaps of the literature, each with its value where nothing is wrong.

    TID (Wang, Wu & Huang 2022, arXiv 2210.05153): mean distance of a batch's means (standard deviations) from the
    running ones, over channels, in units of the length of the running standard deviations. Expected: from those of all
    batches.
    Shift (Huang et al. 2022, arXiv 2203.10778): distance of running statistics from population ones in the same units.
    Expected: what the noise of the average leaves.
    """
    assert layer.running is not None
    watched, compared = case.watched[layer.name], case.compared[layer.name]
    means, variances = watched.updates(layer.momentum)
    biased = variances * (1 - 1 / watched.n.mean())
    _, pooled_var = watched.pooled()
    mean, sd = layer.running[0], np.sqrt(np.maximum(layer.running[1], 0))
    unit, expected_unit = float(np.linalg.norm(sd)), float(np.linalg.norm(np.sqrt(pooled_var)))
    population_mean, population_var = case.kinds["population"][layer.name]
    noise_sd = compared.se[1] / (2 * np.sqrt(np.maximum(pooled_var, 1e-30)))

    def tid(values: FloatArray, center: FloatArray, scale: float) -> float:
        return float(np.mean(np.linalg.norm(values - center, axis=1)) / max(scale, 1e-30))

    return {
        "tid_mean": tid(means, mean, unit),
        "tid_mean_expected": tid(means, means.mean(axis=0), expected_unit),
        "tid_var": tid(np.sqrt(biased), sd, unit),
        "tid_var_expected": tid(np.sqrt(biased), np.sqrt(biased.mean(axis=0)), expected_unit),
        "shift_mean": float(np.linalg.norm(mean - population_mean) / max(unit, 1e-30)),
        "shift_mean_expected": float(np.linalg.norm(compared.se[0]) / max(expected_unit, 1e-30)),
        "shift_var": float(np.linalg.norm(sd - np.sqrt(population_var)) / max(unit, 1e-30)),
        "shift_var_expected": float(np.linalg.norm(noise_sd) / max(expected_unit, 1e-30)),
    }


def channel_table(case: Case) -> pd.DataFrame:
    """One row per layer and channel."""
    tables, predicted = [], predicted_numbers(case)
    for layer in case.layers:
        compared, watched = case.compared.get(layer.name), case.watched[layer.name]
        if compared is None or layer.running is None:
            continue
        (means, variances), (precise_mean, precise_var) = watched.updates(layer.momentum), watched.pooled()
        population_mean, population_var = case.kinds["population"][layer.name]
        with np.errstate(divide="ignore", invalid="ignore"):
            independent = precise_var / np.var(means, axis=0, ddof=1)
        columns = {"layer": layer.name, "channel": np.arange(len(precise_mean))}
        for k, statistic in enumerate(("mean", "var")):
            columns[f"running_{statistic}"] = layer.running[k]
            columns[f"expected_{statistic}"] = compared.expected[k]
            columns[f"se_{statistic}"] = compared.se[k]
            columns[f"z_{statistic}"] = compared.z[k]
            columns[f"batch_sd_{statistic}"] = (means, variances)[k].std(axis=0, ddof=1)
        columns |= {"precise_mean": precise_mean, "precise_var": precise_var}
        columns |= {"precise_mean_se": means.std(axis=0, ddof=1) / np.sqrt(len(means))}
        columns |= {"precise_var_se": variances.std(axis=0, ddof=1) / np.sqrt(len(means))}
        columns |= {"population_mean": population_mean, "population_var": population_var}
        columns |= {"effective_n": independent, "predicted_n": predicted[layer.name]}
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def score_tables(case: Case) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of each kind of statistics, and the parts of the gap, each with intervals."""
    scores, parts = [], []
    benches = {"loader": case.loader_bench} | ({"test": case.test_bench} if case.test_bench is not None else {})
    for rows, bench in benches.items():
        by_kind = {"batch": bench.batch} | {k: bench.score(_given(case, k)) for k in KINDS}
        for m, metric in enumerate(bench.metrics):
            extra = {"batch": bench.split_variance[m]}
            for kind, values in by_kind.items():
                e = estimate(values[m], extra.get(kind, 0.0))
                scores.append({"rows": rows, "statistics": kind, "metric": metric.name} | _interval(e))
            for a, b in PARTS:
                e = estimate(by_kind[a][m] - by_kind[b][m], extra.get(a, 0.0))
                parts.append({"rows": rows, "metric": metric.name, "part": f"{a} - {b}"} | _interval(e))
    return pd.DataFrame(scores), pd.DataFrame(parts)


def _given(case: Case, kind: str) -> Kind:
    return {} if kind == "running" else case.kinds[kind]


def _interval(e: Estimate) -> dict[str, float]:
    return {"value": e.value, "se": e.se, "low": e.low, "high": e.high}


def depth_trend(case: Case) -> dict[str, float]:
    """Slope of log rms z on depth, and how often chance exceeds it; layers are resampled with the same batches."""
    names = [name for name in case.live if np.isfinite(case.compared[name].rms) and len(case.watched[name].batch)]
    if len(names) < 3:
        return {"slope": np.nan, "p": np.nan}
    depth = np.arange(len(names)) - (len(names) - 1) / 2
    observed = np.array([2 * np.log(max(case.compared[n].rms, 1e-6)) for n in names])
    chance = np.log(np.maximum(np.array([case.compared[n].resampled for n in names]), 1e-12))
    slope = float(depth @ observed / (depth @ depth)) / 2
    slopes = depth @ chance / (depth @ depth) / 2
    return {"slope": slope, "p": float((1 + np.count_nonzero(slopes >= slope)) / (RESAMPLES + 1))}

"""Coverage of 95 % intervals for the mean, each from one batch, under light and heavy tails."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.random import Generator
from scipy import stats

import bnstats as bn
from analyses.command_line import Options, run
from analyses.layout import beside
from bnstats.plots.elements import MARKERS, in_percent, log2_ticks, series
from bnstats.plots.figure import theme
from bnstats.plots.zip_plot import zip_plot

POPULATIONS = ("normal", "uniform", "exponential", "t3", "lognormal", "pareto")
SKEWED = "exponential"
ZIPPED, ZIPPED_SIZE, ZIPPED_INTERVALS = ("normal", "exponential", "pareto"), 8, 400
LEVEL = 0.95


@dataclass(frozen=True)
class Intervals(bn.Study):
    """Intervals of a batch's mean by the t law, mean ± t se, which are exact for normal values."""

    summaries: ClassVar[tuple[str, ...]] = ("coverage", "bias", "relative_error_of_model_se")
    populations: tuple[str, ...]
    batch_sizes: tuple[int, ...]

    def conditions(self) -> list[dict[str, Any]]:
        return [{"population": name, "batch_size": n} for name in self.populations for n in self.batch_sizes]

    def size(self, condition: Mapping[str, Any]) -> int:
        return max(ZIPPED_INTERVALS, 2**17 // int(condition["batch_size"]))

    def simulate(self, condition: Mapping[str, Any], rng: Generator, size: int) -> dict[str, np.ndarray[Any, Any]]:
        population, n = bn.POPULATIONS[condition["population"]], condition["batch_size"]
        batches = np.empty((size, n))
        population.fill(rng, batches)
        mean, se = batches.mean(axis=1), batches.std(axis=1, ddof=1) / math.sqrt(n)
        return {"mean": mean, "se": se, "holds the mean": np.abs(mean - population.mean) <= margin(n) * se}

    def summaries_of(self, condition: Mapping[str, Any], key: str) -> tuple[str, ...]:
        return {"mean": ("bias", "relative_error_of_model_se"), "se": ("bias",)}.get(key, ("coverage",))

    def model_se(self, condition: Mapping[str, Any], key: str) -> str | None:
        return "se" if key == "mean" else None

    def target(self, condition: Mapping[str, Any], key: str) -> float:
        return bn.POPULATIONS[condition["population"]].mean if key == "mean" else 0.0

    def tail_index(self, condition: Mapping[str, Any], key: str, replicates: int) -> float:
        return bn.POPULATIONS[condition["population"]].tail_index if key in ("mean", "se") else math.inf

    def precision_required(self, condition: Mapping[str, Any], key: str, summary: str) -> bool:
        return summary == "coverage"

    def exact(self, condition: Mapping[str, Any], key: str, summary: str) -> float:
        if key == "mean" and summary == "bias":
            return 0.0
        return LEVEL if summary == "coverage" and condition["population"] == "normal" else math.nan


def margin(batch_size: int) -> float:
    """Half the width of an interval, in standard errors."""
    return float(stats.t.ppf((1 + LEVEL) / 2, batch_size - 1))


def simulate(options: Options) -> pd.DataFrame:
    """Coverage and errors of standard errors in every condition, and some intervals themselves."""
    sizes = (4, 8, 32, 128) if options.quick else (2, 4, 8, 16, 32, 64, 128, 256)
    study = Intervals(POPULATIONS, sizes)
    table = bn.run(study, **options.study("interval-coverage", full=0.001, quick=0.004)).table
    frames = [table.assign(kind="summary")]
    for name in ZIPPED:
        place = study.conditions().index({"population": name, "batch_size": ZIPPED_SIZE})
        found = bn.run_block(study, condition=place, block=0, seed=options.seed)
        mean, se = (np.asarray(found[key])[:ZIPPED_INTERVALS] for key in ("mean", "se"))
        half, target = margin(ZIPPED_SIZE) * se, bn.POPULATIONS[name].mean
        intervals = pd.DataFrame({"low": mean - half, "high": mean + half, "target": target, "population": name})
        frames.append(intervals.assign(kind="interval", batch_size=ZIPPED_SIZE))
    return pd.concat(frames, ignore_index=True)


def plot(frame: pd.DataFrame) -> Figure:
    """Two panels: coverage against batch size, and some intervals from skewed batches."""
    covered = frame[(frame["kind"] == "summary") & (frame["measure"] == "holds the mean")]
    intervals = frame[(frame["kind"] == "interval") & (frame["population"] == SKEWED)]
    with theme() as palette:
        figure, (coverage, zipped) = beside(2, height=4.4)
        for i, name in enumerate(POPULATIONS):
            part = in_percent(covered[covered["population"] == name])
            joined = name != "normal"
            series(coverage, part, "batch_size", color=palette[i], marker=MARKERS[i], label=name, joined=joined)
        log2_ticks(coverage, covered["batch_size"].astype(int).tolist())
        coverage.set(
            title=f"How often {100 * LEVEL:.0f} % intervals hold the mean",
            xlabel="batch size",
            ylabel="intervals that hold the mean (%)",
        )
        coverage.legend(loc="lower right")
        zip_plot(zipped, intervals, level=LEVEL, colors=(palette[2], palette[4]))
        missed = (intervals["high"] < intervals["target"]).mean(), (intervals["low"] > intervals["target"]).mean()
        zipped.set(
            title=f"{ZIPPED_INTERVALS} batches of {ZIPPED_SIZE} {SKEWED} values", xlabel="interval for the mean (1)"
        )
        figure.suptitle(
            f"Intervals from a skewed batch miss the mean too often, and on one side: of {ZIPPED_SIZE} {SKEWED} values "
            f"{100 * missed[0]:.1f} % end below the mean, {100 * missed[1]:.1f} % above"
        )
    return figure


def main(argv: Sequence[str] | None = None) -> Path:
    return run("interval_coverage", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()

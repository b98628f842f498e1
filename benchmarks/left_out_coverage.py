"""Measures how often intervals of `leave_one_batch_out` hold the change of squared error that is to be expected.

    python -m benchmarks.left_out_coverage --data-sets 1500 --seed 2026

A data set has batches of 10 rows. Its x is a signal N(0, 1) plus a shift of the batch, N(0, 1). Its outcome is the
signal plus noise, N(0, 1) of each row and N(0, 1/4) of each batch. Where the shift is "signal", the outcome has it too;
where the shift is a "nuisance", the outcome does not. The expected change is the ratio of mean squared errors over all
data sets, less 1: the change that a correction makes in a new batch, fitted to one batch less than a data set has.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from benchmarks import campaigns
from bnstats._checks.array_types import FloatArray
from bnstats.corrections import correction_of
from bnstats.simulation.identity import stream
from bnstats.studies.batch_effects.left_out_errors import Rows, errors_left_out, errors_without
from bnstats.studies.batch_effects.left_out_interval import interval_of_change

SHIFTS = ("nuisance", "signal")
BATCHES, ROWS = (4, 6, 20, 40), 10
CORRECTIONS = ("center", "shrink", "standardize")
CONFIDENCE = 0.95
AT_ONCE = 250
"""Data sets that are corrected in one call."""


def data_sets(shift: str, batches: int, number: int, seed: int, block: int) -> Rows:
    """Some data sets, one in each column."""
    rng = stream(seed, {"shift": shift, "batches": batches}, block)
    shape, each = (batches, ROWS, number), (batches, 1, number)
    signal, effect = rng.normal(size=shape), rng.normal(size=each)
    outcome = signal + rng.normal(size=shape) + 0.5 * rng.normal(size=each)
    outcome += effect if shift == "signal" else 0.0
    flat = (batches * ROWS, number)
    return Rows((signal + effect).reshape(flat), outcome.reshape(flat), np.repeat(np.arange(batches), ROWS))


def errors(name: str, rows: Rows) -> tuple[FloatArray, FloatArray | None]:
    """Return the squared errors of left-out batches, and those of fits without each batch, if there are any."""
    correction = correction_of(name)
    return errors_left_out(correction, rows, True)[0], errors_without(correction, rows, True)


def setting(shift: str, batches: int, number: int, seed: int) -> list[dict[str, object]]:
    """A row for each correction: the expected change, and how often intervals hold it."""
    means: dict[str, list[FloatArray]] = {name: [] for name in ("none", *CORRECTIONS)}
    ends: dict[str, list[tuple[FloatArray, ...]]] = {name: [] for name in CORRECTIONS}
    for block, first in enumerate(range(0, number, AT_ONCE)):
        rows = data_sets(shift, batches, min(AT_ONCE, number - first), seed, block)
        base, base_without = errors("none", rows)
        means["none"].append(base.mean(axis=0))
        for name in CORRECTIONS:
            error, without = errors(name, rows)
            deleted = None if without is None or base_without is None else (without, base_without)
            means[name].append(error.mean(axis=0))
            ends[name].append(interval_of_change(error, base, CONFIDENCE, deleted)[1:])
    expected = {name: float(np.concatenate(found).mean()) for name, found in means.items()}
    found = []
    for name in CORRECTIONS:
        change = expected[name] / expected["none"] - 1
        low, high = (np.concatenate(end) for end in zip(*ends[name], strict=True))
        coverage = float(np.mean((low <= change) & (change <= high)))
        row = {"shift": shift, "batches": batches, "correction": name, "data_sets": number, "change": change}
        found.append({**row, "coverage": coverage, "mcse": float(np.sqrt(coverage * (1 - coverage) / number))})
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-sets", type=int, default=1500, help="in each setting")
    parser.add_argument("--seed", type=int, default=2026)
    campaigns.add_to(parser)
    given = parser.parse_args(arguments)
    command = f"python -m benchmarks.left_out_coverage --data-sets {given.data_sets} --seed {given.seed}"
    rows = []
    for shift in SHIFTS:
        for batches in BATCHES:
            start = time.perf_counter()
            own = setting(shift, batches, given.data_sets, given.seed)
            covered = ", ".join(f"{row['correction']} {row['coverage']:.3f}" for row in own)
            print(f"{shift}, {batches} batches: {covered}, {time.perf_counter() - start:.0f} s", flush=True)
            rows += [{"command": command, **row} for row in own]
    campaigns.save(given.to, rows)


if __name__ == "__main__":
    main()

"""The audits of a campaign: which model, on how many batches, of which kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.audits.broken.healthy import HEALTHY
from benchmarks.audits.broken.kinds import Kind
from benchmarks.audits.broken.portable import PORTABLE
from benchmarks.audits.broken.torch_kinds import TORCH_ONLY
from benchmarks.audits.models.problems import FAMILIES

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*HEALTHY, *PORTABLE, *TORCH_ONLY)}
GRID = (
    *("healthy", "never updated", "never updated, one layer", "few updates", "small batches and a large weight"),
    *("averaged weights", "statistics of other data", "weights moved on", "NaN in one channel", "shifted test data"),
)
"""Kinds that are audited on few batches, on rows that vary, and with missing inputs."""
FEW = (1, 2, 3, 10, 30)
COPIES = 7
"""Sound models of a family and seed."""
FRAMEWORKS = ("keras", "flax")


class Job(NamedTuple):
    """One audit; no batches mean as many as its kind takes."""

    table: str
    framework: str
    kind: str
    family: str
    seed: int
    batches: int = 0
    rows_vary: bool = False
    missing: bool = False


def broken(seed: int) -> Iterator[Job]:
    """Yield each kind in its families; of five or six, in every second one, which change with the seed."""
    for place, kind in enumerate((*PORTABLE, *TORCH_ONLY)):
        families = [family for family in FAMILIES if family in kind.families]
        start = (place + seed) % len(families)
        turned = families[start:] + families[:start]
        for family in turned[::2] if len(turned) > 4 else turned:
            yield Job("broken", "torch", kind.name, family, seed)


def sound(seed: int) -> Iterator[Job]:
    """Yield sound models of several problems."""
    for copy in range(COPIES):
        for family in FAMILIES:
            for kind in HEALTHY[: 1 + (copy < 2) + (copy < 2)]:
                yield Job("sound", "torch", kind.name, family, seed + 1000 * (copy + 1), rows_vary=copy % 2 == 1)
    for family in HEALTHY[3].families:
        yield Job("sound", "torch", HEALTHY[3].name, family, seed)


def grid(seed: int) -> Iterator[Job]:
    """Yield models on few batches, on rows that vary, with missing inputs."""
    for place, name in enumerate(GRID):
        family = FAMILIES[(place + seed) % len(FAMILIES)]
        for batches in FEW:
            for vary in (False, True):
                for missing in (False, True):
                    yield Job("grid", "torch", name, family, seed, batches, vary, missing)


def other_frameworks(seed: int) -> Iterator[Job]:
    """Yield the first 22 kinds in Keras and Flax, each in a family."""
    for framework in FRAMEWORKS:
        for place, kind in enumerate(PORTABLE[:22]):
            families = [f for f in ("dense", "conv", "1-D", "residual") if f in kind.families]
            yield Job("broken", framework, kind.name, families[(place + seed) % len(families)], seed)
        for family in ("dense", "conv", "1-D", "residual"):
            yield Job("sound", framework, "healthy", family, seed)


TABLES = {"broken": broken, "sound": sound, "grid": grid, "frameworks": other_frameworks}


def jobs(tables: Sequence[str], seeds: Sequence[int]) -> list[Job]:
    """Return the audits of these tables and seeds, so that models of one family follow each other."""
    found = [job for name in tables for seed in seeds for job in TABLES[name](seed)]
    return sorted(found, key=lambda job: (job.framework, job.seed, job.family))

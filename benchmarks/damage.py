"""Damages a store in random ways, and looks whether a run with it changes a number in silence.

    python -m benchmarks.damage --flips 10000 --truncations 2000 --kills 300

Allowed are the same numbers, with a warning or without, and one sentence that says what is wrong with the file.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import tempfile
import threading
import time
import warnings
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm.auto import tqdm

import bnstats as bn
from benchmarks import campaigns


@dataclass(frozen=True)
class Means(bn.Study):
    """Averages, quickly simulated, with all that a tally can hold."""

    summaries: ClassVar[tuple[str, ...]] = ("bias", "se", "rmse", "median_abs_error")
    sizes: tuple[int, ...] = (2, 3, 5)
    pause: float = 0.0
    grid: ClassVar[tuple[str, ...]] = ("sizes", "pause")

    def conditions(self) -> list[dict[str, int]]:
        return [{"size": n} for n in self.sizes]

    def size(self, condition: Any) -> int:
        return 60

    def simulate(self, condition: Any, rng: np.random.Generator, size: int) -> dict[str, NDArray[Any]]:
        time.sleep(self.pause)
        draws = rng.exponential(size=(size, condition["size"]))
        return {"mean": draws.mean(axis=1), "whole": rng.integers(0, 3, size)}


def measured(store: Path | None, pause: float = 0.0) -> pd.DataFrame:
    return bn.run(Means(pause=pause), max_replicates=60 * 10, executor=1, store=store, progress=False).table


def forked(store: Path, pause: float = 0.0) -> int:
    """A child process that runs with this store; its number."""
    tqdm.set_lock(threading.RLock())  # its own is shared with children, and a killed one never gives it back
    child = os.fork()
    if child == 0:
        failed = True
        try:
            measured(store, pause)
            failed = False
        finally:
            os._exit(failed)
    return child


class SilentError(AssertionError):
    """Numbers changed, or an error came from deep inside."""


def outcome(path: Path, truth: pd.DataFrame) -> str:
    """Return what a run with this file does: "same", "same, with a warning", or "refused"."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            table = measured(path)
        except (ValueError, OSError) as error:
            if str(path) not in str(error) or "\n" in str(error):
                raise SilentError(f"not one sentence about the file: {error!r}") from error
            return "refused"
    if not table.equals(truth):
        raise SilentError("the numbers changed")
    if any("is damaged; simulated again" not in str(w.message) for w in caught):
        raise SilentError(f"a warning of something else: {[str(w.message) for w in caught]}")
    return "same, with a warning" if caught else "same"


def disagreement(folder: Path, number: int, rng: np.random.Generator) -> Counter[str]:
    """One bit anywhere in the file; half of them where there is no payload, which is most of it."""
    path, truth, whole = _complete(folder)
    places = _outside_payloads(path, whole)
    found: Counter[str] = Counter()
    for i in range(number):
        bad = bytearray(whole)
        bad[rng.choice(places) if i % 2 else rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        found[_written(path, bytes(bad), truth)] += 1
    return found


def truncations(folder: Path, number: int, rng: np.random.Generator) -> Counter[str]:
    """Every second one at the end of a page, as a full disk or a lost block leaves it."""
    path, truth, whole = _complete(folder)
    found: Counter[str] = Counter()
    for i in range(number):
        length = int(rng.integers(1, len(whole)))
        found[_written(path, whole[: length // 4096 * 4096 if i % 2 else length], truth)] += 1
    return found


def kills(folder: Path, number: int, rng: np.random.Generator) -> Counter[str]:
    """SIGKILL at a random moment, again and again on the same files, which are begun anew when complete."""
    truth = measured(None)
    found: Counter[str] = Counter()
    path = folder / "killed.sqlite"
    for _ in range(number):
        child = forked(path, pause=0.004)
        time.sleep(float(rng.uniform(0.02, 0.3)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        held = _blocks(path)
        found[f"killed with {'no' if held == 0 else 'all' if held == 30 else 'some'} blocks kept"] += 1
        if held == 30 or rng.random() < 0.2:
            found[f"run again: {outcome(path, truth)}"] += 1
            path.unlink()
    return found


def _complete(folder: Path) -> tuple[Path, pd.DataFrame, bytes]:
    path = folder / "damaged.sqlite"
    truth = measured(path)
    return path, truth, path.read_bytes()


def _written(path: Path, content: bytes, truth: pd.DataFrame) -> str:
    for leftover in path.parent.glob(f"{path.name}-*"):
        leftover.unlink()
    path.write_bytes(content)
    return outcome(path, truth)


def _outside_payloads(path: Path, whole: bytes) -> list[int]:
    free = np.ones(len(whole), bool)
    with closing(sqlite3.connect(path)) as db:
        for (payload,) in db.execute("SELECT payload FROM blocks"):
            start = whole.find(payload[:64])  # those that overflow their page go on elsewhere
            free[start : start + min(len(payload), 3500)] = False
    return np.flatnonzero(free & (np.frombuffer(whole, np.uint8) > 0)).tolist()


def _blocks(path: Path) -> int:
    try:
        with closing(sqlite3.connect(path)) as db:
            return int(db.execute("SELECT count(*) FROM blocks").fetchone()[0])
    except sqlite3.OperationalError:  # killed before there was a table
        return 0


FAULTS = {
    "disagreement": "one bit of a store flipped",
    "truncations": "a store cut off",
    "kills": "SIGKILL while a store is written",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for what, number in (("disagreement", 500), ("truncations", 100), ("kills", 30), ("seed", 0)):
        parser.add_argument(f"--{what}", type=int, default=number)
    campaigns.add_to(parser)
    chosen = parser.parse_args()
    said = f"python -m benchmarks.damage --seed {chosen.seed}"
    rows = []
    for kind in (disagreement, truncations, kills):
        with tempfile.TemporaryDirectory() as folder:
            number, start = getattr(chosen, kind.__name__), time.monotonic()
            found = kind(Path(folder), number, np.random.default_rng(chosen.seed))
            took = time.monotonic() - start
            print(f"{number} {kind.__name__}: {dict(found)} in {took:.0f} s", flush=True)
            rows += campaigns.rows(f"{said} --{kind.__name__} {number}", FAULTS[kind.__name__], found, took)
    campaigns.save(chosen.to, rows)


if __name__ == "__main__":
    main()

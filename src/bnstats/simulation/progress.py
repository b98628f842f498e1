"""Progress bar of a run: finished conditions, the largest relative error, draws per second."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from tqdm.auto import tqdm

from bnstats.simulation.condition_run import ConditionRun
from bnstats.simulation.study import Condition, Study


class Bar:
    """Progress bar of one run, as a context; by default it is shown on a terminal only."""

    def __init__(self, study: Study, condition_runs: int, progress: bool | None) -> None:
        self._study = study
        self._bar = tqdm(
            total=condition_runs, unit="condition", disable=None if progress is None else not progress, leave=False
        )
        self._draws, self._start, self._worst = 0, time.monotonic(), math.inf

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def blocks(self, condition: Condition, finished: int) -> None:
        """Add finished blocks of this condition."""
        self._draws += finished * self._study.size(condition) * self._study.draws_per_replicate(condition)
        self._show()

    def look(self, condition_runs: Sequence[ConditionRun]) -> None:
        """Update the number of finished conditions and the largest relative error."""
        self._worst = max(c.worst for c in condition_runs)
        self._bar.update(sum(c.done for c in condition_runs) - self._bar.n)
        self._show()

    def _show(self) -> None:
        speed = self._draws / (time.monotonic() - self._start + 1e-9)
        self._bar.set_postfix_str(f"worst MCSE {self._worst:.2g}, {speed / 1e6:.0f} M draws/s", refresh=False)
        self._bar.update(0)

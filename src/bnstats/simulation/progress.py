"""A progress bar: finished conditions, the worst error, draws per second."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from tqdm.auto import tqdm

from bnstats.simulation.cell_run import CellRun
from bnstats.simulation.study import Cell, Study


class Bar:
    """The bar of one run, as a context; shown on a terminal only, unless `progress` says otherwise."""

    def __init__(self, study: Study, cells: int, progress: bool | None) -> None:
        self._study = study
        self._bar = tqdm(total=cells, unit="cell", disable=None if progress is None else not progress, leave=False)
        self._draws, self._start, self._worst = 0, time.monotonic(), math.inf

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def blocks(self, cell: Cell, finished: int) -> None:
        """Count so many finished blocks of this cell."""
        self._draws += finished * self._study.size(cell) * self._study.draws(cell)
        self._show()

    def look(self, cells: Sequence[CellRun]) -> None:
        """Show how precise the cells are at this look."""
        self._worst = max(c.worst for c in cells)
        self._bar.update(sum(c.done for c in cells) - self._bar.n)
        self._show()

    def _show(self) -> None:
        speed = self._draws / (time.monotonic() - self._start + 1e-9)
        self._bar.set_postfix_str(f"worst MCSE {self._worst:.2g}, {speed / 1e6:.0f} M draws/s", refresh=False)
        self._bar.update(0)

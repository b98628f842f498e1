"""Progress bar of a run: what is finished, and draws per second."""

from __future__ import annotations

import time

from tqdm.auto import tqdm


class Bar:
    """Progress bar of one run, as a context; by default it is shown on a terminal only."""

    def __init__(self, total: int, unit: str, progress: bool | None) -> None:
        disable = None if progress is None else not progress
        self._bar = tqdm(total=total, unit=unit, disable=disable, leave=False)
        self._draws, self._start, self._note = 0, time.monotonic(), ""

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def drew(self, draws: int) -> None:
        """Add the draws of finished blocks."""
        self._draws += draws
        self._show()

    def finished(self, number: int, note: str = "") -> None:
        """Update how many conditions or claims are finished, and what is said of all of them."""
        self._note = note
        self._bar.update(number - self._bar.n)
        self._show()

    def _show(self) -> None:
        speed = self._draws / (time.monotonic() - self._start + 1e-9)
        self._bar.set_postfix_str(f"{self._note}{speed / 1e6:.0f} M draws/s", refresh=False)
        self._bar.update(0)

"""Findings of a monitor: measures of layers, events, and both in words, as a picture and as a page."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bnstats._checks import values as checks
from bnstats._checks.terminal import printable
from bnstats.monitor import texts
from bnstats.monitor.core.engine import Engine
from bnstats.monitor.core.events import Event, start_at_end
from bnstats.statistics.norm_borders import DISPLACEMENT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    "layer", "channels", "start_weight", "noise", "lag", "lag_z", "displacement", "n_eff", "best_momentum",
    "recalibration_rows", "dead", "frozen_since",
)  # fmt: skip


class Findings(ABC):
    """Findings of all reads so far."""

    _engine: Engine
    _off: bool

    @abstractmethod
    def _flush(self) -> None:
        """Take the reads in that a device has kept back."""

    @property
    def table(self) -> pd.DataFrame:
        """Measures of each layer now, one row per layer; `displacement` is the root of noise² + lag².

        The columns are:

        - `layer`: name of the layer.
        - `channels`: number of channels.
        - `start_weight`: weight that the start values 0 and 1 still have; nan if the number of updates is not known.
        - `noise`, `lag`, `displacement`: displacement of the running statistics by noise of the batches, by lag
          behind the weights, and by both, in standard deviations of the normalized values; nan if not known.
        - `lag_z`: lag before noise is taken off it, in units of what chance gives.
        - `n_eff`: independent values behind a batch mean, as its variance shows.
        - `best_momentum`: weight of the new batch that follows the batches best.
        - `recalibration_rows`: rows of a recalibration with an error of 0.05 standard deviations.
        - `dead`: channels whose batches have no variance.
        - `frozen_since`: step after which the running statistics have not moved; nan if they move.
        """
        self._flush()
        engine = self._engine
        if engine.reading is None:
            return pd.DataFrame(columns=list(COLUMNS))
        m, state, layout = engine.check().measures, engine.state, engine.reading.layout
        rows = np.ceil(m.unit / texts.BORDERS[0] ** 2) * (engine.batch_size or math.nan)
        values = {"noise": m.noise, "lag": m.lag, "lag_z": m.lag_z, "displacement": m.displacement, "n_eff": m.n_eff}
        values |= {"best_momentum": engine.shadows.best, "recalibration_rows": rows}
        frozen = np.where(state.moved < engine.step, state.moved, math.nan)
        return pd.DataFrame(
            {"layer": layout.names, "channels": layout.sizes, "start_weight": state.start}
            | {name: np.where(m.known, value, math.nan) for name, value in values.items()}
            | {"dead": m.dead.astype(int), "frozen_since": frozen}
        )

    @property
    def events(self) -> pd.DataFrame:
        """Events that were named so far: `step` at which each began, `code`, `layer` and `message`."""
        self._flush()
        return pd.DataFrame(self._engine.events, columns=list(Event._fields))

    @property
    def history(self) -> pd.DataFrame:
        """Measures at the checks, one row per check and layer: `step`, `layer`, `noise`, `lag`, `displacement`."""
        self._flush()
        columns = ["step", "layer", "noise", "lag", "displacement"]
        rows = [
            (check.step, *values)
            for check in self._engine.history
            for values in zip(check.layers, check.noise, check.lag, check.displacement, strict=True)
        ]
        return pd.DataFrame(rows, columns=columns)

    @property
    def checked(self) -> bool:
        """True if the last step ended with a check: when a logger should ask for `scalars`."""
        engine = self._engine
        return bool(engine.history) and engine.history[-1].step == engine.step

    def scalars(self) -> dict[str, float]:
        """Return numbers for a logger: the worst layer's, and the displacement of each layer.

        Returns
        -------
        dict
            Numbers by name, without those that are not known.

        Examples
        --------
        >>> from bnstats import BatchNormMonitor
        >>> m = BatchNormMonitor()
        >>> for mean in (0.0, 0.1, 0.2, 0.1):
        ...     m.update({"conv": ([mean], [1.0])}, weight=0.1)
        >>> sorted(m.scalars())
        ['batch_norm/displacement', 'batch_norm/displacement/conv', 'batch_norm/lag', 'batch_norm/noise', ...]
        """
        table = self.table
        worst = {f"batch_norm/{name}": table[name].max() for name in ("displacement", "noise", "lag", "start_weight")}
        layers = zip(table["layer"], table["displacement"], strict=True)
        found = worst | {f"batch_norm/displacement/{layer}": value for layer, value in layers}
        return {name: float(value) for name, value in found.items() if pd.notna(value)}

    def summary(self) -> str:
        """Return the state of the running statistics in words, the worst layer first.

        Returns
        -------
        str
            The displacement, how often as much was costly, the events with what to do, and what cannot be seen.

        Examples
        --------
        >>> from bnstats import BatchNormMonitor
        >>> m = BatchNormMonitor(total_steps=100)
        >>> for mean in (0.0, 0.1, 0.2, 0.1):
        ...     m.update({"conv": ([mean], [1.0])}, weight=0.01)
        >>> print(m.summary())
        After 3 steps, running statistics are displaced by ...
        """
        table, engine = self.table, self._engine
        return texts.summary(table, engine.events, engine.step, self._start_at_end())

    def plot(self) -> Figure:
        """Plot the displacement of each layer over steps, with the events.

        Returns
        -------
        Figure
            Matplotlib figure.

        Examples
        --------
        >>> from bnstats import BatchNormMonitor
        >>> m = BatchNormMonitor()
        >>> m.update({"conv": ([0.0], [1.0])}, weight=0.1)
        >>> m.plot().get_suptitle()
        'No displacement was measured yet'
        """
        from bnstats.plots.monitored import displacement

        return displacement(self.history, self.events, DISPLACEMENT)

    def to_html(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write summary, picture and tables as one page that needs no other file.

        Parameters
        ----------
        path : path of a file
            Where the page is written.
        overwrite : bool
            True to replace a file that exists.

        Returns
        -------
        Path
            Path of the page.

        Raises
        ------
        ValueError
            If the file exists, and `overwrite` is False.
        OSError
            If the page cannot be written.

        Examples
        --------
        >>> from bnstats import BatchNormMonitor
        >>> import tempfile
        >>> BatchNormMonitor().to_html(tempfile.mkdtemp() + "/monitor.html").name
        'monitor.html'
        """
        from bnstats.monitor.page import page

        target, replaces = checks.path("path", path), checks.flag("overwrite", overwrite)
        if target.is_file() and not replaces:
            raise ValueError(f"path {str(target)!r} exists; give another path, or overwrite=True.")
        tables = {"Layers": self.table, "Events": self.events}
        target.write_text(page(self.summary(), self.plot(), tables), encoding="utf-8")
        return target

    def _start_at_end(self) -> float:
        engine = self._engine
        if engine.reading is None or engine.total_steps is None:
            return math.nan
        ends = start_at_end(engine.check())
        return float(np.nanmax(ends)) if not np.isnan(ends).all() else math.nan

    def __repr__(self) -> str:
        table = self.table
        worst = table["displacement"].max() if len(table) else math.nan
        known = "not known" if pd.isna(worst) else f"{worst:.2f} sd"
        state = ", switched off" if self._off else ""
        return printable(
            f"BatchNormMonitor after {self._engine.step} steps: {len(table)} layers, displacement {known}, "
            f"{len(self._engine.events)} events{state}"
        )

    def _repr_html_(self) -> str:
        from bnstats.monitor.page import in_html

        return in_html(self.summary())

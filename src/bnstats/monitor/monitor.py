"""`BatchNormMonitor`: running statistics in, findings out."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import batch_size as size_of_batch
from bnstats._checks.numbers import count
from bnstats._checks.terminal import printable
from bnstats._checks.values import optional
from bnstats._warnings import notify
from bnstats.monitor import texts
from bnstats.monitor.core.engine import Engine
from bnstats.monitor.core.events import Event, start_at_end
from bnstats.monitor.core.readings import Reading, StatisticsReader, Weight, reading_of
from bnstats.plots.page import page, safe, write_page
from bnstats.statistics.norm_borders import DISPLACEMENT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    "layer", "channels", "start_weight", "noise", "lag", "lag_z", "displacement", "n_eff", "best_momentum",
    "recalibration_rows", "dead", "frozen_since",
)  # fmt: skip
TITLE = "Running statistics of batch norm while a network trains"
SHOWS = "Displacement of running statistics by layer over steps"
VERSION = 1
"""Version of the format of `state_dict`."""


@checked(
    batch_size=optional(size_of_batch),
    total_steps=optional(count),
    check_every=count,
    batches_per_epoch=optional(count),
)
class BatchNormMonitor:
    """A monitor of batch norm that reads only the running statistics while a network trains.

    The statistics of each batch are recovered from the change of the running statistics, so that no hook, no further
    pass and no change of the model is needed. A monitor never ends a training: if something cannot be read, it warns
    once and switches itself off.

    Parameters
    ----------
    batch_size : int, optional
        Rows that are normalized together.
    total_steps : int, optional
        Batches of the whole training; with it, start values that will remain are named at the first step.
    check_every : int
        Batches between two checks, at which events are named.
    batches_per_epoch : int, optional
        Batches of an epoch in which each row is drawn once; the noise of running statistics is then smaller.

    Examples
    --------
    >>> import numpy as np
    >>> rng, mean, var = np.random.default_rng(0), np.zeros(8), np.ones(8)
    >>> m = BatchNormMonitor(batch_size=4, total_steps=60)
    >>> m.update({"conv": (mean, var)}, weight=0.9)
    >>> for step in range(60):
    ...     batch = rng.normal(size=(4, 8))
    ...     mean, var = mean + 0.9 * (batch.mean(0) - mean), var + 0.9 * (batch.var(0, ddof=1) - var)
    ...     m.update({"conv": (mean, var)}, weight=0.9)
    >>> m.table[["layer", "start_weight", "noise", "n_eff"]].round(1)
      layer  start_weight  noise  n_eff
    0  conv           0.0    0.6    3.6
    >>> print(m.summary())
    After 60 steps, ...
    """

    def __init__(
        self,
        batch_size: int | None = None,
        total_steps: int | None = None,
        check_every: int = 50,
        *,
        batches_per_epoch: int | None = None,
    ) -> None:
        self._engine = Engine(batch_size, total_steps, check_every, batches_per_epoch)
        self._reader: StatisticsReader | None = None
        self._off = False

    def update(self, buffers: Mapping[str, Any], weight: Weight, updates: Any = None) -> None:
        """Read running statistics that are given as arrays: once before training, then after each step.

        Parameters
        ----------
        buffers : dict
            For each layer, its running mean and running variance, arrays of one number for each channel.
        weight : float in (0, 1], None, or dict
            Weight of the new batch, 1 - 0.99 for a momentum of 0.99 in Keras and Flax; None for a cumulative average
            with weights 1/t. A dictionary has the weight of each layer.
        updates : int or dict, optional
            Batches that the running statistics have seen so far. By default, a layer that has changed since the last
            call has seen one more batch.

        Examples
        --------
        >>> m = BatchNormMonitor()
        >>> m.update({"conv": ([0.0], [1.0])}, weight=0.1, updates=0)
        >>> m.update({"conv": ([0.2], [1.1])}, weight=0.1, updates=2)
        >>> m.table["start_weight"].round(2).tolist()
        [0.81]
        """
        if not self._off:
            with self._training_goes_on():
                self._take([reading_of(buffers, weight, updates)])

    def watch(self, model: Any) -> BatchNormMonitor:
        """Watch a model of PyTorch, Keras or Flax NNX: its running statistics are read now and at each `step`.

        Parameters
        ----------
        model : torch.nn.Module, keras.Model or flax.nnx.Module
            Compiled or wrapped models, too. With several processes, call it in each; the first one is read.

        Returns
        -------
        BatchNormMonitor
            The monitor itself.

        Examples
        --------
        >>> m = BatchNormMonitor(batch_size=32).watch(model)  # doctest: +SKIP
        """
        from bnstats.monitor.readers import reader_of

        with self._training_goes_on():
            self._reader = reader_of(model, self._engine.check_every)
            self._take(self._reader.read(0))
        return self

    def step(self, batches: int = 1) -> None:
        """Read the model that is watched, after each batch in training mode.

        Parameters
        ----------
        batches : int
            Batches since the last call: where gradients of several batches are accumulated, and this is called once
            for all.

        Examples
        --------
        >>> m.step()  # doctest: +SKIP
        """
        if not self._off:
            with self._training_goes_on():
                if self._reader is None:
                    raise ValueError("no model is watched; call watch(model) before the first step.")
                self._take(self._reader.read(batches))

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
        >>> import tempfile
        >>> BatchNormMonitor().to_html(tempfile.mkdtemp() + "/monitor.html").name
        'monitor.html'
        """

        def made() -> str:
            tables = {"Layers": self.table, "Events": self.events}
            return page(TITLE, self._repr_html_(), self.plot(), SHOWS, tables, "None.")

        return write_page(path, overwrite, made)

    def state_dict(self) -> dict[str, Any]:
        """Return what was learned, as numbers, text, lists and dictionaries, for a checkpoint.

        Returns
        -------
        dict
            Plain values only, which `torch.save` and `json.dump` take.

        Examples
        --------
        >>> m = BatchNormMonitor()
        >>> m.update({"conv": ([0.0], [1.0])}, weight=0.1)
        >>> m.state_dict()["layers"]
        ['conv']
        """
        self._flush()
        return {"version": VERSION, "off": self._off, **self._engine.to_plain()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint, before or after `watch`.

        Parameters
        ----------
        state : dict
            What `state_dict` has returned.

        Examples
        --------
        >>> m = BatchNormMonitor()
        >>> m.update({"conv": ([0.0], [1.0])}, weight=0.1)
        >>> resumed = BatchNormMonitor()
        >>> resumed.load_state_dict(m.state_dict())
        >>> resumed.table["start_weight"].tolist()
        [1.0]
        """
        with self._training_goes_on():
            if state["version"] != VERSION:
                raise ValueError(f"the state was saved in version {state['version']} of the format, not {VERSION}.")
            self._off = bool(state["off"])
            self._engine.from_plain(state)

    def _take(self, readings: list[Reading]) -> None:
        for reading in readings:
            with np.errstate(all="ignore"):  # buffers may hold anything
                begun = self._engine.read(reading)
            if begun and sys.stderr.isatty():
                for event in begun:
                    print(texts.line(event), file=sys.stderr)

    def _flush(self) -> None:
        if self._reader is not None and not self._off:
            with self._training_goes_on():
                self._take(self._reader.flush())

    @contextmanager
    def _training_goes_on(self) -> Iterator[None]:
        """Switch the monitor off, with a warning, at whatever error occurs within."""
        try:
            yield
        except Exception as error:
            self._off = True
            what = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            notify(f"The batch-norm monitor switched itself off after step {self._engine.step}: {what}")

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
        return "".join(f"<p>{safe(line)}</p>" for line in self.summary().split("\n"))

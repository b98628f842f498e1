"""`BatchNormMonitor`: running statistics in, findings out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import batch_size as size_of_batch
from bnstats._checks.numbers import count
from bnstats._checks.values import optional
from bnstats._warnings import notify
from bnstats.monitor import texts
from bnstats.monitor.core.engine import Engine
from bnstats.monitor.core.readings import Reader, Reading, Weight, reading_of
from bnstats.monitor.findings import Findings

VERSION = 1
"""Version of the format of `state_dict`."""


@checked(
    batch_size=optional(size_of_batch),
    total_steps=optional(count),
    check_every=count,
    batches_per_epoch=optional(count),
)
class BatchNormMonitor(Findings):
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
        self._reader: Reader | None = None
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

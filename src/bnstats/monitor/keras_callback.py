"""The monitor as a callback of Keras, on any backend."""

from __future__ import annotations

from typing import Any

import keras

from bnstats.monitor.callback import Monitored


class KerasCallback(Monitored, keras.callbacks.Callback):
    """Callback that monitors batch norm while a Keras model is fitted.

    With `steps_per_execution=k` in `compile`, Keras calls back after every k batches, and as often is read.

    Parameters
    ----------
    **options
        Options of `bnstats.BatchNormMonitor`; Keras does not tell a callback the batch size.

    Attributes
    ----------
    monitor : BatchNormMonitor
        The monitor; ask it for `summary()`, `table`, `events` and `plot()`.

    Examples
    --------
    >>> callback = KerasCallback(batch_size=32)  # doctest: +SKIP
    >>> model.fit(x, y, batch_size=32, callbacks=[callback])  # doctest: +SKIP
    >>> print(callback.monitor.summary())  # doctest: +SKIP
    """

    def on_train_begin(self, logs: Any = None) -> None:
        """Watch the model."""
        epochs, steps = (self.params or {}).get("epochs"), (self.params or {}).get("steps")
        self._begin(self.model, total_steps=epochs * steps if epochs and steps else None)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count the batches of an epoch from its beginning."""
        self._last = -1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Read the running statistics after one batch or several."""
        model = self.model  # on JAX, this writes the latest state into the variables
        assert model is not None
        self.monitor.step(batches=batch - self._last)
        self._last = batch

"""The monitor as a callback of Lightning."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback

from bnstats.monitor.callback import Monitored


class LightningCallback(Monitored, Callback):
    """Callback that monitors batch norm while a Lightning trainer trains.

    Batch size and number of steps are found in the trainer. At each check, the displacement is logged. A checkpoint
    holds the monitor's state.

    Parameters
    ----------
    **options
        Options of `bnstats.BatchNormMonitor`.

    Attributes
    ----------
    monitor : BatchNormMonitor
        The monitor; ask it for `summary()`, `table`, `events` and `plot()`.

    Examples
    --------
    >>> callback = LightningCallback()  # doctest: +SKIP
    >>> lightning.Trainer(callbacks=[callback]).fit(model, loader)  # doctest: +SKIP
    >>> print(callback.monitor.summary())  # doctest: +SKIP
    """

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Watch the module."""
        steps = trainer.estimated_stepping_batches * trainer.accumulate_grad_batches
        self._begin(pl_module, batch_size=getattr(trainer.train_dataloader, "batch_size", None), total_steps=steps)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Read the running statistics after a batch."""
        self.monitor.step()
        if self.monitor.checked:
            pl_module.log_dict(self.monitor.scalars(), rank_zero_only=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the monitor's state for a checkpoint."""
        return self.monitor.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint when the training begins."""
        self.saved_state = state_dict

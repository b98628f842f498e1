"""The monitor as a callback of the Trainer of Hugging Face's transformers."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback as Base
from transformers.trainer_callback import ExportableState

from bnstats.monitor.callback import Monitored


class TrainerCallback(Monitored, Base, ExportableState):
    """Callback that monitors batch norm while the Trainer of transformers trains.

    Batch size and number of steps are found in the arguments of the Trainer. Its log has the displacement, for the
    loggers that come after this callback. A checkpoint holds the monitor's state.

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
    >>> callback = TrainerCallback()  # doctest: +SKIP
    >>> transformers.Trainer(model, args, train_dataset=rows, callbacks=[callback]).train()  # doctest: +SKIP
    >>> print(callback.monitor.summary())  # doctest: +SKIP
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Watch the model."""
        steps = state.max_steps * args.gradient_accumulation_steps
        self._begin(kwargs["model"], batch_size=args.per_device_train_batch_size, total_steps=steps)

    def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Read the running statistics after a batch whose gradient is accumulated."""
        self.monitor.step()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Read the running statistics after a batch."""
        self.monitor.step()

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Add the displacement to what is logged."""
        found = self.monitor.scalars()
        kwargs.get("logs", {}).update(found)
        if state.log_history:
            state.log_history[-1].update(found)

    def state(self) -> dict[str, Any]:
        """Return the monitor's state for a checkpoint."""
        return {"args": dict(self.options), "attributes": {"saved_state": self.monitor.state_dict()}}

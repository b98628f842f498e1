"""The monitor of a callback, which is made when the training begins."""

from __future__ import annotations

import math
from typing import Any

from bnstats.monitor.monitor import BatchNormMonitor

_LEAST = {"batch_size": 2, "total_steps": 1}


class Monitored:
    """A monitor whose options are found in the trainer, unless they were given.

    Attributes
    ----------
    monitor : BatchNormMonitor
        The monitor; ask it for `summary()`, `table`, `events` and `plot()`.
    saved_state : dict or None
        State of a checkpoint, from which the monitor goes on when the training begins.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options
        self.monitor = BatchNormMonitor(**options)
        self.saved_state: Any = None

    def _begin(self, model: Any, **found: Any) -> None:
        """Watch a model, with the options that a trainer has where they are known and were not given."""
        known = {name: value for name, value in found.items() if _is_known(value, _LEAST[name])}
        self.monitor = BatchNormMonitor(**(known | self.options)).watch(model)
        if self.saved_state is not None:
            self.monitor.load_state_dict(self.saved_state)


def _is_known(value: Any, least: int) -> bool:
    return value is not None and least <= value < math.inf

"""The same statistics on a PyTorch model, and what a planned configuration implies.

`bn.audit(model, loader)` works whatever has been imported from inside: this module, too, can be called.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A module that does what its door does, as importing any part of it makes `bnstats.audit` mean the module."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from bnstats.audit.audit import audit

        return audit(*arguments, **options)


sys.modules[__name__].__class__ = _Callable

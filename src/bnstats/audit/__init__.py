"""Audit and recalibration of trained models of PyTorch, Keras and Flax.

`bn.audit(model, loader)` works whatever has been imported from inside: this module, too, can be called.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """Module that can be called as its function, as importing a part of it may make `bnstats.audit` mean the module."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from bnstats.audit.audit import audit

        return audit(*arguments, **options)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; parts of the package are those of the function, too, which has the package's name.

        `import bnstats.audit.torch.model as model` looks for `torch` in what `bnstats.audit` is.
        """
        super().__setattr__(name, value)
        function = getattr(vars(self).get("audit"), "audit", None)
        if function is not None:
            vars(function).update({n: part for n, part in vars(self).items() if isinstance(part, ModuleType)})


sys.modules[__name__].__class__ = _Callable

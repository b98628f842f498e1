"""Rules by which batches are drawn, of values and of labeled rows, each by name.

`bn` has the classes of rules that ship with it, such as `bn.IID`; a class in a further file is public here.
"""

from typing import Any

import bnstats
from bnstats.datasets.registry import ROW_BATCHING_CLASSES, ROW_BATCHING_RULES
from bnstats.sampling.registry import BATCHING_CLASSES, BATCHING_RULES

_CLASSES: dict[str, Any] = BATCHING_CLASSES | ROW_BATCHING_CLASSES

__all__ = ["BATCHING_RULES", "ROW_BATCHING_RULES"]
__all__ += [name for name in _CLASSES if name not in dir(bnstats)]


def __getattr__(name: str) -> Any:
    """Return the class of a rule by its name."""
    if name in _CLASSES:
        return _CLASSES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

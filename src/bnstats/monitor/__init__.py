"""Running statistics watched while a network trains; see `bnstats.BatchNormMonitor`.

`bn.monitor.<tab>` shows the callbacks of the frameworks that are installed.
"""

import importlib.util
from typing import Any

import lazy_loader

_found, _, _names = lazy_loader.attach_stub(__name__, __file__)
_NEEDS = {"LightningCallback": "lightning", "TrainerCallback": "transformers", "KerasCallback": "keras"}
__all__ = [name for name in _names if name not in _NEEDS or importlib.util.find_spec(_NEEDS[name])]


def __dir__() -> list[str]:
    return list(__all__)


def __getattr__(name: str) -> Any:
    if name in _NEEDS and name not in __all__:
        package = _NEEDS[name]
        raise ModuleNotFoundError(f"bn.monitor.{name} needs {package}: pip install 'bnstats[{package}]'", name=package)
    return _found(name)

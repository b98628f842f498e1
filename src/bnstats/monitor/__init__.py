"""Running statistics watched while a network trains; see `bnstats.BatchNormMonitor`.

`bn.monitor.<tab>` shows the callbacks of the frameworks that are installed.
"""

import importlib.util

import lazy_loader

__getattr__, _, _names = lazy_loader.attach_stub(__name__, __file__)
_NEEDS = {"LightningCallback": "lightning", "TrainerCallback": "transformers", "KerasCallback": "keras"}
__all__ = [name for name in _names if name not in _NEEDS or importlib.util.find_spec(_NEEDS[name])]


def __dir__() -> list[str]:
    return list(__all__)

"""The frameworks whose models can be audited, found without importing a framework."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from bnstats.audit.core.protocol import Framework

ADAPTERS = {"keras": "bnstats.audit.keras", "flax": "bnstats.audit.flax", "torch": "bnstats.audit.torch"}
"""Package of each framework, and the module whose `FRAMEWORK` adapts it.

With PyTorch as its backend, a model of Keras is a module of PyTorch, too, so Keras is asked first.
"""


def framework_of(model: Any) -> Framework:
    """Return the framework of a model.

    Parameters
    ----------
    model : object
        Model of PyTorch, Keras or Flax.

    Returns
    -------
    Framework
        Adapter of the model's framework. Only packages that are imported already are tried.

    Raises
    ------
    ValueError
        If the model belongs to none of the frameworks.

    Examples
    --------
    >>> framework_of(3)
    Traceback (most recent call last):
        ...
    ValueError: model is a model of PyTorch, Keras or Flax; got int: give the model itself.
    """
    for package, module in ADAPTERS.items():
        if package in sys.modules:
            framework: Framework = import_module(module).FRAMEWORK
            if framework.recognizes(model):
                return framework
    raise ValueError(f"model is a model of PyTorch, Keras or Flax; got {type(model).__name__}: give the model itself.")

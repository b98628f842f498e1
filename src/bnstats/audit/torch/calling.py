"""Calls of a model with a batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

LABELS = ("y", "label", "labels", "target", "targets")


def inputs_of(batch: Any, parameters: Sequence[inspect.Parameter]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and named inputs of a model's call with a batch.

    Parameters
    ----------
    batch : batch
        A tuple or list starts with as many inputs as are required; what follows, labels, is left out. The
        entries of a mapping that are parameters are given by name, labels left out. All else is given as it is.
    parameters : sequence of Parameter
        Parameters of the model's forward pass.
    """
    if isinstance(batch, Mapping):
        return _of_mapping(batch, parameters)
    if isinstance(batch, tuple | list) and len(batch):
        required = len([p for p in parameters if p.default is p.empty and p.kind in _POSITIONAL])
        return tuple(batch[: min(max(required, 1), len(batch))]), {}
    return (batch,), {}


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _of_mapping(
    batch: Mapping[Any, Any], parameters: Sequence[inspect.Parameter]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    rest = {key: value for key, value in batch.items() if key not in LABELS}
    names = {p.name for p in parameters}
    named = {key: value for key, value in rest.items() if key in names}
    if named:
        return (), named
    if len(parameters) == 1 and parameters[0].kind in _POSITIONAL and len(rest) > 1:
        return (batch,), {}  # it takes the mapping as a whole, or the first entry that is no label is meant
    if len(rest) == 1 or not any(p.kind is p.VAR_KEYWORD for p in parameters):
        return tuple(list(rest.values())[:1]), {}
    return (), {str(key): value for key, value in rest.items()}


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters of a function, none if they are not known."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # callables of C have none
        return []

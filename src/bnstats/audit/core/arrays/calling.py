"""Calls of a model and of its layers, in each mode."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

FLAGS = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
    "inference": False,
}
"""Arguments of a model's call that say in which mode it runs, each with its value in training mode."""

LABELS = ("y", "label", "labels", "target", "targets")


def mode_arguments(call: Callable[..., Any], training: bool) -> dict[str, bool]:
    """Return the arguments of a call that set its mode.

    >>> mode_arguments(lambda x, train, deterministic: x, training=True)
    {'train': True, 'deterministic': False}
    """
    named = inspect.signature(call).parameters
    return {name: in_training == training for name, in_training in FLAGS.items() if name in named}


def in_evaluation(call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return the result of a call whose mode is set to evaluation, however its arguments were given."""
    given = inspect.signature(call).bind(*args, **kwargs)
    given.arguments.update(mode_arguments(call, training=False))
    return call(*given.args, **given.kwargs)


def inputs_of(batch: Any, call: Callable[..., Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and named arguments for a model's call: those of a batch that are no labels.

    >>> inputs_of((1, 2, 3), lambda a, b: a), inputs_of({"x": 1, "y": 2}, lambda x, train: x)
    (((1, 2), {}), ((), {'x': 1}))
    """
    taken = [p for p in inspect.signature(call).parameters.values() if p.name not in (*FLAGS, "self")]
    if isinstance(batch, Mapping):
        named = {p.name: batch[p.name] for p in taken if p.name in batch}
        return ((), named) if named else ((next(v for k, v in batch.items() if k not in LABELS),), {})
    if isinstance(batch, tuple | list):
        required = [p for p in taken if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        return tuple(batch[: max(1, len(required))]), {}
    return (batch,), {}

"""The main array of a model's output, and the labels in a batch that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core.trees import Path, arrays, children, is_array

MAIN = ("logits", "out", "output", "outputs", "prediction", "predictions", "preds", "y_hat", "last_hidden_state")
LABELS = ("labels", "label", "y", "target", "targets")
IGNORED = (-100, 255)
"""Labels that loss functions leave out: of PyTorch, and of segmentation."""


def main_output(output: Any) -> FloatArray | None:
    """Return the main floating array of an output in NumPy: the logits of a dictionary, the first of a tuple."""
    if is_array(output):
        return np.asarray(output, dtype=np.float64) if np.ndim(output) and _floating(output) else None
    parts = children(output)
    named = dict(parts)
    order = [name for name in MAIN if name in named] + [name for name, _ in parts if name not in MAIN]
    return next((found for name in order if (found := main_output(named[name])) is not None), None)


def own_main(output: Any) -> Any:
    """Return the main array of an output in the framework's own type."""
    while not is_array(output) and (parts := children(output)):
        named = dict(parts)
        output = next((named[name] for name in MAIN if name in named), next(iter(named.values())))
    return output


def labels_of(batch: Any) -> Any:
    """Return the labels of a batch in the framework's own type: under a name of labels, or the last of a tuple."""
    parts = children(batch)
    named = dict(parts)
    return next((named[name] for name in LABELS if name in named), parts[-1][1] if parts else None)


def _floating(leaf: Any) -> bool:
    kind = getattr(np.asarray(leaf).dtype, "kind", "")
    return kind == "f" or "float" in str(leaf.dtype)


def float_leaves(output: Any) -> list[FloatArray]:
    """Return all floating arrays of an output, rows first."""
    return [np.asarray(leaf, dtype=np.float64) for _, leaf in arrays(output) if _floating(leaf)]


LabelKind = Literal["classes", "one_hot", "binary"]


@dataclass(frozen=True)
class Fit:
    """Fit of labels to an output.

    Attributes
    ----------
    path : tuple
        Path of the labels in a batch.
    kind : str
        "classes" (integers), "one_hot" or "binary".
    axis : int
        Axis of the classes in the output.
    ignore : tuple of int
        Labels that are left out.
    """

    path: Path
    kind: LabelKind
    axis: int
    ignore: tuple[int, ...]


def leaf_at(batch: Any, path: Path, to_numpy: Callable[[Any], Any] = np.asarray) -> Any:
    """Return a part of a batch in NumPy; None where this batch has no such part."""
    return next((np.asarray(to_numpy(leaf)) for found, leaf in arrays(batch) if found == path), None)


def candidates(output: FloatArray, batch: Any, ignore: int | None) -> Iterator[Fit]:
    """Yield the ways in which parts of a batch may be labels of an output, likely ones first."""
    parts = [(path, np.asarray(leaf)) for path, leaf in arrays(batch)]
    parts.sort(key=lambda part: _rank(part[0]))
    for path, y in parts if len(parts) > 1 else []:
        for axis in (1, -1) if output.ndim > 2 else (-1,):
            for kind in get_args(LabelKind):
                classes = output.shape[axis] if kind == "classes" else 2
                left_out = tuple(v for v in IGNORED if not 0 <= v < classes) + (() if ignore is None else (ignore,))
                fit = Fit(path, kind, axis, left_out)
                if targets(output, y, fit) is not None:
                    yield fit


def _rank(path: Path) -> int:
    """Return 0 for names of labels, 1 for what comes second or later in a tuple, 2 for the first part."""
    named = [name for name in path if isinstance(name, str)]
    if named:
        return 0 if named[-1] in LABELS else 1
    return 2 if path in ((), (0,)) else 1


def targets(output: FloatArray, y: Any, fit: Fit) -> FloatArray | None:
    """Return labels in the shape of the output, or in its shape without the classes; None if they do not fit.

    Labels that are left out are nan.
    """
    if output.ndim == 0 or y is None or y.dtype.kind not in "iubf":
        return None
    integers = y.dtype.kind in "iub" or bool(np.all(np.isnan(y) | (y == np.round(y))))
    if fit.kind == "classes":
        wide = output.ndim > 1 and output.shape[fit.axis] > 1
        y = _squeezed(y, tuple(np.delete(output.shape, fit.axis))) if wide and integers else None
    else:
        y = _squeezed(y, output.shape)
    if y is None:
        return None
    y = np.where(np.isin(y, fit.ignore), np.nan, y.astype(np.float64))
    left = y[~np.isnan(y)]
    if fit.kind == "classes":
        fits = bool(left.size == 0 or (left.min() >= 0 and left.max() < output.shape[fit.axis]))
    else:
        hot = output.ndim > 1 and output.shape[fit.axis] > 1
        fits = bool(np.isin(left, (0, 1)).all()) and (
            fit.kind == "binary" or (hot and bool(np.all(y.sum(axis=fit.axis) == 1)))
        )
    return y if fits else None


def _squeezed(y: Any, shape: tuple[int, ...]) -> Any:
    """Return an array in a shape that differs from its own only in axes of length 1; None if it does not fit."""
    if len(shape) == 0 or y.ndim == 0 or y.shape[0] != shape[0]:
        return None
    same = tuple(n for n in y.shape[1:] if n != 1) == tuple(n for n in shape[1:] if n != 1)
    return y.reshape(shape) if same else None

"""The function `recalibrate`: a model and a loader in, new running statistics out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import seed as seed_of
from bnstats._checks.numbers import whole
from bnstats._checks.values import choice, flag, optional
from bnstats.audit.audit import callable_as
from bnstats.audit.core.audit import AuditOptions
from bnstats.audit.core.recalibrate import KINDS, recalibrated
from bnstats.audit.core.recalibration import ReadingLimits
from bnstats.audit.frameworks import framework_of
from bnstats.statistics.displacement import TOLERANCE

M = TypeVar("M")

_count = optional(partial(whole, minimum=1))


def _kind(name: str, given: Any) -> str:
    return choice(name, given, KINDS)


@checked(
    kind=optional(_kind), inplace=flag, rows=_count, batches=_count, tolerance=optional(TOLERANCE),
    forward=callable_as("lambda model, batch: model(batch)"),
    score=callable_as("lambda output, batch: one number per row"), seed=seed_of,
)  # fmt: skip
def recalibrate(
    model: M,
    loader: Iterable[Any],
    kind: str | None = None,
    layers: Sequence[str] | None = None,
    *,
    inplace: bool = False,
    rows: int | None = None,
    tolerance: float | None = None,
    batches: int | None = None,
    forward: Callable[[Any, Any], Any] | None = None,
    score: Callable[[Any, Any], Any] | None = None,
    device: Any = None,
    seed: int = 0,
) -> M:
    """Return a copy of a model with new running statistics, made at its present weights.

    Parameters
    ----------
    model : model of PyTorch, Keras or Flax
        Trained model. Of Linen, the pair of module and variables.
    loader : iterable of batches
        Training batches, in any form that `bn.audit` takes. It is read once: to its end, or as `rows`, `tolerance` or
        `batches` say. A loader without a length is read up to 1000 batches. If the batches take more than 1 GiB, every
        second (fourth, eighth, ...) of them is used.
    kind : {"population", "precise", "averaged", "biased", "debiased"}, optional
        Kind of statistics. By default population statistics, unless precise or averaged ones score higher by more than
        chance on batches that they were not made from. Population: mean and variance over all rows, layer by layer
        along the inference path, without dropout. Precise: batches in training mode, pooled. Averaged: their means and
        unbiased variances averaged, as `torch.optim.swa_utils.update_bn` does. Biased: the running statistics, with
        variances divided by n/(n - 1) for n values in a batch. Debiased: the running statistics without what the start
        values still weigh.
    layers : sequence of str, optional
        Names of the layers to change, by default all. Statistics of a layer are those that it has if all are changed.
    inplace : bool
        True to change the running statistics of the model itself, and nothing else.
    rows : int, optional
        Number of rows after which reading ends.
    tolerance : float, optional
        Root mean square error of the statistics at which reading ends, in standard deviations of the normalized values;
        the layer with the largest error counts. Batches have to be drawn at random.
    batches : int, optional
        Largest number of batches that are read.
    forward : callable (model, batch) -> output, optional
        How the model is called, as for `bn.audit`.
    score : callable (output, batch) -> numbers, optional
        Score of each row, larger is better, by which the kind is chosen, as for `bn.audit`.
    device : object, optional
        Device of the passes, by default that of the model.
    seed : int
        Seed of random numbers during the passes.

    Returns
    -------
    model
        The model itself with `inplace=True`, else a copy. What cannot be copied, such as locks, is shared with it.

    Raises
    ------
    ValueError
        If there is nothing to recalibrate, or if model, loader or an option cannot be used.

    Warns
    -----
    UserWarning
        If the loader ends before the tolerance is reached, if batches are left out that lead to values that are not
        finite, or if outputs do not depend on the running statistics.

    Examples
    --------
    >>> import torch
    >>> import bnstats as bn
    >>> model = torch.nn.BatchNorm1d(2)
    >>> rows = torch.tensor([[0.0, 1.0], [2.0, 5.0]])
    >>> bn.recalibrate(model, [rows]).running_mean, model.running_mean
    (tensor([1., 3.]), tensor([0., 0.]))
    """
    amount = ReadingLimits(batches=batches, rows=rows, tolerance=tolerance)
    options = AuditOptions(forward=forward, score=score, device=device, seed=seed)
    return recalibrated(framework_of(model), model, loader, kind, layers, amount, inplace, options)  # type: ignore[no-any-return]

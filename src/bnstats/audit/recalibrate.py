"""A copy of a model whose running statistics are made anew."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np

from bnstats._checks.numbers import whole
from bnstats._checks.values import function, named, several
from bnstats.audit import kinds
from bnstats.audit.batches import Draws, check_loader, joined
from bnstats.audit.kinds import Kind
from bnstats.audit.layers import Layer, Statistics, largest
from bnstats.audit.models import device_of, unwrapped
from bnstats.audit.untouched import untouched
from bnstats.audit.watch import Runner

if TYPE_CHECKING:
    import torch
    from torch import nn

KINDS = ("population", "precise", "averaged", "biased", "debiased")


def recalibrate(
    model: nn.Module,
    loader: Iterable[Any],
    kind: str = "population",
    layers: Sequence[str] | None = None,
    *,
    forward: Callable[[nn.Module, Any], Any] | None = None,
    batches: int | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
) -> nn.Module:
    """A copy of a model with running statistics of another kind; the model itself is left as it is.

    Parameters
    ----------
    model : Module
    loader : iterable of batches
        Training batches, as for `bn.audit`; one epoch of them is read.
    kind : str
        "population": all rows, layer by layer along the inference path, dropout off; exact where they fit into one
        batch of 2^24 input values, else of large random groups; they are held in memory. "precise": batches as they
        come, in training mode, pooled. "averaged": their means and unbiased variances averaged, as
        `torch.optim.swa_utils.update_bn` does. "biased": the running ones, variances divided by n/(n - 1). "debiased":
        the running ones without what the start values 0 and 1 still weigh.
    layers : names, optional
        Layers to change; by default all. Statistics of each are those that it has when all are changed.
    forward, device, seed
        See `bn.audit`.
    batches : int, optional
        At most so many batches of the epoch; name a number where its rows do not fit into memory.

    Returns
    -------
    Module
        In the mode of the original. Half-precision buffers that would overflow become float32.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.BatchNorm1d(2)
    >>> rows = torch.tensor([[0.0, 1.0], [2.0, 5.0]])
    >>> recalibrate(model, [rows]).running_mean, model.running_mean
    (tensor([1., 3.]), tensor([0., 0.]))

    Raises
    ------
    ValueError
        For an unknown kind or layer, or a loader that cannot be used.
    """
    named("kind", kind, {k: k for k in KINDS}, "none of another type")
    count = 10**9 if batches is None else whole("batches", batches, minimum=1)
    check_loader("loader", loader)
    if forward is not None:
        function("forward", forward, "lambda model, batch: model(batch)")
    unwrapped(model)
    mended = copy.deepcopy(model)
    core = unwrapped(mended)
    place = device_of(core, device)
    seed = whole("seed", seed, minimum=0)
    with untouched(core, [loader], seed):
        draws = Draws("loader", loader, count, seed)
        runner = Runner(core, forward, draws.first, place)
        known = {layer.name: layer for layer in runner.layers if layer.running is not None}
        chosen = (
            list(known.values())
            if layers is None
            else [named("layer", n, known, "None for all") for n in several("layers", layers)]
        )
        rows = (batch for _, batch in takewhile(lambda drawn: drawn[0] == 0, draws))
        made = _make(runner, list(known.values()), rows, kind, draws.size, seed)
    for layer in chosen:
        _store(layer, made[layer.name])
    return mended


def _make(runner: Runner, layers: list[Layer], rows: Iterable[Any], kind: str, size: int, seed: int) -> Kind:
    """Statistics of that kind."""
    if kind == "population":
        return kinds.population(runner, joined(list(rows)), size, seed)
    if kind == "debiased":
        return kinds.debiased(layers)
    frozen = {layer.name for layer in layers if not layer.normalizes}
    watched = runner.watch(rows, training=True, frozen=frozen)
    makers: dict[str, Callable[[], Kind]] = {
        "precise": lambda: kinds.precise(watched),
        "averaged": lambda: kinds.averaged(layers, watched),
        "biased": lambda: kinds.biased(layers, watched),
    }
    return makers[kind]()


def _store(layer: Layer, statistics: Statistics) -> None:
    """New buffers instead of the old ones."""
    tensors = layer.tensors()
    assert layer.buffers is not None
    assert tensors is not None
    for name, old, new in zip(layer.buffers, tensors, statistics, strict=True):
        fits = np.abs(new).max(initial=0.0) <= largest(old)
        layer.module._buffers[name] = old.new_tensor(new) if fits else old.float().new_tensor(new)

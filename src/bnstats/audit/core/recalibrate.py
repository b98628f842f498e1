"""Running statistics made anew for a model of any framework."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from bnstats._checks.safe_text import raised
from bnstats._checks.values import named, several
from bnstats._warnings import notify
from bnstats.audit.core import kinds
from bnstats.audit.core.audit import AuditOptions, context_of, must_have_layers
from bnstats.audit.core.causes.unused import batch_statistics_in_evaluation
from bnstats.audit.core.judging.context import AuditContext
from bnstats.audit.core.kinds import LayerStatistics
from bnstats.audit.core.protocol import Framework, Model
from bnstats.audit.core.reading import LoaderReader, length_of
from bnstats.audit.core.recalibration import AT_ONCE, MOST, ReadingLimits, made_from_finite, population, read_batches
from bnstats.statistics.running_conventions import CONVENTIONS

KINDS = ("population", "precise", "averaged", "biased", "debiased")
"""Kinds of statistics that a model can be given."""


def recalibrated(
    framework: Framework,
    model: Any,
    loader: Iterable[Any],
    kind: str | None,
    layers: Sequence[str] | None,
    amount: ReadingLimits,
    inplace: bool,
    options: AuditOptions,
) -> Any:
    """Return the model, or a copy of it, with new running statistics.

    Parameters
    ----------
    framework : Framework
        Adapter of the model's framework.
    model : object
        The user's model.
    loader : iterable of batches
        Training batches.
    kind : str or None
        One of `KINDS`; None for the kind that gains most on held-out batches.
    layers : sequence of str, or None
        Layers to change; None for all.
    amount : ReadingLimits
        How much of the loader is read.
    inplace : bool
        True to change the model itself.
    options : AuditOptions
        How the model is called and scored.

    Raises
    ------
    ValueError
        In one sentence, if there is nothing to recalibrate, or if model or loader cannot be used.
    """
    with framework.guarded(model, [loader], options.seed):
        reader = LoaderReader("loader", loader, length_of(loader, MOST))
        copy = framework.isolate(model, reader.first, forward=options.forward, device=options.device)
        must_have_layers(copy, "recalibration")
        known = _known(copy)
        given = known if layers is None else several("layers", layers)
        chosen = [named("layer", name, known, "None for all") for name in given]
        batches = read_batches(reader, copy, amount)
        made = _made(copy, batches, kind, options)
    target = model if inplace else framework.copied(model)
    return framework.write(target, {name: made[name] for name in chosen if name in made})


def _known(model: Model) -> dict[str, str]:
    """Return the layers that keep running statistics; raise ValueError if there are none."""
    running = model.get()
    known = {layer.name: layer.name for layer in model.layers if layer.name in running}
    if not known:
        raise ValueError(
            "there is nothing to recalibrate: no layer keeps running statistics, so evaluation mode normalizes by the "
            "batch, and a row's output depends on the rows beside it."
        )
    return known


def _made(model: Model, batches: list[Any], kind: str | None, options: AuditOptions) -> LayerStatistics:
    """Return statistics of one kind, or of the best, made from all batches."""
    context = _context(model, batches, options) if kind in (None, "debiased") else None
    if context is not None and kind is None:
        unused = batch_statistics_in_evaluation.evidence(context)
        if unused is not None:
            notify(f"recalibrating changes nothing: {batch_statistics_in_evaluation.title}. {unused['text']}")
        kind = context.best
    try:
        if kind == "debiased" and context is not None:
            return kinds.debiased(context.running, context.start_left, context.convention.start)
        if kind == "population":
            return made_from_finite(lambda some: population(model, some), model, batches)
        ddof = CONVENTIONS[model.convention].ddof
        train = partial(kinds.observe, model, mode="train")
        return made_from_finite(
            lambda some: kinds.of_training(str(kind), model.get(), train(some), ddof), model, batches
        )
    except ValueError:
        raise
    except Exception as error:  # the user's model may raise anything, as on a batch of one row
        raise ValueError(f"the model raises {raised(error)} on batches of the loader.") from error


def _context(model: Model, batches: list[Any], options: AuditOptions) -> AuditContext:
    """Return the model under audit, on so many of the batches as an audit holds."""
    return context_of(model, batches[:: -(-len(batches) // AT_ONCE)], None, None, options)[0]

"""An audit of a model of any framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnstats.audit.core.judging.context import AuditContext, batch_outputs
from bnstats.audit.core.judging.tables import channel_table, gap_table, layer_table, score_table
from bnstats.audit.core.judging.verdict import judge
from bnstats.audit.core.kinds import Seen
from bnstats.audit.core.protocol import Framework, Mode, Model
from bnstats.audit.core.reading import LoaderReader
from bnstats.audit.core.result import Audit
from bnstats.audit.core.scoring.intervals import FEWEST_BATCHES, by_batch
from bnstats.audit.core.scoring.likelihood import by_likelihood
from bnstats.audit.core.scoring.outputs import float_leaves, labels_of, main_output
from bnstats.audit.core.scoring.scorers import distance, metric_name, own_metric, own_score
from bnstats.audit.core.scoring.scores import Scorer
from bnstats.audit.core.scoring.trial import Fold, Trial, count, evaluated, halves
from bnstats.audit.core.trees import children, chunks, is_array, rows_of
from bnstats.statistics.norm_borders import EFFECT

# A single batch is cut into two if it has at least so many rows.
FEWEST_ROWS = 8
REGRESSION = (
    "Labels are real numbers, and no built-in score uses them. For squared errors, give "
    "score=lambda output, batch: -((output - batch[-1]) ** 2).reshape(len(output), -1).mean(1)."
)


@dataclass(frozen=True)
class AuditOptions:
    """Options of an audit, in the order of `bn.audit`."""

    test: Iterable[Any] | None = None
    score: Callable[[Any, Any], Any] | None = None
    metric: Callable[[Any, Any], Any] | None = None
    live: Any = None
    forward: Callable[[Any, Any], Any] | None = None
    batches: int = 100
    effect: float = EFFECT
    ignore_index: int | None = None
    device: Any = None
    seed: int = 0


def run(framework: Framework, model: Any, loader: Iterable[Any], options: AuditOptions) -> Audit:
    """Audit a model on private copies of model and batches.

    Parameters
    ----------
    framework : Framework
        Adapter of the model's framework.
    model : object
        The user's model, which stays as it is.
    loader : iterable of batches
        Batches as training draws them; read once.
    options : AuditOptions
        What was asked for.

    Returns
    -------
    Audit
        Verdict, cause, fix and tables.

    Raises
    ------
    ValueError
        In one sentence, if the model cannot be copied or run, has no batch-norm layer, or if a loader cannot be read.
    """
    loaders = [x for x in (loader, options.test) if x is not None]
    with framework.guarded(model, loaders, options.seed) as guard:
        reader = LoaderReader("loader", loader, options.batches)
        copy = framework.isolate(model, reader.first, forward=options.forward, device=options.device)
        must_have_layers(copy, "an audit")
        batches = reader.all(copy.own)
        test = None if options.test is None else LoaderReader("test", options.test, options.batches).all(copy.own)
        live = options.live
        if live is not None:
            live = framework.isolate(live, batches[0], forward=options.forward, device=options.device)
        written = copy.written
        context, notes = context_of(copy, batches, test, live, options)
        found = judge(context)
        if copy.written != written:  # passes began with different weights, and do so no longer
            context, notes = context_of(copy, batches, test, live, options)
            found = judge(context)
        metric = None if options.metric is None else metric_name(options.metric)
        tables = score_table(context, metric), gap_table(context), layer_table(context), channel_table(context)
    notes = (*found.notes, *notes, *_notes(context, copy), *_guarded(guard))
    scores = context.scores("running").get(context.metric, [])
    return Audit(
        found.verdict, found.cause, found.reason, found.fix, *tables, found.evidence, notes, count(scores),
        sum(len(rows.sums) > 0 for rows in scores), context.trial.scorers[0].unit, options.effect, framework.name,
    )  # fmt: skip


def must_have_layers(model: Model, what: str) -> None:
    """Raise ValueError for a model without batch-norm layers."""
    if not model.layers:
        raise ValueError(
            f"{what} needs batch-norm layers; a forward pass of this model calls none (it has "
            f"{len(model.never_called)}): give the model that has them."
        )


def context_of(
    model: Model, batches: list[Any], test: list[Any] | None, live: Model | None, options: AuditOptions
) -> tuple[AuditContext, tuple[str, ...]]:
    """Return the model under audit, once its batches were seen, and notes about them."""
    notes: tuple[str, ...] = ()
    cut = chunks(batches[0], 2) if len(batches) == 1 and rows_of(batches[0]) >= FEWEST_ROWS else None
    if cut is not None and test is None and _runs(model, cut[0]):
        batches, notes = cut, ("The only batch was cut in two: statistics of each half are tried on the other half.",)
    if test is None:
        held, folds = batches, halves(len(batches))
    else:
        held, folds = test, [Fold(tuple(range(len(batches))), tuple(range(len(test))))]
    train, still = _observed(model, batches, "train"), _observed(model, batches, "batch")
    trial = Trial(model, held, folds, ())
    trial.scorers, unpredicted, said = _scorers(model, held, options)
    notes += said
    return AuditContext(
        model, batches, train, still, trial, live, test, options.effect, options.seed, unpredicted
    ), notes


def _runs(model: Model, batch: Any) -> bool:
    """Return True if a part of a batch can be evaluated by itself."""
    try:
        model.eval_pass(batch)
    except Exception:  # a model whose rows belong together may raise anything on a part of them
        return False
    return True


def _observed(model: Model, batches: Sequence[Any], mode: Mode) -> list[Seen]:
    """Return the moments of each batch, none for a batch that a model cannot normalize by itself."""
    found: list[Seen] = []
    for batch in batches:
        try:
            seen = model.moments(batch, mode)
        except Exception:  # a batch of one row raises errors of several kinds
            seen = {}
        alone = any(float(m.n) < 2 for calls in seen.values() for m in calls)
        found.append({} if alone else seen)
    return found


def _scorers(model: Model, held: Sequence[Any], options: AuditOptions) -> tuple[list[Scorer], bool, tuple[str, ...]]:
    """Return the scorer that decides and the user's metric, whether labels fit but are not predicted, and notes."""
    evaluation = [evaluated(model.eval_pass, batch, k) for k, batch in enumerate(held)]
    batch = batch_outputs(model, held)
    found: list[Scorer] = []
    unpredicted = False
    if options.score is not None:
        found.append(own_score(model, held, options.score))
    else:
        kinds = [evaluation] + ([[batch[k] for k in range(len(held))]] if len(batch) == len(held) else [])
        likelihood, fits = by_likelihood(model, held, kinds[::-1], options.ignore_index)
        found += [likelihood] if likelihood is not None else []
        unpredicted = fits and likelihood is None
    if options.metric is not None:
        found.append(own_metric(model, held, options.metric))
    notes: tuple[str, ...] = ()
    if not found:
        notes = (REGRESSION,) if _are_numbers(model.to_numpy(held[0]), model.to_numpy(evaluation[0])) else ()
        reference = [float_leaves(model.to_numpy(batch.get(k, evaluation[k]))) for k in range(len(held))]
        found.append(distance(model, reference))
    return found, unpredicted, notes


def _are_numbers(batch: Any, output: Any) -> bool:
    """Return True if the labels of a batch are real numbers, one for each of the output's."""
    out, y = main_output(output), labels_of(batch)
    if out is None or not is_array(y) or len(children(batch)) < 2:
        return False
    y = np.asarray(y)
    return y.dtype.kind == "f" and y.shape[:1] == out.shape[:1] and y.size == out.size


def _notes(context: AuditContext, model: Model) -> list[str]:
    """Return the notes beside the verdict."""
    notes = []
    if not by_batch(len(context.trial.batches)):
        notes.append(f"With fewer than {FEWEST_BATCHES} batches, intervals treat rows as independent.")
    if model.never_called:
        notes.append(f"No pass calls these batch-norm layers: {', '.join(list(model.never_called)[:4])}.")
    if model.written:
        names = ", ".join(list(model.written)[:4])
        notes.append(f"Evaluation passes write to {names}, which this audit puts back after each pass.")
    if context.unpredicted:
        notes.append("Outputs predict the labels no better than their proportions do, so the score uses no labels.")
    if context.running and not context.use.repeats:
        notes.append("Two evaluation passes over one batch give different outputs: evaluation is random.")
    return notes


def _guarded(guard: Any) -> list[str]:
    shared, changed = list(guard.shared), list(guard.changed)
    notes = [f"The copy shares with the original what cannot be copied: {', '.join(shared[:4])}."] if shared else []
    return notes + ([f"Changed in the original and put back: {', '.join(changed[:4])}."] if changed else [])

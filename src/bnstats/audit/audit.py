"""The function `audit`: a model and a loader in, a verdict with its evidence out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import interval, whole
from bnstats._checks.numbers import seed as seed_of
from bnstats._checks.values import function, optional
from bnstats.audit.core.audit import AuditOptions, run
from bnstats.audit.core.result import Audit
from bnstats.audit.frameworks import framework_of
from bnstats.statistics.norm_borders import EFFECT


def callable_as(example: str) -> Callable[[str, Any], Any]:
    """Return a check for None or a function, with an example for messages."""
    return optional(lambda name, given: function(name, given, example))


@checked(
    score=callable_as("lambda output, batch: one number per row"),
    metric=callable_as("lambda output, labels: one number"),
    forward=callable_as("lambda model, batch: model(batch)"),
    batches=partial(whole, minimum=1),
    effect=interval("[0, inf)"),
    ignore_index=optional(partial(whole, minimum=-(2**63))),
    seed=seed_of,
)
def audit(
    model: Any,
    loader: Iterable[Any],
    *,
    test: Iterable[Any] | None = None,
    score: Callable[[Any, Any], Any] | None = None,
    metric: Callable[[Any, Any], Any] | None = None,
    live: Any = None,
    forward: Callable[[Any, Any], Any] | None = None,
    batches: int = 100,
    effect: float = EFFECT,
    ignore_index: int | None = None,
    device: Any = None,
    seed: int = 0,
) -> Audit:
    """Judge the running statistics of a trained model: fine, off for a cause and with a fix, or not judged.

    A private copy of the model is run on copies of the batches. The model, its mode, the loader's data and all random
    state stay as they are.

    Parameters
    ----------
    model : model of PyTorch, Keras or Flax
        Trained model. Of Linen, the pair of module and variables.
    loader : iterable of batches
        Training batches, as training draws them, of any form and size: pairs, tuples, dictionaries, graphs. It is read
        once, up to `batches` batches. Statistics that are made from one half of them are scored on the other half.
    test : iterable of batches, optional
        Batches to score instead of the loader's.
    score : callable (output, batch) -> numbers, optional
        Score of each row, larger is better. By default the log likelihood of labels, if labels fit the outputs and the
        outputs predict them; else the distance from the outputs with batch statistics.
    metric : callable (output, labels) -> number, optional
        Your metric of a batch, such as those of torchmetrics. It leads the report; the score decides.
    live : model, optional
        Model whose weights were averaged into this one.
    forward : callable (model, batch) -> output, optional
        How the model is called. By default with the parts of a batch that its call takes: entries of a tuple in order,
        the last one left out as labels unless it is required; entries of a mapping by name.
    batches : int
        Largest number of batches of each loader, which are held in memory.
    effect : float
        Smallest gain that is worth a word, in the unit of the score (nats, for classes).
    ignore_index : int, optional
        Label that is left out, beside -100 and 255.
    device : object, optional
        Device of the passes, by default that of the model.
    seed : int
        Seed of random numbers during the passes.

    Returns
    -------
    Audit
        Verdict, cause, fix, evidence and tables.

    Raises
    ------
    ValueError
        If the model cannot be copied or run, has no batch-norm layer, or if a loader or an option cannot be used.

    Examples
    --------
    >>> import torch
    >>> import bnstats as bn
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 3))
    >>> report = bn.audit(model, [torch.randn(32, 4) for _ in range(60)])
    >>> report.verdict, report.cause, report.fix.text
    ('off', 'never_updated', 'bn.recalibrate(model, loader)')
    """
    options = AuditOptions(test, score, metric, live, forward, batches, effect, ignore_index, device, seed)
    return run(framework_of(model), model, loader, options)

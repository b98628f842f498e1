"""Likeness of the rows of a batch, compared with random rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core.judging.context import AuditContext, once
from bnstats.audit.core.kinds import Seen, kept, observe
from bnstats.audit.core.trees import chunks
from bnstats.statistics.moments import Moments
from bnstats.statistics.norm_borders import REGROUPINGS

PARTS = 8
MOST_BATCHES = 40
# Sound batches seem grouped by chance, in a channel, in 4 % of models with 3 batches and in 1.6 % with 10.
FEWEST = 10


@dataclass(frozen=True)
class Grouping:
    """Variation of batch means over the largest of random regroupings.

    Attributes
    ----------
    ratio : float
        The largest over layers.
    layer : str
        Layer that has it.
    """

    ratio: float
    layer: str


@once
def grouping(context: AuditContext) -> Grouping | None:
    """Return how much more batches vary than regrouped ones; None where rows cannot be regrouped.

    Every batch is cut into parts of alternating rows, and parts are dealt out anew. Moments of the parts are taken
    along the inference path, where a row's values do not depend on its batch.
    """
    batches = [context.batches[k] for k in context.usable[:MOST_BATCHES]]
    cut = [chunks(batch, PARTS) for batch in batches]
    parts = [c for c in cut if c is not None and len(c) > 1]
    if len(parts) < FEWEST or len(parts) < len(cut):
        return None
    try:
        with kept(context.model, context.made("population")[0]):
            seen = [observe(context.model, part, "eval") for part in parts]
    except Exception:  # a model whose rows belong together may raise anything on a part of them
        return None
    names = [layer.name for layer in context.layers if all(layer.name in s for batch in seen for s in batch)]
    found = [Grouping(_ratio(seen, name, context.seed), name) for name in (*names[:1], *names[1:][-1:])]
    return max(found, key=lambda g: g.ratio, default=None)


def _ratio(seen: Sequence[Sequence[Seen]], name: str, seed: int) -> float:
    """Return the variance of batch means over the largest variance of regrouped ones."""
    rng = np.random.default_rng(seed)
    parts = [reduce(Moments.merge, s[name]) for batch in seen for s in batch]
    means, n = np.array([p.mean for p in parts]), np.array([float(np.mean(p.n)) for p in parts])
    sizes = [len(batch) for batch in seen]
    sd = means.std(axis=0)
    alive = sd > 1e-9 * (np.abs(means).max(axis=0) + 1e-30)
    if not alive.any():
        return 1.0
    scaled = (means[:, alive] - means[:, alive].mean(axis=0)) / sd[alive]
    observed = _between(scaled, n, sizes)
    chance = []
    for _ in range(REGROUPINGS):
        order = rng.permutation(len(parts))
        chance.append(_between(scaled[order], n[order], sizes))
    return observed / max(max(chance), 1e-30)


def _between(means: FloatArray, n: FloatArray, sizes: Sequence[int]) -> float:
    starts = np.append(0, np.cumsum(sizes)[:-1])
    weight = np.add.reduceat(n, starts)
    of_batches = np.add.reduceat(means * n[:, None], starts) / weight[:, None]
    center = np.average(of_batches, axis=0, weights=weight)
    return float(np.sum(weight[:, None] * np.square(of_batches - center)) / np.sum(weight))

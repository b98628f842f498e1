"""Claims about what helps small batches, and about statistics at test time."""

from __future__ import annotations

from bnstats.claims import Measures, Networks, Region, accuracy
from bnstats.claims.builtin.shapes import difference
from bnstats.claims.networks import ROWS
from bnstats.networks.normalizers.renorm import Renorm

IOFFE = "comment: arXiv 1702.03275 (batch renormalization) and 1607.06450 (layer norm)"


def renorm(steps: int) -> Renorm:
    """Return batch renormalization with its default schedule, scaled to a training of `steps` steps."""
    return Renorm(schedule=(steps // 10, steps // 2, steps * 4 // 5))


def _accuracy(n: int, kind: str) -> Measures:
    normalizer = renorm(ROWS // n) if kind == "renorm" else kind
    return accuracy(Networks("digits", normalizer, batch_size=n), "running")


def _lost(kind: str) -> Measures:
    """Return the accuracy that a normalizer loses from batches of 64 to batches of 2."""
    return _accuracy(64, kind) - _accuracy(2, kind)


CLAIMS = tuple(
    difference(
        f"{kind}-less-sensitive",
        f"On digits, {name} loses less accuracy to small batches than batch normalization, by at least one point.",
        IOFFE,
        f"difference in the accuracy lost from batches of 64 to batches of 2, batch normalization less {name}",
        Region.above(0.01),
        _lost("batch") - _lost(kind),
        largest=2,
    )
    for kind, name in (("renorm", "batch renormalization"), ("layer", "layer normalization"))
)

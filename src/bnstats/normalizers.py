"""The layers that normalise a network's hidden units, and their common base."""

from bnstats.networks.normalizers import (
    NORMALIZERS,
    Batch,
    Frozen,
    Ghost,
    Group,
    Layer,
    NoNorm,
    Normalizer,
    Renorm,
)

__all__ = ["NORMALIZERS", "Batch", "Frozen", "Ghost", "Group", "Layer", "NoNorm", "Normalizer", "Renorm"]

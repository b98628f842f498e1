"""Layers that normalize a network's hidden units, and their common base."""

from typing import Any

from bnstats.networks.normalizers.normalizer import Normalizer
from bnstats.networks.normalizers.registry import CLASSES, NORMALIZERS
from bnstats.networks.other_batch import OtherBatch

__all__ = ["NORMALIZERS", "Normalizer", "OtherBatch", *CLASSES]


def __getattr__(name: str) -> Any:
    """Return a normalizer's class by its name, one for every file in `networks/normalizers`."""
    if name in CLASSES:
        return CLASSES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

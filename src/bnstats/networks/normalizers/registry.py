"""Registry of all normalizers by name; it contains each subclass of `Normalizer` in this folder."""

from __future__ import annotations

from bnstats._families.variants import members
from bnstats.networks.normalizers.normalizer import CLASSES, NORMALIZERS, Normalizer

__all__ = ["CLASSES", "NORMALIZERS", "is_builtin", "name_in_tables"]

CLASSES.update(
    (name, kind)
    for name, kind in members(__name__)
    if isinstance(kind, type) and issubclass(kind, Normalizer) and kind is not Normalizer
)
NORMALIZERS.update((kind.name, kind()) for kind in CLASSES.values())


def is_builtin(normalizer: Normalizer) -> bool:
    """Return True for a normalizer of this folder, whose gradient is checked by the tests."""
    return type(normalizer) in CLASSES.values()


def name_in_tables(normalizer: Normalizer) -> str:
    """Return the name of a normalizer with default parameters; of another normalizer, the text with its parameters."""
    return normalizer.name if normalizer in NORMALIZERS.values() else repr(normalizer)

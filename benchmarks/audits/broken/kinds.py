"""Kinds of broken and healthy models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.audits.cases import Case, Setting
from benchmarks.audits.models.problems import FAMILIES

Make = Callable[[Setting], Case]


@dataclass(frozen=True)
class Kind:
    """A way in which a model is broken.

    Attributes
    ----------
    name : str
    make : callable (setting) -> case
    cause : str or None
        Cause that an audit has to name; None for a healthy model.
    also : tuple of str
        Causes that cannot be told from it.
    families : tuple of str
        Families of models in which it is tried.
    always : bool
        True if the model is broken whatever its statistics cost.
    """

    name: str
    make: Make
    cause: str | None
    also: tuple[str, ...] = ()
    families: tuple[str, ...] = FAMILIES
    always: bool = False

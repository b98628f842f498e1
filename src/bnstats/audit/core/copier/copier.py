"""A copy of anything along its references: what was shared stays shared, what cannot be copied is shared and listed."""

from __future__ import annotations

from collections.abc import Mapping

from bnstats.audit.core.copier.copied_types import maker_of
from bnstats.audit.core.copier.references import Handler, References


class Copier(References):
    """Copies one object, and remembers what became of everything that it refers to; see `References`.

    Parameters
    ----------
    handlers : dict of type to handler, optional
        Copy instances of these types and of their subclasses, before any general rule.

    Examples
    --------
    >>> rows = [1, 2]
    >>> copier = Copier()
    >>> first, second = copier.copy((rows, rows))
    >>> first is second, first is rows
    (True, False)
    """

    def __init__(self, handlers: Mapping[type, Handler] | None = None) -> None:
        super().__init__(handlers or {}, maker_of)

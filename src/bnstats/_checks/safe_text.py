"""What somebody else's object or error says, in a sentence, whatever its own methods do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bnstats._checks.terminal import escaped


def text_of(value: Any, how: Callable[[Any], str]) -> str:
    """Its text, as `str` or `repr` make it.

    >>> class Bad:
    ...     def __repr__(self):
    ...         raise KeyError
    >>> text_of(3, repr), text_of(Bad(), repr)
    ('3', '<Bad without a text: KeyError>')
    """
    try:
        return how(value)
    except Exception as error:  # a method of the user's may raise anything
        return f"<{type(value).__name__} without a text: {type(error).__name__}>"


def raised(error: BaseException) -> str:
    r"""The kind of an error and what it says, on one line.

    >>> raised(ValueError("one,\n two")), raised(KeyError())
    ('ValueError: one, two', 'KeyError')
    """
    said = escaped(" ".join(text_of(error, str).split()))
    return f"{type(error).__name__}: {said}" if said else type(error).__name__

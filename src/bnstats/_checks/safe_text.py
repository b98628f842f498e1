"""Text of an object or error of the user's code, in one sentence, whatever its own methods do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bnstats._checks.terminal import escaped, escaped_lines


def text_of(value: Any, how: Callable[[Any], str]) -> str:
    """Return an object's text, as `str` or `repr` make it.

    >>> class Bad:
    ...     def __repr__(self):
    ...         raise KeyError
    >>> text_of(3, repr), text_of(Bad(), repr)
    ('3', '<Bad without a text: KeyError>')
    """
    try:
        return how(value)
    except Exception as error:  # a user's method may raise anything
        return f"<{type(value).__name__} without a text: {type(error).__name__}>"


def write_out_codes(error: Exception) -> None:
    r"""Write out the control codes in the text of an error, such as those in the names of objects.

    >>> error = ValueError("no mean of \x1b[31mred")
    >>> write_out_codes(error)
    >>> print(error)
    no mean of \x1b[31mred
    """
    if not all(part.isprintable() for part in error.args if isinstance(part, str)):
        error.args = tuple(escaped_lines(part) if isinstance(part, str) else part for part in error.args)


def raised(error: BaseException) -> str:
    r"""Return the type and message of an error, on one line.

    >>> raised(ValueError("one,\n two")), raised(KeyError())
    ('ValueError: one, two', 'KeyError')
    """
    said = escaped(" ".join(text_of(error, str).split()))
    return f"{type(error).__name__}: {said}" if said else type(error).__name__

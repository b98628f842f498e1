"""Descriptions of parameters that many methods of a class share: written once, shown by each method."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from textwrap import indent
from types import FunctionType
from typing import TypeVar

T = TypeVar("T")

# Heading of the section that follows the one on parameters.
_NEXT_SECTION = re.compile(r"^(Returns|Raises|Notes|Examples)\n-+$|\Z", re.MULTILINE)


def describe_parameters(**parameters: str) -> Callable[[type[T]], type[T]]:
    r"""Complete the docstrings of a class's public methods with the descriptions of their parameters.

    A method that describes its parameters itself keeps its docstring, as does a method with other parameters.

    Parameters
    ----------
    **parameters
        Type of each parameter, and its description on the next line.

    Examples
    --------
    >>> @describe_parameters(n="int\nNumber of values.")
    ... class Rule:
    ...     def draw(self, n):
    ...         '''Draw values.
    ...
    ...         Returns
    ...         -------
    ...         array
    ...         '''
    >>> print(Rule.draw.__doc__.rstrip())
    Draw values.
    <BLANKLINE>
    Parameters
    ----------
    n : int
        Number of values.
    <BLANKLINE>
    Returns
    -------
    array
    """

    def decorate(kind: type[T]) -> type[T]:
        for name, member in vars(kind).items():
            if not name.startswith("_") and isinstance(member, FunctionType) and member.__doc__:
                member.__doc__ = _completed(inspect.cleandoc(member.__doc__), member, parameters) + "\n"
        return kind

    return decorate


def _completed(text: str, method: FunctionType, parameters: dict[str, str]) -> str:
    """Return a docstring with the section on parameters before the next section."""
    named = [name for name in inspect.signature(method).parameters if name != "self"]
    if not named or not parameters.keys() >= set(named) or "\nParameters\n----" in text:
        return text
    described = (f"{name} : {indent(parameters[name], '    ').strip()}" for name in named)
    end = _NEXT_SECTION.search(text)
    place = end.start() if end else len(text)
    return "\n".join([text[:place].rstrip(), "", "Parameters", "----------", *described, "", text[place:]]).rstrip()

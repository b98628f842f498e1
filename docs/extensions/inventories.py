"""Links to the pages of other projects: inventories of the names that signatures use, made without a network."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

# Project: address of its pages, and for each name that our pages link to its role and its page.
PROJECTS: Mapping[str, tuple[str, Mapping[str, tuple[str, str]]]] = {
    "python": (
        "https://docs.python.org/3/",
        {
            "collections.abc.Callable": ("class", "library/collections.abc.html#$"),
            "collections.abc.Iterable": ("class", "library/collections.abc.html#$"),
            "collections.abc.Mapping": ("class", "library/collections.abc.html#$"),
            "collections.abc.Sequence": ("class", "library/collections.abc.html#$"),
            "concurrent.futures.Executor": ("class", "library/concurrent.futures.html#$"),
            "pathlib.Path": ("class", "library/pathlib.html#$"),
            "AssertionError": ("exception", "library/exceptions.html#$"),
            "OSError": ("exception", "library/exceptions.html#$"),
            "RuntimeError": ("exception", "library/exceptions.html#$"),
            "TypeError": ("exception", "library/exceptions.html#$"),
            "UserWarning": ("exception", "library/exceptions.html#$"),
            "ValueError": ("exception", "library/exceptions.html#$"),
            **dict.fromkeys(("dict", "list", "str", "tuple"), ("class", "library/stdtypes.html#$")),
            **dict.fromkeys(("bool", "float", "int", "object"), ("class", "library/functions.html#$")),
        },
    ),
    "numpy": (
        "https://numpy.org/doc/stable/",
        {
            "numpy.ndarray": ("class", "reference/generated/numpy.ndarray.html#$"),
            "numpy.random.Generator": ("class", "reference/random/generator.html#$"),
        },
    ),
    "pandas": (
        "https://pandas.pydata.org/docs/",
        {
            "pandas.DataFrame": ("class", "reference/api/pandas.DataFrame.html#$"),
            "pandas.Series": ("class", "reference/api/pandas.Series.html#$"),
        },
    ),
    "matplotlib": (
        "https://matplotlib.org/stable/",
        {
            "matplotlib.axes.Axes": ("class", "api/_as_gen/matplotlib.axes.Axes.html#$"),
            "matplotlib.figure.Figure": ("class", "api/_as_gen/matplotlib.figure.Figure.html#$"),
        },
    ),
}


def inventory(project: str, names: Mapping[str, tuple[str, str]]) -> bytes:
    """Return a file as Sphinx's own builds write it, version 2.

    >>> inventory("numpy", {"numpy.ndarray": ("class", "x.html#$")}).splitlines()[1]
    b'# Project: numpy'
    """
    head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    lines = "".join(f"{name} py:{role} 1 {page} -\n" for name, (role, page) in names.items())
    return head.encode() + zlib.compress(lines.encode())


def write_inventories(folder: Path) -> dict[str, tuple[str, str]]:
    """Write the inventory of each project, and return the mapping that intersphinx takes."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for project, (address, names) in PROJECTS.items():
        saved = folder / f"{project}.inv"
        content = inventory(project, names)
        if not saved.exists() or saved.read_bytes() != content:
            saved.write_bytes(content)
        mapping[project] = (address, str(saved))
    return mapping

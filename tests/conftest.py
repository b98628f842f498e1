"""What pytest leaves alone, and which files make up `pytest -m quick`: the loop while working, under a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

# The script that makes reference numbers needs the frameworks that it asks.
collect_ignore_glob = ["data/*"]

QUICK = (
    *("test_public_names.py", "test_docstrings.py", "test_validation.py", "test_fuzz.py", "test_layers.py"),
    *(
        "test_options.py",
        "test_result.py",
        "test_moments.py",
        "test_shifts.py",
        "test_effects.py",
        "test_row_batching.py",
    ),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of quick files."""
    for item in items:
        if Path(item.path).name in QUICK:
            item.add_marker("quick")

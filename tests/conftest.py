"""Files that pytest leaves alone, and those of `pytest -m quick`, the loop while working: a part of every room.

All of quick takes at most two minutes on two cores. What is marked `slow` in a quick file is left out.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Several processes test at a time: kernels of PyTorch with a thread for each core would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The script that makes reference numbers needs the frameworks that it asks.
collect_ignore_glob = ["data/*"]

TESTS = Path(__file__).parent
QUICK = {
    ".": ("public_names", "docstrings", "validation", "layers", "warnings", "quick"),
    "analyses": ("figure_files", "quotes"),
    "planner": ("advise_plan", "choices"),
    "audit": ("copier",),
    "benchmarks": ("scheduler",),
    "claims": ("betting", "borders", "interval_methods"),
    "cli": ("column_file", "output_file"),
    "corrections": ("confounding", "corrections", "kept", "laws", "quantiles"),
    "datasets": ("row_batching", "shifts"),
    "docs": ("data", "gallery"),
    "fuzz": ("fuzz",),
    "monitor": ("monitor",),
    "networks": ("normalizers", "scores", "columns"),
    "plots": ("colors", "plot_arguments"),
    "recipes": ("recipes",),
    "sampling": ("effects", "elementary"),
    "simulation": ("options", "result", "stopping", "merge", "target", "tally"),
    "statistics": ("moments",),
    "studies": ("mismatch", "rates", "slopes", "leave_one_batch_out"),
    "testing": ("testing",),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of quick files, but for those that are slow."""
    files = {TESTS / room / f"test_{name}.py" for room, names in QUICK.items() for name in names}
    for item in items:
        if Path(item.path) in files and not item.get_closest_marker("slow"):
            item.add_marker("quick")

"""Files that pytest leaves alone, those of `pytest -m quick`, the loop while working, and those that begin.

All of quick takes at most two minutes on two cores, and is a part of every room. What is marked `slow` in a quick file
is left out.

A worker of `pytest -n` gets whole files: what the tests of a file share is made once. The longest files come first, so
that workers end together. Where there are as many workers as cores, each has a core of its own.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Several processes test at a time: kernels of PyTorch with a thread for each core would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A test takes as long as other processes let it.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
# The script that makes reference numbers needs the frameworks that it asks.
collect_ignore_glob = ["data/*"]

TESTS = Path(__file__).parent
QUICK = {
    ".": ("public_names", "docstrings", "validation", "layers", "warnings", "quick"),
    "analyses": ("figure_files", "quotes"),
    "planner": ("advise_plan", "choices"),
    "audit": ("copier", "core_causes"),
    "benchmarks": ("scheduler",),
    "claims": ("betting", "borders", "interval_methods", "ledger"),
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
# More than ten seconds of one core each, in this order.
LONGEST = {
    "analyses": ("analyses", "figures", "interrupts", "headlines"),
    "recipes": ("recipes",),
    "docs": ("code_blocks",),
    "claims": ("ledger", "step_claims"),
    "studies": (
        *("controlled_estimates", "gradients", "batch_effects", "running_stats", "convergence", "mismatch"),
        *("visible_tails", "information"),
    ),
    "testing": ("testing",),
    "simulation": (
        *("study", "control_variates", "workers", "faults", "far_values", "paired_errors", "summaries"),
        *("store_damage", "store"),
    ),
    "sampling": ("scipy_families", "populations"),
    "cli": ("new_study",),
}


def pytest_configure(config: pytest.Config) -> None:
    """Give whole files to workers, in the order of the tests, unless something else is asked for."""
    if getattr(config.option, "dist", "no") == "load":
        config.option.dist, config.option.loadscopereorder = "loadfile", False
    if hasattr(os, "sched_setaffinity") and (worker := os.environ.get("PYTEST_XDIST_WORKER")):
        use_a_core_of_its_own(int(worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))


def use_a_core_of_its_own(worker: int, workers: int) -> None:
    """Threads of several workers on the same cores cost a fifth of all processor time, as they wait for each other."""
    cores = sorted(os.sched_getaffinity(0))
    if workers >= len(cores):
        os.sched_setaffinity(0, {cores[worker % len(cores)]})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, and mark the tests of quick files, but for those that are slow."""
    longest = [TESTS / room / f"test_{name}.py" for room, names in LONGEST.items() for name in names]
    rank = {path: place for place, path in enumerate(longest)}
    items.sort(key=lambda item: rank.get(Path(item.path), len(rank)))
    files = {TESTS / room / f"test_{name}.py" for room, names in QUICK.items() for name in names}
    for item in items:
        if Path(item.path) in files and not item.get_closest_marker("slow"):
            item.add_marker("quick")

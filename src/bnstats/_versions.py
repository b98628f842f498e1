"""Versions for a bug report."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import bnstats

REQUIRED = (
    "numpy", "scipy", "pandas", "statsmodels", "matplotlib", "seaborn", "numba", "threadpoolctl", "tqdm", "lazy_loader",
)  # fmt: skip
# Packages of extras, and those that read files or tables of a user.
OPTIONAL = (
    "scikit-learn", "torch", "keras", "jax", "flax", "lightning", "transformers", "accelerate", "distributed",
    "pyarrow", "polars", "h5py",
)  # fmt: skip


def show_versions() -> None:
    """Print the versions of bnstats, Python and the operating system, and of the packages that bnstats can use.

    The last line names the kernels that train networks, and if they are the plain ones, the reason.

    Examples
    --------
    >>> show_versions()
    bnstats: 0.1.0
    python: ...
    """
    print(f"bnstats: {bnstats.__version__}")
    print(f"python: {platform.python_version()} ({platform.python_implementation()})")
    print(f"system: {platform.platform()}, {os.cpu_count()} cores")
    for name, found in versions(REQUIRED + OPTIONAL).items():
        print(f"{name}: {found}")
    # Only now, because the report of a problem names the versions even if the kernels cannot be imported.
    from bnstats.networks.kernels.choice import REASON

    print(f"kernels: {f'plain, because {REASON}' if REASON else 'LLVM'}")


def versions(names: Sequence[str]) -> dict[str, str]:
    """Return the versions of these distributions, "not installed" for missing ones."""
    return {name: _version(name) for name in names}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"

"""What pytest leaves alone: the audit's modules need PyTorch, and its tests are skipped without it."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# It needs the plugin, which is off in other runs; tests/testing/test_plugin.py runs it.
collect_ignore = ["docs/tutorials/test_mine.py"]
if importlib.util.find_spec("torch") is None:
    root = Path(__file__).parent
    audit = [path for path in (root / "src/bnstats/audit").glob("*.py") if path.name != "__init__.py"]
    models = [path for path in (root / "tests/audit").glob("*.py") if not path.name.startswith("test_")]
    inner = [*(root / "src/bnstats/audit/torch").glob("*.py"), root / "src/bnstats/audit/core/result.py"]
    collect_ignore += [str(path) for path in (*audit, *inner, *models)]
if importlib.util.find_spec("flax") is None:
    collect_ignore.append(str(Path(__file__).parent / "src/bnstats/audit/flax"))
# Adapters of the monitor are classes of frameworks: tests/monitor has their tests, and importing one takes seconds.
ADAPTERS = ("*_callback.py", "torch_reader.py")
collect_ignore += [
    str(path) for name in ADAPTERS for path in (Path(__file__).parent / "src/bnstats/monitor").glob(name)
]


@pytest.fixture(autouse=True)
def figures_are_closed() -> Iterator[None]:
    """Close the figures of each test and doctest: more than twenty open ones are a warning in whichever comes next."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")

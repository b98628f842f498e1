"""What `bn.<tab>` shows, and what `import bnstats` loads."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import bnstats as bn
from bnstats.datasets.registry import ROW_BATCHING_CLASSES
from bnstats.sampling.registry import BATCHING_CLASSES

FLAT = {
    *("Dataset", "Gaussians", "Estimator", "ESTIMATORS", "Population", "POPULATIONS", "Moments", "Study"),
    *("RunningStats", "Convention", "CONVENTIONS"),
    *("Batching", "IID", "WithoutReplacement", "Clustered", "Autocorrelated"),
    *("RowBatching", "Shuffled", "WithReplacement", "ClassBalanced", "OneClass", "Sorted", "Correlated"),
    *(
        "measure_convergence",
        "measure_correction",
        "measure_information",
        "measure_mismatch",
        "measure_raw_given_normalized",
        "measure_steps",
    ),
    *("JobArray", "merge_stores", "summarize", "required_replicates"),
    *("check_claims", "audit", "recalibrate", "advise"),
    "BatchNormMonitor",
    *("measure_running", "measure_gradients", "leave_one_batch_out", "run", "run_block", "show_versions", "advise"),
}
NAMESPACES = {
    *("adaptation", "batching", "corrections", "effects", "estimators", "exceptions", "networks", "normalizers"),
    *("plots", "monitor", "results", "shifts", "summaries", "claims", "testing", "theory"),
}
# Each takes a tenth of a second or more to load, or tens of megabytes.
HEAVY = ("numpy", "scipy", "pandas", "numba", "statsmodels", "matplotlib", "seaborn", "sklearn", "torch")


def loaded(code: str) -> list[str]:
    """Which heavy packages a new process has loaded after this code."""
    report = f"{code}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True).stdout.split()


def test_public_names_are_those_of_the_plan_and_all_can_be_imported():
    assert set(dir(bn)) <= FLAT | NAMESPACES
    for name in dir(bn):
        assert isinstance(getattr(bn, name), ModuleType) == (name in NAMESPACES), name


@pytest.mark.parametrize("name", sorted(NAMESPACES & set(dir(bn))))
def test_a_namespace_shows_its_public_names_only(name):
    space = importlib.import_module(f"bnstats.{name}")
    shown = {n for n in dir(space) if not n.startswith(("_", "@"))}  # pytest writes names with an @
    assert shown == set(space.__all__)
    classes = {n for n in shown if n.endswith("Callback")}  # of frameworks, which importing would load
    assert not [n for n in shown - classes if isinstance(getattr(space, n), ModuleType)]


def test_a_public_name_has_one_place():
    seen: dict[str, str] = dict.fromkeys(FLAT, "bn")
    for space in NAMESPACES & set(dir(bn)) - {"plots"}:  # the plot of a result is called as its study is
        for name in getattr(bn, space).__all__:
            assert name not in seen, f"bn.{space}.{name} is {seen[name]}.{name} too"
            seen[name] = f"bn.{space}"


def test_importing_loads_nothing_heavy():
    """What takes time and memory is which packages are loaded: none, until a name is used."""
    assert loaded("import bnstats; dir(bnstats)") == []


def test_measuring_loads_no_package_for_figures():
    used = loaded("import bnstats as bn; bn.run; bn.measure_mismatch; bn.measure_convergence")
    assert {"numpy", "pandas"} <= set(used)
    assert not {"matplotlib", "seaborn", "torch"} & set(used)


def test_show_versions_names_what_is_imported(capsys):
    bn.show_versions()
    printed = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert printed["bnstats"] == bn.__version__
    for name in ("numpy", "scipy", "pandas", "numba"):
        assert printed[name] == importlib.import_module(name).__version__


def test_show_versions_says_what_is_not_installed(capsys, monkeypatch):
    versions = importlib.import_module("bnstats._versions")
    monkeypatch.setattr(versions, "OPTIONAL", ("no-such-package",))
    bn.show_versions()
    assert capsys.readouterr().out.splitlines()[-2] == "no-such-package: not installed"


def test_signatures_are_as_one_writes_them():
    """Neither a ForwardRef nor the address of a default stands in `help()`."""
    found = []
    for space in (bn, *(getattr(bn, name) for name in NAMESPACES & set(dir(bn)))):
        names = {name for name in (space.__all__ if space is not bn else FLAT) if not name.endswith("Callback")}
        for thing in (getattr(space, name) for name in sorted(names)):
            if callable(thing):
                with contextlib.suppress(ValueError):  # warnings take what Exception takes
                    found.append(f"{thing.__name__}{inspect.signature(thing)}")
    assert len(found) > 100
    assert not [text for text in found if re.search("ForwardRef| at 0x|<factory>", text)]


def test_no_two_test_files_have_one_name():
    """Pytest would collect neither: the suite is run as a whole."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert len(set(names)) == len(names)


def test_batching_has_each_rule_of_the_registries():
    for name, kind in (BATCHING_CLASSES | ROW_BATCHING_CLASSES).items():
        assert getattr(bn.batching, name) is kind
        assert (name in bn.batching.__all__) == (name not in FLAT)


def test_each_class_has_a_name_of_its_own():
    files = Path(bn.__file__).parent.rglob("*.py")
    names = [name for path in files for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.M)]
    assert len(names) > 200
    assert sorted({name for name in names if names.count(name) > 1}) == []

"""Files of a release agree: versions, dependencies, addresses, and texts that stand outside this repository."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

from bnstats._versions import OPTIONAL, REQUIRED

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
ELSEWHERE = {"matplotlib": "matplotlib-base", "lazy_loader": "lazy-loader"}
"""Names of packages that are others on conda-forge."""
FOR_DEVELOPMENT = ("analyses", "test", "docs", "dev")

pytestmark = pytest.mark.quick


def text(name: str) -> str:
    return (ROOT / name).read_text()


def test_versions_agree() -> None:
    version = PROJECT["version"]
    assert f"version: {version}\n" in text("CITATION.cff")
    assert f'{{% set version = "{version}" %}}' in text("conda/meta.yaml")
    assert re.search(rf"^## (Unreleased \()?{re.escape(version)}\)?", text("CHANGELOG.md"), re.MULTILINE)


def test_the_recipe_needs_what_the_package_needs() -> None:
    run = text("conda/meta.yaml").partition("  run:\n")[2].partition("\n\n")[0]
    stated = dict(re.findall(r"- (\S+) >=(\S+)", run))
    wanted = dict(line.split(">=") for line in PROJECT["dependencies"])
    wanted = {ELSEWHERE.get(name, name): version for name, version in wanted.items()}
    assert stated == wanted | {"python": PROJECT["requires-python"].removeprefix(">=")}


def test_a_bug_report_names_all_packages_that_the_package_can_use() -> None:
    """All that it requires, and all of extras that are not for its own development."""
    names = [re.split("[>=]", line)[0] for line in PROJECT["dependencies"]]
    assert set(REQUIRED) == set(names)
    extras = {name: needs for name, needs in PROJECT["optional-dependencies"].items() if name not in FOR_DEVELOPMENT}
    used = {re.split("[>=]", line)[0] for needs in extras.values() for line in needs if not line.startswith("bnstats")}
    assert used <= set(OPTIONAL)


def test_the_package_page_stands_by_itself() -> None:
    page = text(PROJECT["readme"])
    targets = re.findall(r"\]\(([^)]*)\)", page)
    assert [target for target in targets if not target.startswith("https://")] == []
    assert "![" not in page
    assert "<img" not in page


def test_the_example_of_the_package_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"(?:^    .*\n)+(?:\n(?:^    .*\n)+)*", text(PROJECT["readme"]), re.MULTILINE)
    [example] = [block for block in blocks if "import bnstats" in block]
    exec(re.sub(r"^    ", "", example, flags=re.MULTILINE), {})
    assert "exponential" in capsys.readouterr().out


def test_names_on_the_package_page_are_public() -> None:
    import bnstats as bn

    page = text(PROJECT["readme"])
    names = re.findall(r"`(?:bn\.|bnstats\.)?([a-z_]+(?:\.[a-z_]+)?)`", page.partition("## What it does")[2])
    assert len(names) >= 8
    for name in names:
        first, _, rest = name.partition(".")
        assert first in dir(bn)
        assert not rest or rest in getattr(bn, first).__all__
    assert set(re.findall(r"bnstats\[(\w+)\]", page)) <= set(PROJECT["optional-dependencies"])


def test_addresses_stand_where_one_variable_says() -> None:
    address = PYPROJECT["tool"]["bnstats"]["address"]
    if address:
        assert address in PROJECT["urls"].values()
        assert f"repository-code: {address}" in text("CITATION.cff")
        assert f"home: {address}" in text("conda/meta.yaml")
    else:
        assert "urls" not in PROJECT
        assert "repository-code" not in text("CITATION.cff")
        assert "home:" not in text("conda/meta.yaml")


def test_the_changelog_is_sorted_by_kinds() -> None:
    log = text("CHANGELOG.md")
    assert set(re.findall(r"^### (.*)$", log, re.MULTILINE)) <= {"Added", "Changed", "Fixed", "Removed", "Deprecated"}
    for part in re.split(r"^## ", log, flags=re.MULTILINE)[1:]:
        before, *kinds = re.split(r"^### ", part, flags=re.MULTILINE)
        assert "\n- " not in before
        assert len(kinds) == len({kind.partition("\n")[0] for kind in kinds})


def test_citations_of_the_paper_are_in_its_bibliography() -> None:
    cited = set(re.findall(r"@(\w+)", text("paper.md").partition("# Summary")[2]))
    listed = set(re.findall(r"^@\w+\{(\w+),", text("paper.bib"), re.MULTILINE))
    assert cited == listed


def test_classifiers_name_each_version_that_the_checks_run() -> None:
    versions = [c.rpartition(" :: ")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c]
    assert versions == ["3.11", "3.12", "3.13", "3.14"]
    assert PROJECT["requires-python"] == ">=" + versions[0]


def test_the_source_distribution_holds_what_a_reader_sees(tmp_path: Path) -> None:
    """A copy of the tracked files is packed, so that what lies beside them here changes nothing."""
    pytest.importorskip("setuptools", minversion="77")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no clone")
    for name in listed.stdout.splitlines():
        target = tmp_path / "clone" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    code = f"import setuptools.build_meta as b; b.build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "clone", capture_output=True, check=True)
    [made] = tmp_path.glob("*.tar.gz")
    with tarfile.open(made) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    tracked = {name for name in listed.stdout.splitlines() if Path(name).name not in (".gitignore",)}
    left_out = {".pre-commit-config.yaml"}
    assert tracked - packed <= left_out

"""Claims, files and folders that pages cite exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bnstats.claims.registry import CLAIMS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
ROOTS = ("src", "tests", "analyses", "benchmarks", "docs", "figures")
PATH = re.compile(rf"`((?:{'|'.join(ROOTS)})/[\w./-]*)`")
PLACEHOLDER = re.compile(r"\b(NAME|ROOM|FILE|FOLDER)\b")
# As in "claims `a`, `b` and `c`", in {verdict}`a` or the title of a link, and in a command.
LISTED = re.compile(r"\bclaims? (`[\w-]+`(?:(?:, | and |, and )`[\w-]+`)*)")
VERDICT = re.compile(r"\{verdict\}`([\w-]+)`|\]\([\w./]+ \"([\w-]+)\"\)")
COMMAND = re.compile(r"\bbnstats claims ([\w-]+)")


def claims_cited(text: str) -> set[str]:
    listed = {name for names in LISTED.findall(text) for name in re.findall(r"`([\w-]+)`", names)}
    linked = {name for names in VERDICT.findall(text) for name in names}
    return {name for name in listed | linked | {*COMMAND.findall(text)} if "-" in name.strip("-") and name[0] != "-"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_claims_and_paths_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not claims_cited(text) - CLAIMS.keys()
    assert not [path for path in PATH.findall(text) if not (ROOT / path).exists() and not PLACEHOLDER.search(path)]


def test_wrong_citations_are_found() -> None:
    cited = claims_cited("claim `no-such`, {verdict}`none-such`, claims `a-b`, `c-d` and `e-f`; `bnstats claims g-h`")
    assert cited == {"no-such", "none-such", "a-b", "c-d", "e-f", "g-h"}
    assert PATH.findall("`tests/no/test_such.py`, `src/bnstats`") == ["tests/no/test_such.py", "src/bnstats"]
    assert sum(len(claims_cited(page.read_text("utf-8"))) for page in PAGES) > 40


def test_the_tree_of_folders_is_complete() -> None:
    tree = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("```text\n")[2].partition("```")[0]
    package = ROOT / "src" / "bnstats"
    places = {path.name for path in package.iterdir() if (path / "__init__.py").exists()}
    places |= {path.stem for path in package.glob("[a-z]*.py")}
    assert not places - set(re.findall(r"\w+", tree))

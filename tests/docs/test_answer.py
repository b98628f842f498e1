"""The answer in the README and on the home page: its verdicts are the ledger's, and both say the same."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from code_blocks import ROOT, blocks

from analyses.quoted_answer import NOT_YET, VERDICT, with_verdicts
from bnstats.claims.registry import CLAIMS

README = (ROOT / "README.md").read_text()
HOME = (ROOT / "docs" / "index.md").read_text()
IN_FAVOR = ("supported", "the same here")


@pytest.fixture(scope="module")
def verdicts() -> dict[str, str]:
    ledger = pd.read_csv(ROOT / "figures" / "claims.csv")
    return dict.fromkeys(CLAIMS, NOT_YET) | dict(zip(ledger["claim"], ledger["verdict"], strict=True))


def test_verdicts_of_the_readme_are_those_of_the_ledger_and_one_click_from_evidence(verdicts: dict[str, str]) -> None:
    found = VERDICT.findall(README)
    assert len(found) >= 10
    for words, page, claim in found:
        word = " ".join(words.split())
        assert verdicts[claim] == word, claim
        assert word in IN_FAVOR, claim
        assert (ROOT / page).exists(), page


def test_a_verdict_that_the_ledger_does_not_give_is_found_and_corrected() -> None:
    right = '[supported](docs/gallery/letter_grades.md "zero-at-3")'
    wrong = README.replace(right, right.replace("supported", "refuted"))
    assert wrong != README
    assert with_verdicts(wrong) == README == with_verdicts(README)


def test_the_home_page_says_what_the_readme_says(verdicts: dict[str, str]) -> None:
    at_home = re.findall(r"\{verdict\}`([a-z0-9-]+)`", HOME)
    assert at_home == [claim for _, _, claim in VERDICT.findall(README)]
    assert {verdicts[claim] for claim in at_home} <= set(IN_FAVOR)
    home = " ".join(re.sub(r"\s*\{verdict\}`[^`]*`", "", HOME).split())
    alike = [statement.lower() in home.lower() for statement in sentences(README)]
    assert sum(alike) >= 12
    assert sum(alike) >= len(alike) - 2  # those that name pages or commands


def sentences(text: str) -> list[str]:
    """The sentences of the answer in the README, without headings, verdicts and links."""
    answer = text.partition("## The answer")[2].partition("\n## ")[0]
    plain = re.sub(r"\*\*[^*]+\*\*", "", re.sub(r"\s*\((?:\[[^\]]*\]\([^)]*\))\)", "", answer))
    return [s.strip() for s in re.split(r"(?<=[.;:]) ", " ".join(plain.split())) if len(s) > 60 and "[" not in s]


def test_the_readme_is_short_and_installs_once() -> None:
    assert len(README.splitlines()) < 110
    installs = [line for b in blocks() if b.page == "README.md" and b.kind == "sh" for line in b.text.splitlines()]
    assert sum("pip install" in line for line in installs) == 1
    for command in ("python -m analyses", "python -m pytest", "python -m docs", "claims"):
        near = README[max(0, README.index(command) - 500) : README.index(command) + 300]
        assert re.search(r"\b(minutes?|half an hour)\b", near), command


QUESTIONS = {
    "how long a bad batch lasts": r"One bad batch, .*? are left after 10 batches",
    "whether the mean step goes downhill": r"the cosine of the mean step of batches of 20 and the steepest descent is",
    "whether a larger batch of one class helps": r"a larger batch does not help",
    "why not another batch's statistics": r"because only a value that its own batch normalizes is bounded",
    "why a D at 0 does not undo a B": r"does not undo a \"B\" at 0, because the loss counts both",
    "what is left of a grade in batches of 3": r"In batches of 3, a network predicts \d+ % of the letters",
    "why evaluation mode is better there": r"Running statistics give each value one meaning again",
    "when running statistics are off": r"They are off after too few updates",
    "what to do first with a model": r"With your own model, first run",
    "what is not shown": r"All networks are small",
}


@pytest.mark.parametrize("pattern", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_questions_of_first_time_readers_are_answered_on_both(pattern: str) -> None:
    for text in (README, HOME):
        assert re.search(pattern, " ".join(text.split()))

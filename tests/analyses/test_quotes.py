"""Numbers in prose: those that do not hold are found, and those that nobody accounts for."""

from __future__ import annotations

import pytest

from analyses.quotes import Quote, unaccounted, value

DOCUMENT = """# A page

In batches of 2, 43 % of letters are
named, which is −7 points (Wu & He 2018).

```python
>>> 17 + 4
21
```
See `n = 7` and [a page](https://example.org/5).
"""
NAMED = Quote("In batches of 2, {:.0f} % of letters are named, which is {:+.0f} points", (lambda: 43.2, lambda: -7.1))
PAPER = Quote("Wu & He 2018")


def test_a_document_that_holds_has_no_problem() -> None:
    assert list(NAMED.problems(DOCUMENT)) == []
    assert unaccounted(DOCUMENT, [NAMED, PAPER]) == []
    assert NAMED.corrected(DOCUMENT) == DOCUMENT


@pytest.mark.parametrize(("old", "new"), [("43 %", "44 %"), ("−7 points", "+7 points"), ("−7 points", "-8 points")])
def test_a_number_that_does_not_hold_is_found_and_corrected(old: str, new: str) -> None:
    wrong = DOCUMENT.replace(old, new)
    assert len(list(NAMED.problems(wrong))) == 1
    assert NAMED.corrected(wrong) == DOCUMENT


def test_a_sentence_that_was_changed_is_found() -> None:
    (problem,) = NAMED.problems(DOCUMENT.replace("letters", "grades"))
    assert "is not in the document" in problem


@pytest.mark.parametrize("added", ["It was 3.5 points.", "| 12 |", "of the digits 8 and", "up to 10,000 of them"])
def test_a_number_that_nobody_accounts_for_is_found(added: str) -> None:
    assert len(unaccounted(DOCUMENT + added, [NAMED, PAPER])) >= 1


def test_a_number_is_that_of_one_row() -> None:
    with pytest.raises(ValueError, match=r"rows of convergence.csv are where"):
        value("convergence", "population == 'normal'")
    with pytest.raises(ValueError, match="has 1 slots and 0 numbers"):
        Quote("{:.0f} rows").values()

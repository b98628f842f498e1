"""Numbers in prose: each is written in a sentence with slots, and each slot is filled from the numbers of a figure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import pandas as pd

from analyses.figure_files import FIGURES

# Code, tags, pictures, addresses and the numbers of headings and lists are no prose.
NOT_PROSE = re.compile(
    r"^#+ \d+\.|^ *\d+\. |^```.*?^```$|`[^`\n]+`|<[^>]*>|!?\[[^\]]*\]\([^)]*\)|https?://\S+", re.DOTALL | re.MULTILINE
)
SLOT = re.compile(r"\{[^}]*\}")
NUMBER = r"[+−-]?[\d.,]*\d"


@dataclass(frozen=True)
class Quote:
    """A sentence, or a piece of one, with a slot for each number.

    Parameters
    ----------
    text : str
        As in "batches of 2: {:.0f} % of letters": a slot has the format that rounds its number. What stands there as a
        number is a setting, not a result.
    numbers : functions without arguments
        One per slot, each returns the number or its text.

    Examples
    --------
    >>> quote = Quote("{:.0f} % of letters in batches of 2", (lambda: 43.2,))
    >>> quote.written()
    '43 % of letters in batches of 2'
    >>> list(quote.problems("it names 44 % of letters in\\nbatches of 2"))
    ["'44 % of letters in batches of 2' is '43 % of letters in batches of 2' by the figures"]
    >>> quote.corrected("it names 44 % of letters in\\nbatches of 2")
    'it names 43 % of letters in\\nbatches of 2'
    """

    text: str
    numbers: Sequence[Callable[[], float | str]] = ()

    @property
    def pattern(self) -> re.Pattern[str]:
        """Finds the sentence, whatever numbers are in its slots and however its lines are broken."""
        parts = [r"\s+".join(map(re.escape, re.split(r"\s+", part))) for part in SLOT.split(self.text)]
        return re.compile(rf"({NUMBER}|no)".join(parts), re.IGNORECASE)

    def values(self) -> list[str]:
        """Return the text in each slot."""
        slots, made = SLOT.findall(self.text), [number() for number in self.numbers]
        if len(slots) != len(made):
            raise ValueError(f"{self.text!r} has {len(slots)} slots and {len(made)} numbers.")
        texts = [n if isinstance(n, str) else slot.format(n) for slot, n in zip(slots, made, strict=True)]
        return [text.replace("-", "−") for text in texts]

    def written(self) -> str:
        """The sentence by the figures."""
        return SLOT.sub("{}", self.text).format(*self.values())

    def problems(self, document: str) -> Iterator[str]:
        """Return what is wrong with the sentence in a document."""
        found = self.pattern.search(document)
        if found is None:
            yield f"{self.text!r} is not in the document; take the quote away, or write the sentence as it stands here"
        elif [text.replace("-", "−") for text in found.groups()] != self.values():
            yield f"{' '.join(found[0].split())!r} is {self.written()!r} by the figures"

    def corrected(self, document: str) -> str:
        """The document with the numbers of the figures in this sentence."""
        found = self.pattern.search(document)
        if found is None:
            return document
        for i, value in reversed(list(enumerate(self.values(), start=1))):
            document = document[: found.start(i)] + value + document[found.end(i) :]
        return document


def unaccounted(document: str, quotes: Sequence[Quote]) -> list[str]:
    """Numbers in the prose of a document that no quote accounts for, each with the words around it.

    >>> unaccounted("in batches of 2, 44 % are right, `n = 7`", [Quote("in batches of 2")])
    ['in batches of 2, 44 % are right, `n = 7']
    """
    covered = [False] * len(document)
    for pattern in (NOT_PROSE, *(quote.pattern for quote in quotes)):
        for found in pattern.finditer(document):
            covered[found.start() : found.end()] = [True] * (found.end() - found.start())
    numbers = (n for n in re.finditer(r"\d[\d.,]*", document) if not covered[n.start()])
    return [" ".join(document[max(0, n.start() - 30) : n.end() + 20].split(" ")) for n in numbers]


@cache
def numbers_of(figure: str) -> pd.DataFrame:
    """The numbers of a committed figure."""
    return pd.read_csv(FIGURES / f"{figure}.csv")


def value(figure: str, query: str, times: float = 1.0, column: str = "value") -> float:
    """The number in the one row of a figure's table that a query selects.

    >>> 0.17 < value("convergence", "population == 'normal' and batch_size == 64 and estimator == 'var' and "
    ...              "measure == 'rmse' and kind == 'error'") < 0.18
    True
    """
    rows = numbers_of(figure).query(query)
    if len(rows) != 1:
        raise ValueError(f"{len(rows)} rows of {figure}.csv are where {query}; a number in prose is that of one row.")
    return times * float(rows[column].item())

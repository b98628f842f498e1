"""When to stop: a condition's replicates double until each of its numbers is precise enough, and is settled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bnstats.simulation.storage.fingerprint import cell_key
from bnstats.simulation.study import Cell, Study
from bnstats.simulation.summaries import SUMMARIES, histogram
from bnstats.simulation.tally import Account, Sample, Tally

# Blocks before the first look.
FIRST_LOOK = 8


class CellRun:
    """One cell on its way: what was added so far, and the rows that are settled."""

    def __init__(self, study: Study, cell: Cell, max_replicates: int) -> None:
        self.study, self.cell = study, cell
        self.most = math.ceil(study.at_most(cell, max_replicates) / study.size(cell))
        self.blocks = 0
        self.keys: tuple[tuple[Any, ...], ...] = ()
        self.account: Account | None = None
        self.settled: dict[tuple[Any, ...], list[Row]] = {}
        self.worst = math.inf

    @cached_property
    def key(self) -> str:
        """Its name in a store."""
        return cell_key(self.cell, self.study.content(self.cell))

    @property
    def done(self) -> bool:
        """Whether all measures are settled."""
        return 0 < len(self.settled) == len(self.keys)

    def blocks_until(self, look: int, last: bool) -> range:
        """The blocks to simulate before this look: they double from FIRST_LOOK on."""
        return range(self.blocks, self.most if last else min(self.most, FIRST_LOOK << look))

    def add(self, block: int, tally: Tally) -> None:
        """Add the next block."""
        if self.account is None:
            self.keys, self.account = tally.keys, Account(len(tally.keys), histogram(self.study.summaries))
        if tally.keys != self.keys:
            raise ValueError(
                f"{type(self.study).__name__}.simulate has measures {tally.keys} in block {block} and {self.keys} in "
                "block 0; return the same ones in each block of a cell."
            )
        self.account.add(block, tally)
        self.blocks = block + 1

    def settle(self, precision: float | None, last: bool) -> None:
        """Settle each measure whose summaries are all precise enough: later looks no longer change its rows.

        So a row does not depend on what else is asked for, and a grid can be extended without changing a bit.
        """
        assert self.account is not None
        rows = {
            key: rows_of(self.study, self.cell, key, self.account.sample(k), self.most / self.blocks)
            for k, key in enumerate(self.keys)
            if key not in self.settled
        }
        worst = {key: max((row.relative for row in rows[key] if row.asked), default=0.0) for key in rows}
        self.worst = max(worst.values())
        for key in rows:
            relative = self.worst if self.study.paired else worst[key]
            if last or (precision is not None and relative <= precision):
                self.settled[key] = rows[key]
        if self.done:
            self.account = None  # the rows keep what they need

    def not_finite(self) -> list[str]:
        """A line for each measure of which replicates are NaN, or infinite where no infinite number is exact."""
        lines = []
        for key in self.keys:
            rows = self.settled[key]
            nans, infinite = rows[0].sample.missing.tolist()
            if nans or (infinite and any(row.unknown for row in rows)):
                named = ", ".join(f"{column}={value}" for column, value in _named(self.study, self.cell, key).items())
                n = rows[0].columns["replicates"]
                lines.append(f"{named}: {nans} NaN and {infinite} infinite of {n} replicates")
        return lines


@dataclass(frozen=True)
class Row:
    """A row of the table to be.

    Attributes
    ----------
    columns : dict
    summary : str
    sample : Sample
    relative : float
        Relative MCSE; 0 for an infinite value, of which nothing is estimated.
    wanted : bool
        Whether the study wants it to be precise.
    attainable : bool
        Whether more replicates make it smaller.
    """

    columns: dict[str, Any]
    summary: str
    sample: Sample
    relative: float
    wanted: bool
    attainable: bool

    @property
    def asked(self) -> bool:
        """Whether replicates are added for it."""
        return self.wanted and self.attainable

    @property
    def unknown(self) -> bool:
        """Whether it has no value: neither a finite estimate nor an infinite exact one."""
        return not math.isfinite(self.columns["value"]) and not math.isinf(self.columns["exact"])


def rows_of(study: Study, cell: Cell, key: tuple[Any, ...], sample: Sample, times: float = 1.0) -> list[Row]:
    """A row for each summary of one measure, of which there are at most so many `times` these replicates."""
    name = key if len(key) > 1 else key[0]
    evidence = sample.whole()
    replicates = int(evidence.n)
    tail = study.tail_index(cell, name, replicates)
    last = study.tail_index(cell, name, int(times * replicates)) if study.patient else tail
    rows = []
    for summary in study.summaries:
        exact = study.exact(cell, name, summary)
        value, mcse, relative = SUMMARIES[summary].of(evidence)
        trusted = tail > SUMMARIES[summary].order and math.isfinite(value)
        attainable = trusted or (last > SUMMARIES[summary].order and math.isfinite(value))
        at_gap = SUMMARIES[summary].at_gap
        if at_gap is not None and at_gap(evidence):
            attainable = False
        if math.isinf(exact):
            value, mcse, relative = exact, math.nan, 0.0
        elif not trusted:
            mcse = relative = math.inf
        columns = _named(study, cell, key)
        if "measure" not in study.key_columns:
            columns["measure"] = summary
        elif len(study.summaries) > 1:
            columns["summary"] = summary
        numbers = {"value": value, "mcse": mcse, "exact": exact, "replicates": replicates}
        wanted = study.wanted(cell, name, summary)
        rows.append(Row(columns | numbers, summary, sample, relative, wanted, attainable))
    return rows


def _named(study: Study, cell: Cell, key: tuple[Any, ...]) -> dict[str, Any]:
    columns = {column: _label(value) for column, value in study.columns(cell).items()}
    return columns | dict(zip(study.key_columns, key, strict=True))


def _label(value: Any) -> Any:
    """How a parameter stands in the table: plain values as they are, all else by its name or its expression."""
    plain = value is None or isinstance(value, bool | int | float | str)
    return value if plain else getattr(value, "name", None) or repr(value)

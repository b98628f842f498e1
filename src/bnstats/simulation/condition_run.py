"""Run of one condition: the blocks added so far, and the final rows of the table."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnstats._checks.terminal import escaped
from bnstats.simulation.checks import target_of
from bnstats.simulation.condition import PlacedCondition
from bnstats.simulation.failures import OF_FAILURES, TooManyFailures, failure_key
from bnstats.simulation.precision.looks import FIRST_LOOK_BLOCKS, sizes_at_looks
from bnstats.simulation.precision.stopping import Number, NumberKind, finished_measures, judge
from bnstats.simulation.replicates.accumulator import Accumulator, MergedBlocks
from bnstats.simulation.replicates.control_variates import contradicted
from bnstats.simulation.replicates.failure_reasons import FailureReasons, counted, in_words
from bnstats.simulation.replicates.sample import Sample
from bnstats.simulation.replicates.tally import Tally
from bnstats.simulation.study import Condition, Study
from bnstats.simulation.summaries.registry import SUMMARIES, histogram, summary_of
from bnstats.simulation.summaries.summary import Summary

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Row:
    """Row of the table of results."""

    names: dict[str, Any]
    summary: Summary
    number: Number
    sample: Sample
    replicates: int
    n_failed: int | None = None

    def columns(self, by_summary: bool) -> dict[str, Any]:
        """Return the columns of the table, by name; include the summary's name if `by_summary`."""
        number = self.number
        numbers = {"value": number.value, "mcse": number.mcse, "mcse_df": number.df, "exact": number.exact}
        summary = {"summary": self.summary.name} if by_summary else {}
        counts = {"replicates": self.replicates} | ({} if self.n_failed is None else {"n_failed": self.n_failed})
        return self.names | summary | numbers | counts


class ConditionRun(PlacedCondition):
    """Condition of a study with the blocks simulated so far, merged."""

    def __init__(
        self, study: Study, condition: Condition, max_replicates: int, place: tuple[int, int] = (0, 0)
    ) -> None:
        super().__init__(study, condition, place)
        self.max_blocks = math.ceil(
            study.max_replicates_of(self.condition, max_replicates) / study.size(self.condition)
        )
        self.keys: tuple[Key, ...] = ()
        self.events = np.empty(0, np.int8)
        self.merged_blocks = MergedBlocks()
        self.finished: dict[Key, list[Row]] = {}
        self.worst = math.inf
        self.contradicted: set[Any] = set()
        self.failures: FailureReasons | None = None
        """Reasons of the replicates that failed so far; None if the study has none."""

    @property
    def columns(self) -> dict[str, Any]:
        """Columns of the table that describe the condition."""
        return {column: _label(value) for column, value in self.study.columns(self.condition).items()}

    @property
    def done(self) -> bool:
        """True if all measures are finished."""
        return 0 < len(self.finished) == len(self.keys)

    def looks(self, precision: float | None) -> list[int]:
        """Return the number of blocks at each look, which is fixed before the run: blocks double from look to look."""
        return [self.max_blocks] if precision is None else sizes_at_looks(FIRST_LOOK_BLOCKS, self.max_blocks)

    def add(self, block: int, part: Tally | Accumulator) -> None:
        """Add the next block, or an accumulator of blocks that begins with `block`."""
        self.failures = counted(self.failures, part.failures)
        if not self.keys:
            self.keys, self.events = part.keys, part.events
            self._check_summaries(part)
        if part.keys != self.keys:
            raise ValueError(
                f"{type(self.study).__name__}.simulate has measures {part.keys} in block {block} and {self.keys} in "
                "block 0; return the same ones in each block of a condition."
            )
        if not np.array_equal(part.events, self.events):
            raise ValueError(
                f"{type(self.study).__name__}.simulate returns a measure as booleans in one block and as numbers in "
                "another block; return the same type in each block of a condition."
            )
        self.merged_blocks.add(block, part)
        self.blocks = block + part.blocks

    @property
    def n_failed(self) -> int | None:
        """Number of replicates that failed so far; None if the study reports none."""
        return None if self.failures is None else sum(self.failures.values())

    def check_failures(self, max_failures: float | None) -> None:
        """Raise TooManyFailures if more of the replicates failed than that proportion of those at the first look."""
        if max_failures is None or not self.failures:
            return
        simulated = self.study.size(self.condition) * self.blocks
        first_look = self.study.size(self.condition) * min(FIRST_LOOK_BLOCKS, self.max_blocks)
        failed = sum(self.failures.values())
        if failed > max_failures * max(simulated, first_look):
            named = ", ".join(f"{name}={escaped(str(value))}" for name, value in self.condition.items())
            raise TooManyFailures(
                f"{failed} of {simulated} replicates failed in the condition {named}, more than max_failures="
                f"{max_failures:g} allows: {in_words(self.failures)}; bn.run_block shows them."
            )

    def _check_summaries(self, part: Tally | Accumulator) -> None:
        kept = histogram(self.study.summaries)
        for key, events in zip(part.keys, part.events.tolist(), strict=True):
            for summary in map(summary_of, self._summaries(key)):
                if summary.of_events and not events:
                    raise ValueError(
                        f"{summary.name} is the proportion of replicates that are True; "
                        f"{type(self.study).__name__}.simulate returned numbers as {self._name(key)!r}: return an "
                        "array of booleans, such as low < target."
                    )
                if summary.histogram and not kept:
                    raise ValueError(
                        f"{summary.name} needs a histogram of the replicates, which is kept only if a summary of "
                        f"{type(self.study).__name__}.summaries needs it: add it there."
                    )
                if summary.of_model_se and self._model_key(key) not in part.keys:
                    raise ValueError(
                        f"{summary.name} needs the standard errors by the model; let "
                        f"{type(self.study).__name__}.model_se name the measure of these for {self._name(key)!r}."
                    )

    def finish_measures(self, precision: float | None, last: bool) -> None:
        """Finish each measure whose numbers are all precise enough: later looks no longer change its rows.

        A row then does not depend on the other conditions and measures of a run. A grid can be extended without
        changing a bit.
        """
        accumulator = self.merged_blocks.so_far()
        rows = {key: self._rows(accumulator, key) for key in self.keys if key not in self.finished}
        worst = {key: max((r.number.relative for r in rows[key] if r.number.asked), default=0.0) for key in rows}
        self.worst = max(worst.values())
        self.finished |= {key: rows[key] for key in finished_measures(worst, self.study.paired, precision, last)}
        if self.done:
            self.merged_blocks = MergedBlocks()  # the rows keep their samples

    def _rows(self, accumulator: Accumulator, key: Key) -> list[Row]:
        """Return a row for each summary of one measure."""
        sample, name = self._sample(accumulator, key), self._name(key)
        replicates = sample.whole()
        max_blocks = self.max_blocks / self.blocks * replicates.n
        without = sample.without_controls()
        columns = self._columns(key)
        rows = []
        for summary in map(summary_of, self._summaries(key)):
            names = columns.copy()
            if "measure" not in self.study.key_columns:
                names["measure"] = summary.name
            number = judge(self._owner(key), self.condition, name, summary, replicates, max_blocks)
            kept = sample if number.variance_ratio > 1 else without
            rows.append(Row(names, summary, number, kept, int(replicates.n), self.n_failed))
        return rows

    def samples(self) -> dict[Key, Sample]:
        """Return the replicates of each measure so far."""
        accumulator = self.merged_blocks.so_far()
        return {key: self._sample(accumulator, key) for key in self.keys}

    def _sample(self, accumulator: Accumulator, key: Key) -> Sample:
        """Return the replicates of a measure, with the study's value range, target and model."""
        sample = accumulator.sample(self.keys.index(key), self._controls(accumulator, key))
        model = self._model_key(key)
        model_se = None
        if model in self.keys:
            target = target_of(self.study, self.condition, self._name(model))
            model_se = replace(accumulator.sample(self.keys.index(model)), target=target)
        value_range = self._owner(key).value_range(self.condition, self._name(key))
        return replace(
            sample,
            value_range=value_range,
            model_se=model_se,
            target=target_of(self._owner(key), self.condition, self._name(key)),
        )

    def _controls(self, accumulator: Accumulator, key: Key) -> list[int]:
        """Return the places of the usable control variates of a measure.

        Usable control variates have a variance, and a mean compatible with 0.
        """
        place, named = self.keys.index(key), self._owner(key).controls(self.condition, self._name(key))
        if self.failures:  # the mean of a control variate is not known among replicates that did not fail
            return []
        n = accumulator.moments[:, 0, place]
        tails = [self.study.tail_index(self.condition, name, int(n.sum())) for name in named]
        usable = [i for i, tail in enumerate(tails) if tail > SUMMARIES["mean"].order]
        found = contradicted(n, accumulator.joint[:, place]) if usable else ()
        wrong = {i for i in usable if found[i]}
        self.contradicted |= {named[i] for i in wrong}
        return [i for i in usable if i not in wrong]

    def _summaries(self, key: Key) -> tuple[str | Summary, ...]:
        return self._owner(key).summaries_of(self.condition, self._name(key))

    def _model_key(self, key: Key) -> Key | None:
        model = self._owner(key).model_se(self.condition, self._name(key))
        return model if model is None or isinstance(model, tuple) else (model,)

    def _owner(self, key: Key) -> Study:
        """Return the study whose methods describe a measure."""
        return OF_FAILURES if self.failures is not None and key == failure_key(self.study) else self.study

    def _name(self, key: Key) -> Any:
        return self.study.key_of(key)

    def _columns(self, key: Key) -> dict[str, Any]:
        return self.columns | dict(zip(self.study.key_columns, key, strict=True))

    def not_finite(self) -> list[str]:
        """Return a line for each measure with NaN replicates, or infinite ones without infinite exact value."""
        lines = []
        for key in self.keys:
            rows = self.finished[key]
            nans, infinite = rows[0].sample.missing.tolist()
            if nans or (infinite and any(row.number.kind is NumberKind.UNDEFINED for row in rows)):
                named = ", ".join(f"{column}={value}" for column, value in self._columns(key).items())
                lines.append(f"{named}: {nans} NaN and {infinite} infinite of {rows[0].replicates} replicates")
        return lines


def _label(value: Any) -> Any:
    """Return a parameter for the table: plain values unchanged, other objects by name or expression."""
    plain = value is None or isinstance(value, bool | int | float | str)
    return value if plain else getattr(value, "name", None) or repr(value)

"""Simulation of the evidence of sequential tests, on the frame of `bnstats.run`.

Blocks of evidence keep their replicates in their order, because a bettor bets on one replicate after the other. Tests
that need the same block of a study share it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from bnstats.claims.sequential_test import SequentialTest
from bnstats.simulation.checks import check_names
from bnstats.simulation.condition import PlacedCondition
from bnstats.simulation.identity import description, digest, libraries
from bnstats.simulation.progress import Bar
from bnstats.simulation.study import Study
from bnstats.simulation.workers.dispatch import Source, block_source
from bnstats.simulation.workers.remote import Output


class EvidenceBlocks(PlacedCondition):
    """Blocks of the first condition of a study of evidence, until all tests of a step have used them."""

    def __init__(self, study: Study, number: int) -> None:
        check_names(type(study))
        super().__init__(study, study.conditions()[0], (number, 0))
        self.found: dict[int, Mapping[Any, Any]] = {}

    @cached_property
    def key(self) -> str:
        """Key in a store, which holds blocks of all studies of evidence."""
        return digest([description(self.study), super().key])


def draw_evidence(tests: Sequence[SequentialTest], *, seed: int, progress: bool | None, **options: Any) -> None:
    """Draw evidence until each test is decided, or has all evidence that it may have.

    Parameters
    ----------
    tests : list of SequentialTest
        Tests, to which the evidence is added.
    seed, progress, **options
        Options of `bnstats.check_claims`.
    """
    used = dict.fromkeys(study for test in tests if test.ends[-1] for study in test.claim.evidence.studies)
    evidence = {study: EvidenceBlocks(study, number) for number, study in enumerate(used)}
    bar = Bar(len(tests), "claim", progress)
    with block_source(tuple(used), partial(_definition, seed), bar, Output(kept=True), seed=seed, **options) as source:
        for step in range(max(len(test.ends) for test in tests)):
            needed = {test: blocks for test in tests if len(blocks := test.blocks_of(step))}
            for test in _served(needed, evidence, source, bar):
                test.end(step)
                bar.finished(sum(each.decided for each in tests))


def _definition(seed: int) -> dict[str, Any]:
    """Return the facts that all blocks of evidence depend on; others are part of their keys."""
    return {"study": "bnstats.check_claims", "seed": seed} | libraries()


def _served(
    needed: Mapping[SequentialTest, range], evidence: Mapping[Study, EvidenceBlocks], source: Source, bar: Bar
) -> Iterator[SequentialTest]:
    """Add to each test the blocks that it needs, and yield it; each block is simulated once."""
    own = {test: [evidence[study] for study in test.claim.evidence.studies] for test in needed}
    requested: dict[EvidenceBlocks, range] = {}
    last_user = {}
    for test, blocks in needed.items():
        for parts in own[test]:
            requested[parts] = max(requested.get(parts, blocks), blocks, key=len)
            last_user[parts] = test
    with source(list(requested.items())) as simulated:
        for test, blocks in needed.items():
            while any(parts.blocks < blocks.stop for parts in own[test]):
                parts, block, kept = next(simulated)
                parts.found[block], parts.blocks = kept.measures, block + 1
                bar.drew(parts.draws)
            for block in blocks:
                test.add({parts.study: parts.found[block] for parts in own[test]})
            yield test
            for parts in own[test]:
                if last_user[parts] is test:
                    parts.found.clear()

"""The ledger's workers: one that is lost is no failing study, and BLAS has its threads again afterwards."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import BatchStatistic
from bnstats.claims.evidence_blocks import EvidenceBlocks
from bnstats.claims.interval_methods import Bounded
from bnstats.claims.ledger import check_claims
from bnstats.claims.registry import CLAIMS
from bnstats.exceptions import BlockError, WorkersLostError
from bnstats.simulation.workers.single_thread import single_thread


def claim(statistic: Any) -> Claim:
    evidence = BatchStatistic("uniform", 4, statistic).evidence
    return Claim("own", "A statement.", "this test", "a mean", Region.above(0.4), Bounded(0, 1), evidence)


def mean(x: np.ndarray) -> Any:
    return x.mean(axis=1)


def leave(_: np.ndarray) -> Any:
    os._exit(1)


def fail(_: np.ndarray) -> Any:
    raise ArithmeticError("of its own")


def test_processes_give_the_verdict_of_threads() -> None:
    with ProcessPoolExecutor(2) as pool:
        assert check_claims(claim(mean), executor=pool).table.equals(check_claims(claim(mean)).table)


def test_a_worker_that_is_lost_is_no_failing_block() -> None:
    with ProcessPoolExecutor(1) as pool, pytest.raises(WorkersLostError, match="workers were lost"):
        check_claims(claim(leave), executor=pool)


@pytest.mark.parametrize("processes", [False, True])
def test_a_study_that_fails_is_a_failing_block(processes: bool) -> None:
    with ProcessPoolExecutor(1) as pool, pytest.raises(BlockError, match="ArithmeticError: of its own"):
        check_claims(claim(fail), executor=pool if processes else 1)


def test_a_study_that_cannot_be_sent_is_said() -> None:
    with ProcessPoolExecutor(1) as pool, pytest.raises(ValueError, match="study cannot be sent to another process"):
        check_claims(claim(lambda x: x.mean(axis=1)), executor=pool)


def test_built_in_claims_can_be_judged_by_processes() -> None:
    pytest.importorskip("sklearn")  # for their data
    studies = {study for claim in CLAIMS.values() for study in claim.evidence.studies}
    assert len(studies) > 50
    for study in studies:
        assert pickle.loads(pickle.dumps(study)).size(study.conditions()[0]) == study.size(study.conditions()[0])


def test_built_in_claims_can_be_judged_with_a_store() -> None:
    """Each study of evidence has a key of its own, the same for another object that means the same."""
    pytest.importorskip("sklearn")  # for their data
    studies = {study for claim in CLAIMS.values() for study in claim.evidence.studies}
    keys = {study: EvidenceBlocks(study, 0).key for study in studies}
    # Functions with the same arguments bound are other objects that mean the same.
    assert len(set(keys.values())) == len(set(map(repr, studies))) > 90
    for study in list(studies)[:5]:
        assert EvidenceBlocks(pickle.loads(pickle.dumps(study)), 3).key == keys[study]


OTHER_RUN = ExitStack()


def meanwhile(x: np.ndarray) -> Any:
    """During this the other run ends."""
    OTHER_RUN.close()
    return mean(x)


def blas_threads() -> set[int]:
    np.linalg.inv(np.eye(2))
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_a_run_that_ends_meanwhile_leaves_blas_its_threads() -> None:
    """The ledger begins under the limit of that run, which it must not take for what was there before."""
    with threadpool_limits(limits=2, user_api="blas"):
        OTHER_RUN.enter_context(single_thread())
        check_claims(claim(meanwhile), executor=1)
        assert blas_threads() == {2}

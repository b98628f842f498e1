"""Stores of parts of a study make one store, with the bits of a single run."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass

import pandas as pd
import pytest

import bnstats as bn
from benchmarks.damage import Means, measured, outcome
from bnstats.exceptions import BlockError
from bnstats.simulation.storage.merge import merge_stores


def blocks(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT * FROM blocks ORDER BY condition, block").fetchall()


def part(path, sizes, replicates=600, seed=0):
    return bn.run(Means(sizes), max_replicates=replicates, seed=seed, executor=1, store=path).table


def test_merged_parts_are_one_run_to_the_bit(tmp_path):
    part(tmp_path / "a", (2, 3))
    part(tmp_path / "b", (3, 5))
    assert merge_stores(tmp_path / "all", tmp_path / "a", tmp_path / "b") == 30
    before = blocks(tmp_path / "all")
    pd.testing.assert_frame_equal(measured(tmp_path / "all"), measured(None), check_exact=True)
    assert blocks(tmp_path / "all") == before
    measured(tmp_path / "whole")
    assert blocks(tmp_path / "whole") == before
    assert merge_stores(tmp_path / "all", tmp_path / "a", tmp_path / "b") == 0


def test_an_existing_store_is_completed_and_the_others_are_left_alone(tmp_path):
    part(tmp_path / "a", (2,), 300)
    part(tmp_path / "b", (2,), 600)
    content = (tmp_path / "b").read_bytes()
    assert merge_stores(tmp_path / "a", tmp_path / "b") == 5
    assert (tmp_path / "b").read_bytes() == content
    assert blocks(tmp_path / "a") == blocks(tmp_path / "b")


def test_damaged_blocks_are_left_out_and_those_of_the_target_replaced(tmp_path):
    part(tmp_path / "a", (2,))
    part(tmp_path / "b", (2,))
    for name, row in (("a", 3), ("b", 4)):
        with closing(sqlite3.connect(tmp_path / name)) as db:
            db.execute(f"UPDATE blocks SET payload = x'00' WHERE rowid = {row}")
            db.commit()
    with pytest.warns(UserWarning, match="is damaged"):
        assert merge_stores(tmp_path / "a", tmp_path / "b") == 1
    with pytest.warns(UserWarning, match="is damaged"):
        assert merge_stores(tmp_path / "new", tmp_path / "b") == 9
    assert outcome(tmp_path / "a", measured(None)) == outcome(tmp_path / "new", measured(None)) == "same"


def test_blocks_that_differ_in_their_last_digits_are_kept_and_said(tmp_path):
    part(tmp_path / "a", (2,))
    part(tmp_path / "b", (2,))
    from bnstats.simulation.storage.merge import _definition
    from bnstats.simulation.storage.store import Store

    with closing(Store(tmp_path / "b", _definition(tmp_path / "b"))) as other:
        condition = other.places()[0][0]
        other.put(condition, {0: other.payload(condition, 1)})
    before = blocks(tmp_path / "a")
    with pytest.warns(UserWarning, match=r"1 blocks of .*b' differ from the same blocks in .*a', which are kept"):
        assert merge_stores(tmp_path / "a", tmp_path / "b") == 0
    assert blocks(tmp_path / "a") == before


def test_what_cannot_be_merged_is_one_sentence_before_anything_is_copied(tmp_path):
    part(tmp_path / "a", (2,))
    part(tmp_path / "other", (2,), seed=1)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "notes").write_text("grades " * 1000)
    new = tmp_path / "new"
    for others, kind, message in [
        ((), ValueError, "takes the stores to copy from, one or more"),
        ((tmp_path / "a", tmp_path / "missing"), OSError, "missing' does not exist; give"),
        ((tmp_path / "a", tmp_path / "other"), ValueError, "other' holds another study, with seed 1 and not 0; give"),
        ((tmp_path / "empty",), ValueError, "empty' is empty, no bnstats store; leave it out"),
        ((tmp_path / "notes",), ValueError, "notes' is no bnstats store"),
    ]:
        with pytest.raises(kind, match=message):
            merge_stores(new, *others)
        assert not new.exists()
    with pytest.raises(ValueError, match="is both merged and merged into"):
        merge_stores(tmp_path / "a", tmp_path / "a")


def test_jobs_divide_the_blocks_and_their_stores_are_one_run(tmp_path):
    """Each job's own result has its own replicates, and an error larger by about the root of the number of jobs."""
    whole = bn.run(Means(), max_replicates=6000, executor=1).table
    jobs = [
        bn.run(
            Means(), max_replicates=6000, store=tmp_path / f"{job}", executor=bn.JobArray(job, of=3, executor=1)
        ).table
        for job in range(3)
    ]
    assert sum(job["replicates"] for job in jobs).equals(whole["replicates"])
    smooth = whole["summary"] != "median_abs_error"  # the median of few whole numbers is known exactly
    assert (jobs[0]["value"] != jobs[1]["value"])[smooth].all()
    for job in jobs:
        ratio = (job["mcse"] / whole["mcse"])[smooth]
        assert 1.3 < ratio.median() < 2.3
    assert merge_stores(tmp_path / "all", *(tmp_path / f"{job}" for job in range(3))) == 300
    before = blocks(tmp_path / "all")
    merged = bn.run(Means(), max_replicates=6000, executor=1, store=tmp_path / "all").table
    pd.testing.assert_frame_equal(merged, whole, check_exact=True)
    assert blocks(tmp_path / "all") == before


def test_the_block_that_fails_in_a_job_array_is_named_by_its_number_among_all(tmp_path):
    @dataclass(frozen=True)
    class Failing(Means):
        def simulate(self, condition, rng, size):
            raise ZeroDivisionError

    with pytest.raises(BlockError, match="block 2 of condition 0"):
        bn.run(Failing(), max_replicates=6000, store=tmp_path / "s", executor=bn.JobArray(2, of=3, executor=1))


@pytest.mark.parametrize(
    ("share", "options", "message"),
    [
        ((0, 3), {"precision": 0.1, "store": "s"}, "a JobArray needs precision=None, .*; got 0.1"),
        ((0, 3), {}, "a JobArray needs a store, one for each job"),
        ((0, 60), {"store": "s"}, "60 jobs are too many for a condition that has less than 120 blocks"),
        ((3, 3), {}, "index is a whole number from 0 to 2; got 3"),
        ((0, 0), {}, "of is a whole number of at least 1; got 0"),
    ],
)
def test_a_job_array_that_cannot_be_merged_is_refused(tmp_path, monkeypatch, share, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        bn.run(Means(), max_replicates=6000, executor=bn.JobArray(*share), **options)
    assert not list(tmp_path.iterdir())

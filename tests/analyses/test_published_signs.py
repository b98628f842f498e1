"""Published signs: every published number has its place, none counts twice, and ledger and figure have one verdict."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analyses import published_signs
from analyses.breaking import MANY_CLASSES, kinds
from analyses.command_line import Options, options
from analyses.figure_files import FIGURES
from analyses.published_signs import NOT_MEASURED, PUBLISHED, VERDICTS
from bnstats.claims.builtin.published import CLASSES_RATE, DEEP_RATES, RATES, SHIFTS
from bnstats.claims.ledger import check_claims
from bnstats.claims.published import published
from bnstats.claims.registry import CLAIMS


def test_every_published_number_is_compared_or_said_not_to_be() -> None:
    named = [(reference, end) for claim in PUBLISHED.values() for reference, *ends in claim.sources for end in ends]
    assert [len(published(*name)) for name in named] == [1] * len(named)
    rows = pd.concat([published(*name) for name in [*named, *NOT_MEASURED]])
    missing = published("").merge(rows.drop_duplicates(), how="left", indicator=True).query("_merge == 'left_only'")
    assert missing["setting"].tolist() == []


def test_no_measurement_and_no_published_difference_counts_twice() -> None:
    evidence = [claim.evidence for claim in PUBLISHED.values()]
    assert len(set(evidence)) == len(evidence)
    sources = Counter(source for claim in PUBLISHED.values() for source in claim.sources)
    assert max(sources.values()) == 1
    single = [
        set(PUBLISHED[f"test-batch-{name}"].evidence.scope.split("; ")) for name in ("contrast", "noise", "shifts")
    ]
    assert {str(shift) for shift in SHIFTS} <= set.union(*single)
    assert not set.intersection(*single) & {str(shift) for shift in SHIFTS}


def test_papers_that_share_a_line_have_the_sign_that_is_claimed() -> None:
    for claim in PUBLISHED.values():
        (sign,) = {np.sign(gain) for gain in claim.gains}
        assert claim.region.low == 0 if sign > 0 else claim.region.high == 0


def test_learning_rates_are_those_that_other_networks_chose() -> None:
    """Of the same kind, in the figure of remedies."""
    report = (
        pd.read_csv(FIGURES / "remedies.csv").query("stage == 'report'").set_index(["question", "normalizer", "size"])
    )
    chosen = report["learning_rate"]
    for normalizer, rates in RATES.items():
        for n, rate in rates.items():
            assert chosen["equal rows", normalizer, n] == pytest.approx(rate, rel=1e-4), (normalizer, n)
    for n, rate in DEEP_RATES.items():
        assert chosen["deep", "batch", n] == pytest.approx(rate, rel=1e-4), n


def test_no_other_learning_rate_is_clearly_better_for_pairs_of_classes() -> None:
    """One rate for all normalizers there, so that what differs is the normalizer; eight networks tried each of three.

    False alarm: 4.5 standard errors for each of eight comparisons, 3e-5. Power: six points are seen with 0.9.
    """
    rows = pd.read_csv(FIGURES / "breaking.csv").query(f"panel == '{MANY_CLASSES}'")
    rows = rows.assign(normalizer=kinds(rows))
    for normalizer, statistics in (
        ("batch", "running"),
        ("batch", "batch"),
        ("ghost", "running"),
        ("renorm", "running"),
    ):
        tried = rows[(rows["normalizer"] == normalizer) & (rows["statistics"] == statistics)].set_index("learning_rate")
        own = tried.loc[CLASSES_RATE]
        better = tried["value"] - own["value"] > 4.5 * np.hypot(tried["mcse"], own["mcse"])
        assert len(tried) == 3
        assert not better.any(), (normalizer, statistics)


def judged(folder: Path, seed: int = 0) -> pd.DataFrame:
    """A ledger without networks, as it is saved: of every third sign the verdict is another one."""
    table = check_claims(list(PUBLISHED), max_replicates=0, progress=False).table
    table = table.assign(verdict=np.resize(VERDICTS, len(table)), estimate=0.01, low=0.005, high=0.02)
    table.to_csv(folder / "claims.csv", index=False)
    (folder / "claims.json").write_text(json.dumps({"arguments": {"seed": seed}}))
    return table.set_index("claim")


def run_options(folder: Path, *more: str) -> Options:
    return options().parse_args(["--out", str(folder), *more], namespace=Options())


def test_the_figure_shows_the_verdicts_of_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_signs, "check_claims", pytest.fail)
    ledger = judged(tmp_path)
    found = published_signs.simulate(run_options(tmp_path))
    assert sorted(found["claim"]) == sorted(PUBLISHED)
    assert found.set_index("claim")["verdict"].to_dict() == ledger["verdict"].to_dict()
    assert found["verdict"].tolist() == sorted(found["verdict"], key=VERDICTS.index)
    assert found[["estimate", "low", "high"]].to_numpy() == pytest.approx(np.tile([1.0, 0.5, 2.0], (len(found), 1)))
    assert (found["why"] == "")[found["verdict"] == "the same here"].all()
    published_signs.plot(found)


def test_without_a_ledger_of_that_seed_signs_are_judged_as_the_ledger_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same networks, and the same share of the error for each claim."""
    judged(tmp_path, seed=1)
    asked = {}

    def spy(claims: list[str], **given: object) -> object:
        asked.update(given, claims=claims)
        return check_claims(claims, max_replicates=0, progress=False)

    monkeypatch.setattr(published_signs, "check_claims", spy)
    found = published_signs.simulate(run_options(tmp_path, "--jobs", "1"))
    assert (found["verdict"] == "undecided here").all()
    assert asked["claims"] == list(PUBLISHED)
    assert (asked["seed"], asked["max_replicates"]) == (0, None)
    assert asked["false_verdicts"] / len(PUBLISHED) == pytest.approx(1e-3 / len(CLAIMS))


def test_the_committed_figure_and_the_committed_ledger_have_the_same_verdicts() -> None:
    """Whoever makes the ledger again makes the figure of published signs again, from it."""
    ledger = pd.read_csv(FIGURES / "claims.csv").set_index("claim")
    figure = pd.read_csv(FIGURES / "published_signs.csv").set_index("claim")
    assert sorted(figure.index) == sorted(PUBLISHED)
    same = ledger.reindex(figure.index)
    assert (same["verdict"] == figure["verdict"]).all()
    assert (100 * same["estimate"]).to_numpy() == pytest.approx(figure["estimate"].to_numpy(), rel=1e-4)


def test_a_published_sign_is_never_refuted() -> None:
    table = check_claims(list(PUBLISHED), max_replicates=0, progress=False).table
    assert set(table["verdict"]) == {"undecided here"}
    assert set(CLAIMS["group-norm-at-8"].words.values()) == {"the same here", "opposite here", "undecided here"}

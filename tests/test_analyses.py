"""Every analysis with --quick: what it writes, where, and that it writes the same again."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analyses import __main__ as everything
from analyses import frame

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quick version of every analysis, written beside a full result that it must leave alone."""
    folder = tmp_path_factory.mktemp("figures")
    (folder / "convergence.csv").write_text("full")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame, "FIGURES", folder)
        everything.main(["--quick"])
    assert (folder / "convergence.csv").read_text() == "full"
    assert sorted(path.name for path in folder.iterdir()) == ["convergence.csv", "quick"]
    return folder / "quick"


def test_all_analyses_are_listed() -> None:
    scripts = {path.stem for path in (ROOT / "analyses").glob("*.py")} - {"__init__", "__main__", "frame"}
    assert scripts == set(everything.NAMES)


@pytest.mark.parametrize("name", everything.NAMES)
def test_an_analysis_writes_figure_numbers_and_provenance(figures: Path, name: str) -> None:
    assert (figures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert b"Software" not in (figures / f"{name}.png").read_bytes()
    record = json.loads((figures / f"{name}.json").read_text())
    assert record["arguments"] == {"quick": True, "seed": 0, "precision": None}
    assert {"bnstats", "numpy", "python"} <= set(record["versions"])
    assert sorted(figures.glob(".*")) == []


@pytest.mark.parametrize("name", everything.NAMES)
def test_the_numbers_agree_with_theory(figures: Path, name: str) -> None:
    """All cells with an exact value: a family-wise false alarm of 1e-8, split evenly.

    Power: the same numbers with an error of one part in ten are rejected.
    """
    table = pd.read_csv(figures / f"{name}.csv")
    known = table[table["exact"].notna() & np.isfinite(table["mcse"]) & (table["mcse"] > 0)]
    assert len(known) > 10
    bound = stats.norm.isf(1e-8 / 2 / len(known))
    assert (abs(known["value"] - known["exact"]) / known["mcse"]).max() < bound
    assert (abs(known["value"] - 1.1 * known["exact"]) / known["mcse"]).max() > bound


@pytest.mark.parametrize("name", everything.NAMES)
def test_replot_draws_the_same_picture(figures: Path, name: str) -> None:
    before = (figures / f"{name}.png").read_bytes()
    importlib.import_module(f"analyses.{name}").main(["--replot", "--out", str(figures)])
    assert (figures / f"{name}.png").read_bytes() == before


def test_results_are_the_same_with_one_job_and_from_a_store(figures: Path, tmp_path: Path) -> None:
    """To the bit, whichever cores did the work, and when the second run finds all blocks of the first."""
    for folder in ("first", "second"):
        arguments = ["--quick", "--jobs", "1", "--store", str(tmp_path / "store"), "--out", str(tmp_path / folder)]
        importlib.import_module("analyses.running_stats").main(arguments)
        written = (tmp_path / folder / "running_stats.csv").read_bytes()
        assert written == (figures / "running_stats.csv").read_bytes()


def test_mistakes_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        everything.main(["convergance"])
    assert "no analysis convergance" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        importlib.import_module("analyses.convergence").main(["--replot", "--out", str(tmp_path)])
    assert "run once without --replot" in capsys.readouterr().err


@pytest.mark.parametrize("name", everything.NAMES)
def test_every_committed_figure_has_its_numbers_and_was_made_in_full(name: str) -> None:
    for ending in ("png", "csv", "json"):
        assert (ROOT / "figures" / f"{name}.{ending}").exists()
    assert json.loads((ROOT / "figures" / f"{name}.json").read_text())["arguments"]["quick"] is False

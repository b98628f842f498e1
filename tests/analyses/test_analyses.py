"""Every analysis with --quick: what it writes, where, and that it writes the same again."""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats

import bnstats as bn
from analyses import __main__ as everything
from analyses import command_line, figure_files

ROOT = Path(__file__).resolve().parent.parent.parent
# Analyses of which many numbers are known exactly.
WITH_THEORY = ("convergence", "letter_grades", "running_stats")


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quick version of every analysis, one by one, without a warning, beside a full result that it leaves alone."""
    folder = tmp_path_factory.mktemp("figures")
    (folder / "convergence.csv").write_text("full")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command_line, "FIGURES", folder)
        everything.main(["--quick", "--jobs", "1"])
    assert (folder / "convergence.csv").read_text() == "full"
    assert sorted(path.name for path in folder.iterdir()) == ["convergence.csv", "quick"]
    return folder / "quick"


def test_all_analyses_are_listed() -> None:
    scripts = {path.stem for path in (ROOT / "analyses").glob("[!_]*.py") if "\ndef simulate(" in path.read_text()}
    without_torch = {"audit", "monitor"} if importlib.util.find_spec("torch") is None else set()
    assert set(everything.MODULES) == scripts - without_torch


@pytest.mark.parametrize("name", everything.MODULES)
def test_an_analysis_writes_figure_numbers_and_provenance(figures: Path, name: str) -> None:
    assert (figures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (figures / f"{name}.narrow.png").read_bytes().startswith(b"\x89PNG")
    assert b"Software" not in (figures / f"{name}.png").read_bytes()
    record = json.loads((figures / f"{name}.json").read_text())
    assert record["arguments"] == {"quick": True, "seed": 0, "precision": None}
    assert {"bnstats", "numpy", "scikit-learn", "python"} <= set(record["versions"])
    assert "pytest" not in record["versions"]
    assert record["cpu_seconds"] > 0
    assert re.fullmatch(r"[0-9a-f]{40}\+?", record["commit"])
    assert sorted(figures.glob(".*")) == []


def test_all_that_the_full_convergence_measures_has_a_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick version measures what the figure shows: names of the others are those of populations and estimators."""

    class Measured:
        def __init__(self, populations: dict[str, object], estimators: tuple[str, ...], **_: object) -> None:
            rows = [(p, e, 1.0, 0.1, 1.0) for p in populations for e in estimators]
            self.table = pd.DataFrame(rows, columns=["population", "estimator", "value", "mcse", "exact"])

        def rates(self) -> pd.DataFrame:
            return self.table

    monkeypatch.setattr(bn, "measure_convergence", Measured)
    full = command_line.options().parse_args([], namespace=command_line.Options())
    found = everything.MODULES["convergence"].simulate(full).query("kind == 'error'")
    assert (found["unit"] > 0).all()
    assert not found.duplicated(["panel", "population", "estimator"]).any()


@pytest.mark.parametrize("name", WITH_THEORY)
def test_the_numbers_agree_with_theory(figures: Path, name: str) -> None:
    """All conditions with an exact value: a family-wise false alarm of 1e-8, split evenly.

    Power: the same numbers with an error of one part in ten are rejected.
    """
    table = pd.read_csv(figures / f"{name}.csv")
    known = table[table["exact"].notna() & np.isfinite(table["mcse"]) & (table["mcse"] > 0)]
    assert len(known) > 10
    bound = stats.norm.isf(1e-8 / 2 / len(known))
    assert (abs(known["value"] - known["exact"]) / known["mcse"]).max() < bound
    assert (abs(known["value"] - 1.1 * known["exact"]) / known["mcse"]).max() > bound


@pytest.mark.parametrize("name", everything.MODULES)
def test_replot_draws_the_same_picture_whose_title_claims_nothing(
    figures: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a module that has simulated nothing: its globals are new.

    One of the two pictures will do: both are of one figure.
    """
    before, drawn = (figures / f"{name}.png").read_bytes(), list[Figure]()
    monkeypatch.delitem(sys.modules, f"analyses.{name}")
    monkeypatch.setattr(figure_files.plt, "close", drawn.append)
    monkeypatch.setattr(figure_files, "_narrow", lambda _: (figures / f"{name}.narrow.png").read_bytes())
    importlib.import_module(f"analyses.{name}").main(["--quick", "--replot", "--out", str(figures.parent)])
    assert (figures / f"{name}.png").read_bytes() == before
    assert [" ".join(figure.get_suptitle().split()) for figure in drawn] == [figure_files.QUICK_TITLE]


@pytest.mark.slow
def test_no_byte_changes_at_once_or_from_a_store(figures: Path, tmp_path: Path) -> None:
    """At once, in processes that have simulated nothing else, and when a second run finds all blocks of the first."""
    names = ("memory", "shift")
    kept = ["--quick", "--store", str(tmp_path / "store"), "--out", str(tmp_path)]
    for jobs in ("2", "1"):
        everything.main([*names, *kept, "--jobs", jobs])
        for name in names:
            for ending in ("csv", "png", "narrow.png"):
                assert (tmp_path / "quick" / f"{name}.{ending}").read_bytes() == (
                    figures / f"{name}.{ending}"
                ).read_bytes()


def test_mistakes_end_in_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        everything.main(["convergance"])
    assert "no analysis convergance" in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r"--replot needs .*convergence.csv, .*; run once without --replot"):
        importlib.import_module("analyses.convergence").main(["--replot", "--out", str(tmp_path)])


@pytest.mark.parametrize("name", everything.MODULES)
@pytest.mark.parametrize("broken", [b"", b"a,b\n1,2\n", b"a,b\n1,2,3\n4\n", b"\xff\xfe\x00", b"panel,value\nx,y\n"])
def test_a_broken_csv_ends_in_a_sentence(name: str, broken: bytes, tmp_path: Path) -> None:
    (tmp_path / f"{name}.csv").write_bytes(broken)
    with pytest.raises(SystemExit, match=rf"{name}.csv is not a table that this analysis writes \(.*run once without"):
        everything.main([name, "--replot", "--out", str(tmp_path)])
    assert not (tmp_path / f"{name}.png").exists()


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("option", ["--out", "--store"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_simulated(
    option: str, tiny: list[tuple[str, command_line.Options]], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none")):
        with pytest.raises(SystemExit, match=rf"{option} .* is no folder that can be written \(.+\); name another one"):
            everything.main(["convergence", option, str(folder)])
    assert tiny == []


def test_ctrl_c_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(_: command_line.Options) -> pd.DataFrame:
        raise KeyboardInterrupt

    monkeypatch.setattr(everything.MODULES["convergence"], "simulate", interrupted)
    given = ["convergence", "--out", str(tmp_path)]
    with pytest.raises(SystemExit, match=r"^interrupted; .* with --store FOLDER, a run can be resumed$"):
        everything.main(given)
    with pytest.raises(SystemExit, match=r"^interrupted; .* finished blocks are kept in --store$"):
        everything.main([*given, "--store", str(tmp_path)])


@pytest.mark.usefixtures("tiny")
def test_a_run_says_beforehand_about_how_long_it_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(figure_files, "FIGURES", tmp_path)
    everything.main(["shift", "--jobs", "2", "--out", str(tmp_path)])
    assert capsys.readouterr().out.startswith("shift: how long it takes is known once its figure was made in full\n")
    (tmp_path / "shift.json").write_text('{"analysis": "shift", "cpu_seconds": 240.0}')
    everything.main(["shift", "--jobs", "2", "--out", str(tmp_path)])
    assert capsys.readouterr().out.startswith("shift: about 2.0 minutes with 2 threads\n")
    everything.main(["shift", "--quick", "--out", str(tmp_path)])
    assert capsys.readouterr().out.startswith("shift: a quick version, in seconds\n")


@pytest.fixture
def committed(tiny: list[tuple[str, command_line.Options]], tmp_path: Path) -> Callable[..., str]:
    """Makes `shift`, and returns what git says of its files; they were made with seed 1, by a commit called old."""
    assert tiny == []
    everything.main(["shift", "--seed", "1", "--out", str(tmp_path)])
    record = json.loads((tmp_path / "shift.json").read_text())
    (tmp_path / "shift.json").write_text(json.dumps(record | {"commit": "old"}))
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "made"]):
        subprocess.run([*git, *command], check=True)

    def again(*given: str) -> str:
        everything.main(["shift", "--overwrite", "--out", str(tmp_path), *given])
        return subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout

    return again


def test_where_the_numbers_are_the_same_provenance_stays_and_the_run_says_so(
    committed: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert committed("--seed", "1") == ""
    assert "shift.png, the same to the byte as committed (" in capsys.readouterr().out
    assert "shift.json" in committed("--seed", "2")
    assert "as committed" not in capsys.readouterr().out


def test_provenance_is_written_where_it_is_of_other_arguments_or_damaged(
    committed: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same numbers with another precision, in a picture that was edited, and with a provenance that is none."""
    assert committed("--seed", "1", "--precision", "0.5").split() == ["M", "shift.json"]
    (tmp_path / "shift.png").write_bytes(b"edited")
    assert committed("--seed", "1").split() == ["M", "shift.json"]  # as it lacks the name of its commit, old
    assert "as committed" not in capsys.readouterr().out
    for damaged in ("", "[]", '{"arguments": 3}', '{"sha256": 3}', "\\xff"):
        (tmp_path / "shift.json").write_text(damaged)
        committed("--seed", "1")
        assert json.loads((tmp_path / "shift.json").read_text())["arguments"]["seed"] == 1
    (tmp_path / "shift.json").unlink()
    assert committed("--seed", "1").split() == ["M", "shift.json"]


def test_numbers_are_written_without_their_last_digits() -> None:
    """What another order of sums or another machine changes does not show, and six digits stay."""
    rng = np.random.default_rng(0)
    value = np.concatenate([rng.normal(size=200), 10.0 ** rng.uniform(-9, 9, 200), [0.0, np.inf, np.nan]])
    other = value * (1 + 4e-16) + 1e-17
    written = figure_files.as_csv(pd.DataFrame({"value": value}))
    assert figure_files.as_csv(pd.DataFrame({"value": other})) == written
    assert figure_files.as_csv(pd.DataFrame({"replicates": [2.0**33, np.nan]})).split()[1] == str(2**33)
    read = pd.read_csv(io.StringIO(written), skip_blank_lines=False)["value"]
    np.testing.assert_allclose(read, value, rtol=5e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--precision", "0"], "argument --precision: a relative standard error between 0 and 1; got 0"),
        (["--precision=-0.01"], "got -0.01"),
        (["--precision", "nan"], "got nan"),
        (["--precision", "fine"], "got fine"),
        (["--jobs", "0"], "argument --jobs: a number of threads, at least 1; got 0"),
        (["--seed", "-1"], "argument --seed: a whole number of at least 0; got -1"),
        (["--seed", "1.5"], "got 1.5"),
    ],
)
def test_bad_options_are_refused_before_anything_is_simulated(
    given: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in everything.MODULES.values():
        monkeypatch.setattr(module, "simulate", lambda _: pytest.fail("was simulated"))
        monkeypatch.setattr(module, "plot", lambda _: pytest.fail("was drawn"))
    for main in (everything.main, importlib.import_module("analyses.convergence").main):
        with pytest.raises(SystemExit):
            main(given)
        assert message in capsys.readouterr().err


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, command_line.Options]]:
    """Analyses that only note that they ran, in an empty folder."""
    ran: list[tuple[str, command_line.Options]] = []

    def stand_in(name: str) -> Callable[[command_line.Options], pd.DataFrame]:
        def simulate(options: command_line.Options) -> pd.DataFrame:
            ran.append((name, options))
            return pd.DataFrame({"value": [options.seed]})

        return simulate

    for name, module in everything.MODULES.items():
        monkeypatch.setattr(module, "simulate", stand_in(name))
        monkeypatch.setattr(module, "plot", lambda _: Figure())
    monkeypatch.setattr(command_line, "usable_cores", lambda: 1)  # other processes would not note it here
    monkeypatch.chdir(tmp_path)
    return ran


def test_an_option_may_be_called_as_an_analysis_is(
    tiny: list[tuple[str, command_line.Options]], tmp_path: Path
) -> None:
    everything.main(["--out", "convergence", "running_stats", "--seed", "3", "convergence", "running_stats"])
    assert [name for name, _ in tiny] == ["running_stats", "convergence"]
    assert {(options.seed, options.out) for _, options in tiny} == {(3, Path("convergence"))}
    assert sorted(path.name for path in (tmp_path / "convergence").glob("*.csv")) == [
        "convergence.csv",
        "running_stats.csv",
    ]
    everything.main(["--out", "all"])
    assert [name for name, _ in tiny[2:]] == [name for name in everything.MODULES if name != "claims"]


def test_an_analysis_that_needs_a_package_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(everything.FOUND["audit"], "NEEDS", "no_such_package")
    monkeypatch.delitem(everything.MODULES, "audit", raising=False)
    with pytest.raises(SystemExit):
        everything.main(["audit"])
    assert "the analysis audit needs no_such_package, which is not installed" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny")
def test_quick_results_never_overwrite_full_ones(tmp_path: Path) -> None:
    everything.main(["convergence", "--out", "there", "--seed", "1"])
    everything.main(["convergence", "--out", "there", "--seed", "2", "--quick"])
    assert pd.read_csv(tmp_path / "there" / "convergence.csv")["value"].tolist() == [1]
    assert pd.read_csv(tmp_path / "there" / "quick" / "convergence.csv")["value"].tolist() == [2]


def test_an_analysis_has_its_own_defaults_and_the_command_line_the_last_word(tmp_path: Path) -> None:
    def options(*given: str) -> command_line.Options:
        return command_line.options().parse_args(given, namespace=command_line.Options())

    full, quick = {"precision": 0.01, "steps": 1000}, {"steps": 10}
    plain = {"seed": 0, "executor": None, "store": None}
    assert options().study("x", full=0.01, quick=0.1) == plain | {"precision": 0.01}
    assert options("--quick").study("x", full=0.01, quick=0.1) == plain | {"precision": 0.1}
    assert options().study("x", full=full, quick=quick) == plain | full
    assert options("--quick").study("x", full=full, quick=quick) == plain | quick
    wanted = options("--quick", "--precision", "0.5", "--jobs", "2", "--store", str(tmp_path / "new"))
    held = {"seed": 0, "executor": 2, "store": tmp_path / "new" / "x-quick.sqlite"}
    assert wanted.study("x", full=full, quick=quick) == held | {"precision": 0.5, "steps": 10}


@pytest.mark.parametrize("name", everything.MODULES)
def test_every_committed_figure_has_its_numbers_and_was_made_in_full(name: str) -> None:
    for ending in ("png", "narrow.png", "csv", "json"):
        assert (ROOT / "figures" / f"{name}.{ending}").exists()
    assert json.loads((ROOT / "figures" / f"{name}.json").read_text())["arguments"]["quick"] is False

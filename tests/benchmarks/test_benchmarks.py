"""Benchmarks run: every file is imported, the cheapest are run in a tiny setting, and the table is saved."""

import importlib
import json
import os
import pkgutil
import re
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import benchmarks
import bnstats as bn
from benchmarks import campaigns, coverage, tails
from benchmarks.__main__ import main, printed
from benchmarks.frame import Benchmark, Row, Setting
from benchmarks.registry import BENCHMARKS
from docs.extensions import measured_tables

TINY = Setting(rounds=1, tiny=True)
# Under a few seconds each; the others start processes that import much, or a cluster.
CHEAP = ("loops", "sgemm", "cells", "audit")
OPTIONAL = {"torch", "jax", "distributed"}


@pytest.mark.parametrize("name", [m.name for m in pkgutil.walk_packages(benchmarks.__path__, "benchmarks.")])
def test_every_file_is_imported(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")


@pytest.mark.parametrize("name", CHEAP)
def test_cheap_benchmarks_run(name):
    if BENCHMARKS[name].missing:
        pytest.skip(f"{BENCHMARKS[name].missing[0]} is not installed")
    table = BENCHMARKS[name].table(TINY)
    measured = table[table["rounds"] > 0]
    assert len(measured) > 0
    assert np.isfinite(measured["median"]).all()


def test_draws_are_counted_in_parts_and_tails(tmp_path, monkeypatch):
    """One of 45 p values is below 1e-9 once in 20 million runs; of t with 3 degrees of freedom for 5, most are."""
    monkeypatch.setattr(tails, "LAWS", ("normal", "exponential", "t5"))
    tails.main(["--draws", str(2**21), "--to", str(tmp_path / "tails.csv")])
    table = pd.read_csv(tmp_path / "tails.csv")
    assert len(table) == 3 * (1 + 2 * len(tails.CHANCES))
    assert table["p_value"].min() > 1e-9
    np.testing.assert_allclose(table.loc[table["what"] == "below the quantile of 1e-02", "expected"], 2**21 / 100)

    class Wrong(tails.Law):
        def __init__(self, name, sampler):
            super().__init__(name, sampler)
            self.population = bn.Population.of("t3", sampler=sampler)

    monkeypatch.setattr(tails, "Law", Wrong)
    wrong = pd.DataFrame(tails.judged("t5", "compiled", 2**21, 2026))
    assert (wrong["p_value"] < 1e-9).mean() > 0.5


def test_intervals_are_counted(tmp_path, monkeypatch):
    """Of 20 runs, at least 14 hold the truth but for a chance of 3e-5 a row at 95 %, and 2 rows are judged."""
    monkeypatch.setattr(coverage, "REPLICATES", (250,))
    coverage.main(["--runs", "20", "--to", str(tmp_path / "coverage.csv")])
    table = pd.read_csv(tmp_path / "coverage.csv").set_index(["law", "summary", "control_variate"])
    assert set(table.index.get_level_values("law")) == set(coverage.LAWS)
    assert set(table.index.get_level_values("summary")) == set(coverage.SUMMARIES)
    assert (table["coverage"].loc[[("normal", "mean", False), ("exponential", "se", False)]] >= 0.7).all()
    wrong = [one.assign(value=one["value"] + 1.0) for one in (coverage.one_run(250, seed) for seed in range(5))]
    rows = pd.DataFrame(coverage.counted(wrong, 250)).set_index(["law", "summary"])
    assert (rows.loc[("normal", "mean"), "coverage"] == 0).all()


def test_true_values_are_those_of_many_replicates():
    """Of 10^6 replicates of each law: within 4 %, 7 standard errors of the heaviest; another law is off by more."""
    rng = np.random.default_rng(0)
    for law in coverage.LAWS.values():
        x, control = law.draw(rng, 10**6)
        found = {"mean": x.mean(), "se": x.std(), "rmse": np.sqrt((x**2).mean())}
        found |= {"median_abs_error": np.median(np.abs(x)), "quantile(0.5)": np.median(x)}
        for summary, value in found.items():
            assert value == pytest.approx(law.true(summary), rel=0.04, abs=0.006), summary
        assert abs(control.mean()) < 6 * control.std() / 1000


def test_the_site_shows_every_row_of_the_table_of_coverage():
    saved = measured_tables.BENCHMARKS / "coverage.csv"
    table = pd.read_csv(saved)
    conditions = {(law, n) for law in coverage.LAWS for n in coverage.REPLICATES}
    assert set(zip(table["law"], table["replicates"], strict=True)) == conditions
    assert set(table["summary"]) == set(coverage.SUMMARIES)
    page = measured_tables._measured(saved, measured_tables.COVERAGE)
    cells = np.array(re.findall(r"<td>(.*?)</td>", page)).reshape(-1, len(measured_tables.COVERAGE))
    shown = pd.DataFrame(cells, columns=measured_tables.COVERAGE)
    assert (shown["law"] == table["law"]).all()
    assert (shown["summary"] == table["summary"]).all()
    for name in ("replicates", "runs", "infinite", "coverage", "by_the_normal_law"):
        np.testing.assert_allclose(pd.to_numeric(shown[name]), table[name], atol=5e-5)
    assert "measured/coverage.html" in (Path(measured_tables.__file__).parents[1] / "measured.md").read_text()


def test_the_page_names_the_lowest_rows_whose_moment_is_shown():
    table = pd.read_csv(measured_tables.BENCHMARKS / "coverage.csv")
    low = table[table["moment_shown"] & (table["coverage"] < 0.93)]
    assert set(low["summary"]) == {"mean", "bias", "root_mean"}
    assert low["control_variate"].all()
    assert set(low["law"]) == {"lognormal(0.5)"}
    assert set(low["replicates"]) == {500}


def test_no_two_rows_have_the_same_name():
    names = [row.comparison for benchmark in BENCHMARKS.values() for row in benchmark.rows]
    assert len(set(names)) == len(names)


def test_the_table_and_the_machine_are_saved_without_names_of_places(tmp_path, capsys):
    main(["sgemm", "--rounds", "2", "--tiny", "--to", str(tmp_path / "found")])
    table = pd.read_csv(tmp_path / "found.csv")
    assert list(table.columns) == [
        *("benchmark", "comparison", "what", "unit", "median", "minimum", "maximum", "rounds", "target", "reached"),
    ]
    assert table["rounds"].max() == 2
    record = json.loads((tmp_path / "found.json").read_text())
    assert record["cores"] == os.cpu_count()
    assert {"bnstats", "numpy", "numba", "python", "jax"} <= set(record["versions"])
    written = (tmp_path / "found.json").read_text() + (tmp_path / "found.csv").read_text()
    assert socket.gethostname() not in written
    assert str(Path.home()) not in written
    assert "share of sgemm, 1 layer" in capsys.readouterr().out


@pytest.mark.parametrize(("given", "said"), [(["nothing"], "no benchmark nothing"), (["--rounds", "0"], "at least 1")])
def test_what_cannot_be_run_is_refused(given, said, capsys):
    with pytest.raises(SystemExit):
        main(given)
    assert said in capsys.readouterr().err


def benchmark(measured, **options):
    rows = (Row("fast", "how fast", at_least=2.0), Row("small", "how small", "MB"))
    return Benchmark("made up", rows, lambda _: measured, **options)


def test_a_row_has_the_middle_and_the_ends_of_its_rounds_and_says_whether_the_target_is_reached():
    table = benchmark({"fast": [1.0, 4.0, 3.0], "small": [5.0]}).table(Setting())
    assert table.loc[0, ["median", "minimum", "maximum", "rounds"]].tolist() == [3.0, 1.0, 4.0, 3]
    assert table["target"].tolist() == ["at least 2", ""]
    assert table["reached"].tolist() == ["yes", ""]
    assert benchmark({"fast": [1.0], "small": [5.0]}).table(Setting())["reached"].tolist() == ["no", ""]
    assert Row("", "", at_most=1.0).reached(1.5) == "no"


def test_what_is_not_installed_is_said():
    table = benchmark({}, needs=("no_such_package",)).table(Setting())
    assert table["reached"].tolist() == ["no_such_package not installed"] * 2
    assert "not installed" in printed(table)


def test_rows_that_are_not_measured_are_an_error():
    with pytest.raises(ValueError, match="its rows are"):
        benchmark({"fast": [1.0]}).table(Setting())
    with pytest.raises(ValueError, match="its rows are"):
        benchmark({"quick": [1.0]}).table(TINY)


def test_rows_of_other_benchmarks_are_kept(tmp_path, monkeypatch):
    """A made-up benchmark costs nothing; it stands in the place of one that there is."""
    monkeypatch.setitem(BENCHMARKS, "cells", replace(benchmark({"fast": [1.0], "small": [5.0]}), name="cells"))
    for names in (["sgemm"], ["cells"], ["sgemm"]):
        main([*names, "--rounds", "1", "--tiny", "--to", str(tmp_path / "found")])
    table = pd.read_csv(tmp_path / "found.csv")
    assert table["benchmark"].drop_duplicates().tolist() == ["sgemm", "cells"]
    assert not table["comparison"].duplicated().any()


def test_a_campaign_is_kept_as_rows_that_the_site_shows(tmp_path):
    found = campaigns.rows("a command", "SIGKILL", {"refused": 1, "same": 2}, 0.4)
    campaigns.save(tmp_path / "kills.csv", found)
    table = pd.read_csv(tmp_path / "kills.csv")
    assert table["outcome"].tolist() == ["same", "refused"]
    assert table["number"].tolist() == [2, 1]
    page = measured_tables._measured(tmp_path / "kills.csv", measured_tables.COUNTS)
    assert "<code>a command</code>" in page
    assert page.count("<tr") == 3
    assert "Not measured" in measured_tables._measured(tmp_path / "none.csv", measured_tables.COUNTS)

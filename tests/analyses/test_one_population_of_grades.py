"""The question's own example has one population of grades, and one set of networks: in claims, figures and README."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import bnstats as bn
from analyses import grades_network, letter_grades, mismatch
from analyses.figure_files import FIGURES
from analyses.quotes import numbers_of
from bnstats.claims.builtin.grades import DATA, SIZES, _ceiling
from bnstats.claims.grades import GRADES

AT = "panel == 'sizes' and population == 'normal grades'"


def test_grades_have_mean_72_and_standard_deviation_10() -> None:
    assert (GRADES.mean, GRADES.std) == pytest.approx((72, 10))
    assert DATA.population is GRADES
    assert "grades N(72, 10)" in grades_network.NAMES[grades_network.NORMAL]


@pytest.mark.parametrize("n", SIZES)
def test_the_ceilings_of_the_figure_are_those_of_the_claims(n: int) -> None:
    (ceiling,) = numbers_of("grades_network").query(f"{AT} and statistics == 'ceiling' and batch_size == {n}")["exact"]
    assert ceiling == pytest.approx(_ceiling(n), abs=1e-6)


def test_the_networks_of_the_figure_are_those_of_the_claims() -> None:
    """The same numbers to the bit, so that estimates differ by how many networks they take alone."""
    estimate = bn.check_claims("grades-exceed-ceiling-at-3", max_replicates=8, seed=0).table["estimate"].item()
    how = {"precision": None, "max_replicates": 8, "steps": grades_network.STEPS, "seed": 0}
    data = bn.claims.letter_grades(GRADES, grades_network.NORMAL)
    table = bn.measure_mismatch(data, batch_sizes=3, **grades_network.TRAINING, **how).table
    (value,) = table.query("metric == 'accuracy' and statistics == 'running'")["value"]
    assert value == pytest.approx(estimate, rel=1e-12)


@pytest.mark.parametrize(("mode", "claim"), [("batch", "grades-reach-ceiling"), ("running", "grades-exceed-ceiling")])
@pytest.mark.parametrize("n", SIZES)
def test_the_figure_lies_in_the_intervals_of_the_ledger(n: int, mode: str, claim: str) -> None:
    (value,) = numbers_of("grades_network").query(f"{AT} and statistics == '{mode}' and batch_size == {n}")["value"]
    row = numbers_of("claims").set_index("claim").loc[f"{claim}-at-{n}"]
    assert row["low"] < value < row["high"]


def test_letters_are_cut_alike() -> None:
    assert DATA.cuts == letter_grades.CUTS


def test_the_title_of_mismatch_says_which_mode_is_ahead() -> None:
    table = pd.read_csv(FIGURES / "mismatch.csv")
    figure = mismatch.plot(table)
    title = figure.get_suptitle()
    plt.close(figure)
    rows = table.query("panel == 'batch size' and kind == 'score' and depth == 1 and batch_size == 4")
    value = rows.set_index("statistics")["value"]
    ahead = 100 * (value["running"] - value["batch"])
    assert ahead > 0
    assert f"evaluation mode is {ahead:.0f} points ahead of training mode" in title

"""Advice on planned configurations: every number against a formula of its own."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import bnstats as bn
from bnstats.planner.advise import Advice, advise
from bnstats.statistics.running_conventions import Convention

GROWTH = "growth of squared gradients per linear layer, wide limit"


def value(advice: Advice, quantity: str, bound: str = "low") -> float:
    return float(advice.table.set_index("quantity").loc[quantity, bound])


def test_the_numbers_are_those_of_the_textbook() -> None:
    advice = advise(batch_size=16, momentum=0.1, layers=3, steps=20)
    assert value(advice, "error of a batch mean") == pytest.approx(1 / 4)
    assert value(advice, "relative error of a batch variance") == pytest.approx(math.sqrt(2 / 15))
    assert value(advice, "weight of the start values") == pytest.approx(0.9**20)
    noise = sum((0.1 * 0.9**k) ** 2 for k in range(20))
    assert value(advice, "error of the running mean by noise") == pytest.approx(math.sqrt(noise) / 4)
    assert value(advice, "steps until the start values weigh 1 %") == 44  # 0.9^43 = .0108, 0.9^44 = .0097
    assert value(advice, "scale of the last layer in evaluation mode") == pytest.approx((15 / 16) ** 1.5)
    assert value(advice, GROWTH) == pytest.approx(14 / 13, rel=1e-5)
    c4 = stats.chi.mean(15) / math.sqrt(15)
    expected = math.sqrt(1 / 16 + 4 * (1 - c4**2) * 15 / 16)
    assert value(advice, "spread of the raw value behind a normalized 2") == pytest.approx(expected)


def test_a_running_mean_errs_as_the_theory_of_running_statistics_says() -> None:
    advice = advise(batch_size=8, convention="keras", steps=300)
    known = bn.theory.running_error("normal", "mean", 300, batch_size=8, convention="keras")
    assert value(advice, "error of the running mean by noise") == pytest.approx(known.se)


def test_twenty_stacked_layers_shrink_as_users_found() -> None:
    """PyTorch issue 100048: after 2048 updates .3407 remains of .3988, through 20 layers of batches of 64."""
    shrunk = value(advise(batch_size=64, layers=20), "scale of the last layer in evaluation mode")
    assert shrunk == pytest.approx(0.3407 / 0.3988, abs=5e-4)
    assert value(advise(batch_size=64, layers=20, convention="flax"), "scale of the last layer in evaluation mode") == 1


def test_positions_of_an_image_give_a_range() -> None:
    one, image = advise(batch_size=8), advise(batch_size=8, spatial=16)
    error = "error of a batch mean"
    assert value(image, error) == value(one, error)
    assert value(image, error, "high") == pytest.approx(value(one, error) / 4)


def test_units_of_the_population_do_not_matter() -> None:
    grades = bn.Population.of(stats.norm(70, 12))
    assert advise(batch_size=8, population=grades).table.equals(advise(batch_size=8).table) or np.allclose(
        advise(batch_size=8, population=grades).table[["low", "high"]], advise(batch_size=8).table[["low", "high"]]
    )


@pytest.mark.parametrize(
    ("plan", "causes"),
    [
        ({"batch_size": 64}, []),
        ({"batch_size": 2, "momentum": None}, ["small_batch", "variance_convention"]),
        ({"batch_size": 256, "momentum": 0.01, "steps": 100}, ["start_remains"]),
        ({"batch_size": 256, "momentum": 0.1, "steps": 100}, []),
        ({"batch_size": 16}, ["noisy_average"]),
        ({"batch_size": 64, "layers": 20}, ["variance_convention"]),
        ({"batch_size": 64, "layers": 20, "convention": "keras"}, []),
    ],
)
def test_notes_name_what_is_wrong_and_nothing_else(plan: dict[str, Any], causes: list[str]) -> None:
    notes = advise(**plan).notes
    assert [note.partition(":")[0] for note in notes] == causes


@pytest.mark.parametrize("plan", [{"batch_size": 256, "momentum": 0.01, "steps": 100}, {"batch_size": 16}])
def test_what_a_note_advises_removes_it(plan: dict[str, Any]) -> None:
    (note,) = advise(**plan).notes
    number = float(note.split("momentum")[1].split(",")[0].split()[-1])
    assert advise(**{**plan, "momentum": number}).notes == ()
    beyond = number + (-0.002 if "steps" in plan else 0.002)  # no more than is needed is advised
    assert advise(**{**plan, "momentum": beyond}).notes


@pytest.mark.parametrize("convention", ["torch", "keras"])
@pytest.mark.parametrize("n", [2, 3, 16])
def test_the_growth_of_gradients_is_the_limit_that_a_measurement_names(n: int, convention: str) -> None:
    given = {"activations": "linear", "widths": 4, "depths": 3, "max_replicates": 4, "precision": None}
    factors = bn.measure_gradients(batch_sizes=n, convention=convention, **given).factors()
    assert value(advise(batch_size=n, convention=convention), GROWTH) == factors["wide_limit"].item()


def test_the_growth_of_gradients_is_not_given_where_no_formula_holds() -> None:
    """Positions share weights, or values vanish by a large eps."""
    image = advise(batch_size=16, spatial=4)
    assert math.isnan(value(image, GROWTH))
    assert math.isnan(value(image, GROWTH, "high"))
    assert f"{GROWTH}: not known for this plan (factor)" in image.summary()
    assert math.isnan(value(advise(batch_size=16, convention=Convention("own", 0.1, eps=2.0)), GROWTH))


def test_it_speaks_for_itself() -> None:
    advice = advise(batch_size=64, layers=20)
    assert "variance_convention" in advice.summary()
    assert max(map(len, repr(advise(batch_size=64)).splitlines())) <= 80
    assert "<table" in advice._repr_html_()
    assert "Nothing in this plan" in advise(batch_size=64).summary()


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"batch_size": 1}, "batch_size is a whole number of at least 2"),
        ({"batch_size": 8, "spatial": 0}, "spatial is a whole number of at least 1"),
        ({"batch_size": 8, "momentum": 0}, "momentum is the weight of the new batch"),
        ({"batch_size": 8, "tolerance": -1}, "tolerance is an error in standard deviations"),
        ({"batch_size": 8, "population": stats.cauchy()}, "nothing to normalize by"),
        ({"batch_size": 8, "steps": 2.5}, "steps is a whole number"),
    ],
)
def test_bad_plans_are_refused_in_a_sentence(plan: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        advise(**plan)


def test_what_no_member_of_a_small_batch_reaches_is_said() -> None:
    """A member's size is below sqrt(n - 1): 2 in batches of 5; a member of a batch of 2 is -1 or +1, never 0."""
    two, zero = (f"spread of the raw value behind a normalized {z}" for z in (2, 0))
    for n in (2, 4, 5):
        assert math.isnan(value(advise(batch_size=n), two))
        assert math.isnan(value(advise(batch_size=n), zero)) == (n == 2)
    assert value(advise(batch_size=6), two) == pytest.approx(0.694, abs=5e-4)
    assert f"{two}: cannot occur (sd)" in advise(batch_size=4).summary()
    assert f"{zero}: cannot occur, or 0.1768 (sd)" in advise(batch_size=2, spatial=16).summary()


def test_a_spread_that_is_known_of_normal_values_alone_is_not_given_of_others() -> None:
    quantity = "spread of the raw value behind a normalized 0"
    advice = advise(batch_size=8, population="exponential")
    assert math.isnan(value(advice, quantity))
    assert f"{quantity}: not known for this population (sd)" in advice.summary()
    assert value(advise(batch_size=16, population=stats.norm(70, 12)), quantity) == pytest.approx(1 / 4)

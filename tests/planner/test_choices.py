"""Advice is held to simulated running statistics of 50 configurations, which share no formula."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import stats

import bnstats as bn
from bnstats.planner.advise import advise
from bnstats.planner.choices import largest_momentum, recalibration_rows, smallest_batch, trusted_steps

FALSE_ALARM = 1e-6
LAWS = {"normal": stats.norm(), "exponential": stats.expon(), "uniform": stats.uniform(-2, 5)}
CONFIGURATIONS = [
    *[(n, a, law) for n in (4, 8, 16, 64) for a in (0.1, 0.3) for law in LAWS],
    (8, 0.05, "normal"),
]
REPLICATES = 4000


def batches(n: int, law: str, count: int, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    """Means and biased variances of `count` batches, each of all replicates."""
    for _ in range(count):
        x = LAWS[law].rvs(size=(REPLICATES, n), random_state=rng)
        yield x.mean(axis=1), x.var(axis=1)


def squared(mean: Any, var: Any, law: str, n: int, name: str) -> Any:
    """Squared displacement of each replicate, about the expectation of the stored variance."""
    true_mean, true_var = LAWS[law].stats()
    expected = true_var * (1 if name == "torch" else 1 - 1 / n)
    return (mean - true_mean) ** 2 / true_var + (var - expected) ** 2 / (4 * true_var**2)


def value(advice: Any, quantity: str, bound: str = "low") -> float:
    return float(advice.table.set_index("quantity").loc[quantity, bound])


def test_predicted_displacements_are_those_of_simulated_running_statistics() -> None:
    """Two-sided z of 50 means of 4000 replicates; without the excess kurtosis, the prediction is rejected.

    Both frameworks store the variances of the same batches, one of them unbiased.
    """
    z, wrong = [], []
    for k, (n, a, law) in enumerate(CONFIGURATIONS):
        steps, rng = math.ceil(2 / a), np.random.default_rng(k)
        mean = var = 0.0
        for new_mean, new_var in batches(n, law, steps, rng):
            mean, var = (1 - a) * mean + a * new_mean, (1 - a) * var + a * new_var
        whole = 1 - (1 - a) ** steps
        population = bn.Population.of(LAWS[law])
        for name, stored in (("torch", n / (n - 1)), ("keras", 1)):
            found = squared(mean / whole, stored * var / whole, law, n, name)
            told = advise(batch_size=n, momentum=a, convention=name, steps=steps, population=population)
            predicted = value(told, "displacement of the running statistics by noise") ** 2 / whole**2
            normal = advise(batch_size=n, momentum=a, convention=name, steps=steps).plan.displacement(n) ** 2 / whole**2
            se = found.std(ddof=1) / math.sqrt(REPLICATES)
            z.append((found.mean() - predicted) / se)
            wrong.append(((found.mean() - normal) / se, law))
    assert len(z) == 50
    bound = stats.norm.isf(FALSE_ALARM / 2 / len(z))
    assert np.abs(z).max() < bound
    assert min(abs(w) for w, law in wrong if law == "exponential") > bound


@pytest.mark.parametrize("n", [4, 32])
@pytest.mark.parametrize("tolerance", [0.05, 0.02])
def test_rows_of_a_recalibration_bring_the_tolerance(n: int, tolerance: float) -> None:
    """The mean square of 400 channels is within 4.9 standard errors (1e-6) of it; that of half the rows is not."""
    rows = int(value(advise(batch_size=n, tolerance=tolerance), "rows that a recalibration reads"))
    x = np.random.default_rng(n).normal(size=(400, rows // n, n))
    for share, holds in ((1, True), (2, False)):
        part = x[:, : rows // n // share]
        mean, var = part.mean(axis=(1, 2)), part.var(axis=2, ddof=1).mean(axis=1)
        found = mean**2 + (var - 1) ** 2 / 4
        se = found.std(ddof=1) / 20
        assert (found.mean() < tolerance**2 + 4.9 * se) == holds


def test_each_choice_keeps_the_tolerance_and_the_next_one_does_not() -> None:
    for n, tolerance, positions in ((4, 0.05, 1), (16, 0.05, 1), (64, 0.01, 1), (8, 0.05, 16)):
        plan = advise(batch_size=n, tolerance=tolerance, spatial=positions).plan
        for p in {1, positions}:
            a = largest_momentum(plan, p)
            assert a / (2 - a) * plan.batch_noise(n * p) == pytest.approx(tolerance**2)
            rows = int(smallest_batch(plan, p))
            assert plan.convention.plateau * plan.batch_noise(rows * p) <= tolerance**2
            assert (rows - 1) * p < 2 or plan.convention.plateau * plan.batch_noise((rows - 1) * p) > tolerance**2
            batches = recalibration_rows(plan, p) / n
            assert plan.batch_noise(n * p) / batches <= tolerance**2 < plan.batch_noise(n * p) / (batches - 1)


@pytest.mark.parametrize("convention", ["torch", "keras", "cumulative", bn.Convention("own", 0.1, debias=True)])
def test_evaluation_may_be_trusted_when_start_and_noise_are_small(convention: Any) -> None:
    plan = advise(batch_size=16, convention=convention).plan
    steps = int(trusted_steps(plan, 1))
    momentum = plan.convention.momentum
    used = bn.Convention.of(plan.convention, None if momentum is None else min(momentum, largest_momentum(plan, 1)))
    kept = []
    for t in (steps - 1, steps):
        start, *rest = used.weights(max(t, 1))
        kept.append(start < 0.01 and sum(w * w for w in rest) * plan.batch_noise(16) <= plan.tolerance**2 * 1.01)
    assert kept == [False, True]


def test_no_choice_keeps_a_tolerance_where_the_variance_of_a_variance_is_infinite() -> None:
    advice = advise(batch_size=16, population=stats.t(3.5))
    chosen = advice.table.query("kind == 'choose'").set_index("quantity")["low"]
    assert chosen["largest momentum"] == 0
    assert np.isinf(chosen.drop("largest momentum")).all()
    assert "none is enough (rows)" in advice.summary()


@pytest.mark.parametrize(
    "plan", [{"momentum": 1e-300}, {"momentum": 1e-320}, {"tolerance": 1e-100}, {"tolerance": 1e100}]
)
def test_extreme_plans_have_an_answer(plan: dict[str, Any]) -> None:
    """Start values that no number of steps forgets, and tolerances whose squares are hardly floats."""
    chosen = advise(batch_size=4, **plan).table.query("kind == 'choose'")
    assert chosen[["low", "high"]].notna().all(axis=None)
    assert value(advise(batch_size=4, momentum=1e-300), "steps until evaluation mode may be trusted") == math.inf


@pytest.mark.parametrize("tolerance", [1e-300, 1e300, 0.0, math.nan])
def test_a_tolerance_whose_square_is_no_float_is_refused(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance is an error in standard deviations, from 1e-100 to 1e100; got"):
        advise(batch_size=4, tolerance=tolerance)


def test_devices_count_where_they_are_synchronized_and_passes_where_steps_are() -> None:
    alone, together = advise(batch_size=4, devices=8), advise(batch_size=4, devices=8, synchronized=True)
    assert value(alone, "error of a batch mean") == pytest.approx(1 / 2)
    assert value(together, "error of a batch mean") == pytest.approx(1 / math.sqrt(32))
    assert "takes 32 rows, batch norm sees 4" in alone.notes[0]
    assert [note.partition(":")[0] for note in together.notes] == []
    steps = "steps until evaluation mode may be trusted"
    assert value(advise(batch_size=32, accumulate=4), steps) == math.ceil(value(advise(batch_size=32), steps) / 4)
    four = advise(batch_size=32, accumulate=4, steps=10, momentum=0.05)
    assert value(four, "weight of the start values") == pytest.approx(0.95**40)
    assert advise(batch_size=1, devices=2, synchronized=True).plan.rows == 2
    with pytest.raises(ValueError, match="batch_size is a whole number of at least 2, unless synchronized"):
        advise(batch_size=1, devices=2)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"momentum": 0.99}, "Keras's and Flax's 0.99 is 0.01 there"),
        ({"momentum": 0.99, "convention": "keras"}, "Keras's 0.99 is 0.01 here"),
        ({"momentum": 0.1}, None),
        ({"momentum": 0.01, "convention": "keras"}, None),
        ({"momentum": 1.0}, None),
    ],
)
def test_a_momentum_of_another_framework_is_said(plan: dict[str, Any], said: str | None) -> None:
    found = [note for note in advise(batch_size=512, **plan).notes if note.startswith("momentum_of_another")]
    assert [said in note for note in found] == ([] if said is None else [True])


def test_the_command_shows_the_choices_first(capsys: pytest.CaptureFixture[str]) -> None:
    from bnstats.cli import main

    assert main(["advise", "--batch-size", "4", "--devices", "8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "To keep running statistics within 0.05 sd:"
    assert lines[1].startswith("- rows that a recalibration reads: ")
    assert main(["advise", "--batch-size", "1"]) == 2
    assert "bnstats advise: batch_size is a whole number" in capsys.readouterr().err


def test_a_plan_is_drawn_with_its_tolerance_and_momentum() -> None:
    (ax,) = advise(batch_size=8, spatial=4).plot().axes
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["one value per row", "one value per position", "tolerance", "momentum of the plan"]
    line = ax.get_lines()[0]
    at = np.interp(0.1, line.get_xdata(), line.get_ydata())
    assert at == pytest.approx(advise(batch_size=8).plan.displacement(8), rel=1e-3)

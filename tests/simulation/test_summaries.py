"""Summaries: each entry of the registry against a known law, its error against the spread over seeds, and what is 0.

Statistical tests hold 400 independent sets of replicates against a law. The mean of their standardized errors is within
6.2 / sqrt(400) of 0 and their spread within 25 % of 1: false alarms below 1e-8 a test. Power: an error that is 1.5
times too small or too large fails, and so does the law of another summary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bnstats as bn
from bnstats.simulation.replicates.accumulator import Accumulator
from bnstats.simulation.replicates.sample import Sample
from bnstats.simulation.replicates.tally import Tally
from bnstats.simulation.summaries.mcse_of_quantiles import quantile
from bnstats.simulation.summaries.registry import SUMMARIES, summary_of

SETS, REPLICATES = 400, 2000
NORMAL = stats.norm(0.3, 1.0)
TRUE = {
    "mean": 0.3,
    "bias": 0.3,
    "se": 1.0,
    "rmse": math.hypot(0.3, 1.0),
    "root_mean": math.sqrt(2.0),
    "median_abs_error": stats.foldnorm(0.3).median(),
    "quantile(0.05)": NORMAL.ppf(0.05),
    "quantile(0.5)": 0.3,
    "quantile(0.95)": NORMAL.ppf(0.95),
    "coverage": 0.05,
    "rejection_rate": 0.05,
    "relative_error_of_model_se": math.sqrt(2.0) - 1,
    "relative_bias": 0.2,
    "mse": 1.09,
    "model_se": math.sqrt(2.0),
    "failure_rate": 0.05,
}
TARGET = 0.25  # of the replicates for a relative bias


def sample(
    x: np.ndarray,
    model: np.ndarray | None = None,
    value_range: float = math.inf,
    blocks: int = 16,
    target: float = 0.0,
) -> Sample:
    """The replicates, in so many blocks where there are as many."""

    def one(values: np.ndarray, target: float = 0.0) -> Sample:
        accumulator = Accumulator((("x",),))
        for i, block in enumerate(np.array_split(values, min(blocks, len(values)))):
            accumulator.add(i, Tally.of({"x": block}, [target]))
        return replace(accumulator.sample(0), target=target)

    return replace(one(np.asarray(x), target), value_range=value_range, model_se=None if model is None else one(model))


def kind(name: str) -> str:
    """Name what a summary takes: events, estimates with standard errors, positive numbers, or numbers."""
    summary = SUMMARIES[name]
    if summary.of_events:
        return "events"
    if name in ("root_mean", "relative_bias"):
        return {"root_mean": "positive", "relative_bias": "relative"}[name]
    return "estimates" if summary.of_model_se else "numbers"


def draws(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Replicates of a kind; of estimates, the mean square of the standard errors is 2."""
    rng = np.random.default_rng([seed, *kind.encode()])
    if kind == "events":
        return rng.random(REPLICATES) < 0.05, None
    if kind == "positive":
        return rng.exponential(2.0, REPLICATES), None
    x = 0.3 + rng.standard_normal(REPLICATES)
    return x, np.sqrt(rng.exponential(2.0, REPLICATES)) if kind == "estimates" else None


def drawn(kind: str, seed: int) -> Sample:
    return sample(*draws(kind, seed), target=TARGET if kind == "relative" else 0.0)


def true(name: str) -> float:
    """The exact value, or that of all sets together, whose error is a twentieth of a set's."""
    if name in TRUE:
        return TRUE[name]
    x, model = zip(*(draws(kind(name), seed) for seed in range(SETS)), strict=True)
    together = sample(np.concatenate(x), np.concatenate(model) if SUMMARIES[name].of_model_se else None)
    return SUMMARIES[name].of(together.whole())[0]


def test_names_are_those_of_the_entries() -> None:
    assert set(TRUE) <= set(SUMMARIES)
    assert all(summary.name == name for name, summary in SUMMARIES.items())


@pytest.mark.parametrize("of", ["events", "estimates", "positive", "numbers", "relative"])
def test_values_and_errors_are_those_of_a_known_law(of: str) -> None:
    """All summaries of a kind read the same replicates."""
    sets = [drawn(of, seed).whole() for seed in range(SETS)]
    for name in (name for name in SUMMARIES if kind(name) == of):
        value, mcse = np.array([SUMMARIES[name].of(evidence)[:2] for evidence in sets]).T
        z = (value - true(name)) / mcse
        assert abs(z.mean()) < 6.2 / math.sqrt(SETS), name
        assert 0.75 < z.std() < 1.25, name
        wrong = [claim for claim in TRUE.values() if abs(claim - value.mean()) > 10 * mcse.mean()]
        assert all(abs(((value - claim) / mcse).mean()) > 6.2 / math.sqrt(SETS) for claim in wrong), name


@pytest.mark.parametrize("name", SUMMARIES)
def test_leaving_out_a_group_is_the_summary_of_the_rest(name: str) -> None:
    held = drawn(kind(name), 0)
    values = SUMMARIES[name].leaving_out(held)
    spread = math.sqrt(15 / 16 * np.sum((values - values.mean()) ** 2))
    assert 0.4 < spread / SUMMARIES[name].of(held.whole())[1] < 2.0  # a jackknife of 16 groups; factors of 3 are seen


@pytest.mark.parametrize("name", ["mean", "rmse", "median_abs_error", "quantile(0.05)", "coverage"])
def test_nothing_is_left_without_the_only_group(name: str) -> None:
    """The other groups hold nothing, so leaving them out changes nothing."""
    x = np.arange(1000) < 950 if name == "coverage" else np.linspace(-1.0, 2.0, 1000)
    accumulator = Accumulator((("x",),))
    accumulator.add(0, Tally.of({"x": x}, [0.0]))
    held = accumulator.sample(0)
    found = SUMMARIES[name].leaving_out(held)
    assert np.isnan(found[0])
    assert (found[1:] == SUMMARIES[name].of(held.whole())[0]).all()


def test_proportions_have_the_formula_of_table_6() -> None:
    x = np.arange(1000) < 950
    for name in ("coverage", "rejection_rate"):
        assert SUMMARIES[name].of(sample(x).whole())[:2] == (0.95, pytest.approx(math.sqrt(0.95 * 0.05 / 1000)))


def test_the_relative_error_of_a_models_se_has_the_formula_of_table_6() -> None:
    """Of normal estimates; the fourth moment of n is off by sqrt(24 / n) / 2 of the variance, six of them."""
    rng = np.random.default_rng(1)
    x, model = rng.standard_normal(200_000), np.sqrt(rng.exponential(2.0, 200_000))
    value, mcse, _ = SUMMARIES["relative_error_of_model_se"].of(sample(x, model).whole())
    mod, emp, n = math.sqrt((model**2).mean()), x.std(ddof=1), x.size
    assert value == pytest.approx(mod / emp - 1, rel=1e-9)
    formula = mod / emp * math.sqrt((model**2).var() / (4 * n * mod**4) + 1 / (2 * (n - 1)))
    assert mcse == pytest.approx(formula, rel=6 * math.sqrt(24 / n) / 4)


@pytest.mark.parametrize("chance", [0.01, 0.3, 0.5, 0.77, 0.99])
def test_quantiles_of_few_values_are_those_of_numpy(chance: float) -> None:
    """Both signs, atoms at the edges of bins, a gap around 0. Nothing is left to chance."""
    x = np.random.default_rng(2).choice([-8.0, -1.0, -0.3, 0.0, 0.25, 1.0, 7.0], size=4001)
    expected = np.quantile(x, chance, method="inverted_cdf")
    assert quantile(chance).of(sample(x).whole())[0] == expected
    assert quantile(chance).of(sample(-x).whole())[0] == -np.quantile(x, 1 - chance, method="inverted_cdf")


@pytest.mark.parametrize("given", [0.0, 1.0, 1.5, math.nan, "0.5", None, True, [0.5]])
def test_a_quantile_has_a_probability(given: object) -> None:
    with pytest.raises(ValueError, match=r"^probability .* above 0 and below 1; got"):
        bn.summaries.quantile(given)


def test_a_quantile_has_a_name_of_its_own() -> None:
    """Also where six digits are the same, and of a number of any type."""
    near = [0.9, 0.9000001, 1e-07, 1 - 1e-9]
    assert len({quantile(chance).name for chance in near}) == len(near)
    assert [quantile(chance).name for chance in (0.9, np.float64(0.05), np.array(0.5))] == [
        "quantile(0.9)",
        "quantile(0.05)",
        "quantile(0.5)",
    ]


def test_an_unknown_summary_is_refused_with_the_public_names() -> None:
    with pytest.raises(ValueError, match="did you mean 'coverage'"):
        summary_of("coverages")
    with pytest.raises(ValueError, match=r"give a bn\.summaries\.Summary, such as bn\.summaries\.quantile\(0\.9\)"):
        summary_of("gini")
    with pytest.raises(ValueError, match=r"'quantile\(0\.975\)' is no known name; give bn\.summaries\.quantile\("):
        summary_of("quantile(0.975)")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "name is"),
        ({"value": 3}, r"value can be called as f\(replicates\), which returns a number; got 3"),
        ({"mcse": None}, r"mcse can be called as f\(replicates\)"),
        ({"order": -1}, "order is a number, at least 0"),
        ({"order": "2"}, "order is a number"),
        ({"scale": 1.0}, r"scale can be called as f\(replicates\)"),
        ({"df": 7}, r"df can be called as f\(replicates\)"),
        ({"histogram": "no"}, "histogram is True or False"),
    ],
)
def test_a_summary_of_ones_own_is_checked(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        bn.summaries.Summary(**{"name": "own", "value": share, "mcse": share_mcse, "order": 2} | changes)


def share(evidence: bn.summaries.Replicates) -> float:
    return evidence.mean


def share_mcse(evidence: bn.summaries.Replicates) -> float:
    return math.sqrt(evidence.central(2) / evidence.n)


@dataclass(frozen=True)
class Uniform(bn.Study):
    summaries: ClassVar = (
        *("mean", bn.summaries.quantile(0.975), bn.summaries.SUMMARIES["quantile(0.05)"]),
        bn.summaries.Summary("share", share, share_mcse, order=2),
    )

    def conditions(self):
        return [{}]

    def simulate(self, condition, rng, size):
        return {"u": rng.random(size)}


@dataclass(frozen=True)
class Unlisted(Uniform):
    summaries: ClassVar = ("mean",)

    def summaries_of(self, condition, key):
        return ("mean", bn.summaries.quantile(0.975))


def test_a_summary_that_needs_what_is_not_kept_is_refused() -> None:
    """The histogram is kept where `summaries` has a summary that needs it; without, a quantile would be -inf."""
    with pytest.raises(
        ValueError, match=r"^quantile\(0.975\) needs a histogram of .* of Unlisted\.summaries needs it: add it there\."
    ):
        bn.run(Unlisted(), max_replicates=1000, progress=False)


def test_a_study_takes_public_summaries() -> None:
    """Each within 6.5 MCSE of the truth: false alarms below 1e-9 in all. A quantile of 0.95 would be 16 away."""
    table = bn.run(Uniform(), precision=None, max_replicates=100_000, progress=False).table.set_index("summary")
    true = {"mean": 0.5, "quantile(0.975)": 0.975, "quantile(0.05)": 0.05, "share": 0.5}
    assert set(table.index) == set(true)
    for name, truth in true.items():
        assert abs(table.loc[name, "value"] - truth) < 6.5 * table.loc[name, "mcse"]
    assert table.loc["quantile(0.975)", "mcse"] == pytest.approx(math.sqrt(0.975 * 0.025 / 100_000), rel=0.1)
    assert table.loc["share", "value"] == table.loc["mean", "value"]


NUMBERS = [name for name, summary in SUMMARIES.items() if not summary.of_events and not summary.of_model_se]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("x", [0.0, 1.0, 3.0, 100.0])
def test_equal_replicates_of_which_nothing_is_known_have_no_finite_error(name: str, x: float) -> None:
    value, mcse, relative = SUMMARIES[name].of(sample(np.full(20, x)).whole())
    if name in TRUE:
        expected = {"se": 0.0, "root_mean": math.sqrt(x), "mse": x**2, "relative_bias": math.inf if x else math.nan}
        assert value == pytest.approx(expected.get(name, x), nan_ok=True)
    assert mcse == relative == np.inf


@pytest.mark.parametrize("name", NUMBERS)
def test_replicates_that_are_known_not_to_vary_have_no_error(name: str) -> None:
    for x in (np.full(20, 3.0), 3.0 + 1e-12 * np.arange(20)):  # the second are rounded
        assert SUMMARIES[name].of(sample(x, value_range=0.0).whole())[1:] == (0.0, 0.0)


@pytest.mark.parametrize("n", [20, 300, 100_000])
def test_an_event_that_was_not_seen_has_the_rule_of_three(n: int) -> None:
    """What an event of probability 3 / n would have changed, by the definition of each summary."""
    never, p = sample(np.zeros(n, dtype=bool)).whole(), min(1.0, 3 / n)
    changed = {
        "mean": p,
        "bias": p,
        "coverage": p,
        "rejection_rate": p,
        "rmse": p**0.5,
        "root_mean": p**0.5,
        "se": p**0.5,
    }
    for name, error in changed.items():
        assert SUMMARIES[name].of(never)[:2] == (0.0, pytest.approx(error))
        assert SUMMARIES[name].of(never)[2] == np.inf
    always = sample(np.ones(n, dtype=bool)).whole()
    assert SUMMARIES["coverage"].of(always) == (1.0, pytest.approx(p), pytest.approx(p))


def test_two_values_as_frequent_have_an_error() -> None:
    """Their squared deviations are all the same in the sample: to first order nothing is uncertain."""
    x = np.tile([1.0, -1.0], 500)
    assert SUMMARIES["se"].of(sample(x).whole())[1] == pytest.approx(math.sqrt(0.5) / 1000, rel=0.01)
    assert SUMMARIES["rmse"].of(sample(x).whole())[1] == np.inf
    assert SUMMARIES["rmse"].of(sample(x, value_range=2.0).whole())[1] == pytest.approx(0.003 * 8 / 2, rel=0.02)


@dataclass(frozen=True)
class Rare(bn.Study):
    """An event of probability 2^(1 - n), alone, scaled and shifted."""

    summaries: ClassVar = ("mean", "bias", "se", "rmse")

    def conditions(self):
        return [{"n": n} for n in (16, 18, 20)]

    def simulate(self, condition, rng, size):
        event = rng.random(size) < 2.0 ** (1 - condition["n"])
        return {"event": event, "scaled": 100.0 * ~event, "shifted": 3.0 + event}

    def exact(self, condition, key, summary):
        if summary != "mean":
            return math.nan
        p = 2.0 ** (1 - condition["n"])
        return {"event": p, "scaled": 100 * (1 - p), "shifted": 3 + p}[key]


def test_rare_events_raise_no_false_alarm() -> None:
    """At most 0.6 events are expected, so that any that are seen are too few to be far off.

    False alarms: at 1e-6 per family of up to 9 conditions, over 20 seeds below 1e-4. Power: an error of 0 of
    equal replicates fails for most seeds.
    """
    for seed in range(20):
        table = bn.run(Rare(), max_replicates=20_000, seed=seed).table
        assert (table["mcse"] > 0).all()
        known = table[table["exact"].notna() & np.isfinite(table["mcse"])]
        bn.testing.assert_within_mcse(known["value"], known["exact"], known["mcse"])


def test_what_was_not_seen_is_not_reached() -> None:
    with pytest.warns(bn.exceptions.PrecisionWarning):
        table = bn.run(Rare(), precision=0.1, max_replicates=8000, seed=5).table
    unseen = table[(table["n"] == 20) & (table["measure"] != "event")]
    assert np.isinf(unseen["mcse"]).all()
    assert not unseen["precision_reached"].any()


@dataclass(frozen=True)
class Estimates(bn.Study):
    """Means of 10 normal values with their standard errors, and whether 95 % intervals by the t law hold the truth."""

    summaries: ClassVar = ("bias", "relative_error_of_model_se", "coverage", quantile(0.9))

    def conditions(self):
        return [{"size": 10}]

    def simulate(self, condition, rng, size):
        x = rng.standard_normal((size, condition["size"]))
        mean, se = x.mean(axis=1), x.std(axis=1, ddof=1) / math.sqrt(condition["size"])
        half = stats.t.ppf(0.975, condition["size"] - 1) * se
        return {"mean": mean, "se": se, "interval": np.abs(mean) < half}

    def summaries_of(self, condition, key):
        kinds = {"mean": ("bias", "relative_error_of_model_se"), "se": (quantile(0.9),), "interval": ("coverage",)}
        return kinds[key]

    def model_se(self, condition, key):
        return "se" if key == "mean" else None


def test_a_study_of_intervals_in_a_few_lines() -> None:
    """Exact: no bias, no error of the model, coverage 0.95, and a chi law of standard errors. False alarm 1e-6."""
    table = bn.run(Estimates(), max_replicates=100_000).table
    rows = table.set_index(["measure", "summary"])
    exact = pd.Series(
        [0.0, 0.0, math.sqrt(stats.chi2.ppf(0.9, 9) / 9 / 10), 0.95],
        index=pd.MultiIndex.from_tuples(
            [
                ("mean", "bias"),
                ("mean", "relative_error_of_model_se"),
                ("se", "quantile(0.9)"),
                ("interval", "coverage"),
            ]
        ),
    )
    rows = rows.loc[exact.index]
    bn.testing.assert_within_mcse(rows["value"], exact, rows["mcse"])
    with pytest.raises(AssertionError):  # power: the normal quantile instead of the t law's covers 0.918
        bn.testing.assert_within_mcse(rows["value"].iloc[-1], 0.918, rows["mcse"].iloc[-1])


@dataclass(frozen=True)
class OneThenTwo(bn.Study):
    """One summary of the first measure, and several of the second one from the second condition on."""

    summaries: ClassVar = ("mean", "se", "rmse")
    counts: tuple[int, ...]

    def conditions(self):
        return [{"count": count} for count in self.counts]

    def simulate(self, condition, rng, size):
        return {"a": rng.random(size), "b": rng.random(size)}

    def summaries_of(self, condition, key):
        return self.summaries[: 1 if key == "a" else condition["count"]]


def test_every_row_says_which_summary_it_is_where_any_measure_has_several() -> None:
    table = bn.run(OneThenTwo((1, 2)), max_replicates=1000).table
    assert list(table.columns[:4]) == ["count", "measure", "summary", "value"]
    assert table["summary"].tolist() == ["mean", "mean", "mean", "mean", "se"]
    assert "summary" not in bn.run(OneThenTwo((1, 1)), max_replicates=1000).table


@dataclass(frozen=True)
class Wrong(Estimates):
    def summaries_of(self, condition, key):
        return {"mean": ("coverage",)}.get(key, ("bias",))


@dataclass(frozen=True)
class Alone(Estimates):
    def model_se(self, condition, key):
        return None


def test_what_a_summary_needs_is_said() -> None:
    with pytest.raises(ValueError, match=r"proportion of replicates that are True; Wrong.simulate returned numbers"):
        bn.run(Wrong(), max_replicates=1000)
    with pytest.raises(ValueError, match=r"needs the standard errors by the model; let Alone.model_se name"):
        bn.run(Alone(), max_replicates=1000)


@pytest.mark.parametrize("chance", [0.05, 0.95])
def test_a_quantile_that_replicates_do_not_bound_has_no_error(chance: float) -> None:
    """Two standard errors of a proportion, sqrt(n p (1 - p)), are n p replicates for n p = 4 (1 - p): for n = 76."""
    x = np.random.default_rng(0).standard_normal(77)
    assert quantile(chance).of(sample(x[:76]).whole())[1] == math.inf
    assert math.isfinite(quantile(chance).of(sample(x).whole())[1])


@pytest.mark.parametrize(("chance", "n", "blocks"), [(0.05, 250, 8), (0.05, 1000, 2), (0.5, 250, 2), (0.95, 500, 2)])
def test_intervals_of_quantiles_hold_the_truth(chance: float, n: int, blocks: int) -> None:
    """Of 1000 sets of exponential values: fewer than the binomial quantile at 1e-9 for 93 % are no chance.

    Power: with quantiles one standard error away and the normal law, 87 % of 500 values hold the one of 5 %.
    """
    rng, held = np.random.default_rng([n, int(100 * chance)]), []
    for _ in range(1000):
        evidence = sample(rng.exponential(size=n), blocks=blocks).whole()
        value, mcse, _ = quantile(chance).of(evidence)
        half = mcse * stats.t.isf(0.025, quantile(chance).df(evidence))
        held.append(abs(value + math.log1p(-chance)) < half)
    assert sum(held) > stats.binom.ppf(1e-9, 1000, 0.93)


@pytest.mark.parametrize("unit", [1e90, 1e-90])
@pytest.mark.parametrize("name", ["se", "rmse"])
def test_an_error_from_fourth_powers_that_are_no_floats_is_inf(name: str, unit: float) -> None:
    """It was 0, as of numbers that are known exactly, or NaN."""
    x = unit * np.random.default_rng(3).standard_normal(1000)
    value, mcse, relative = SUMMARIES[name].of(sample(x).whole())
    assert value / unit == pytest.approx(SUMMARIES[name].of(sample(x / unit).whole())[0], rel=1e-9)
    assert mcse == relative == np.inf

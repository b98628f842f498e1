"""Monte Carlo errors: calibrated where they are given, not given where so many replicates cannot know them.

Family-wise false alarms: 1e-8 for each test of a random quantity, 1e-7 for the calibration; what is decided by a rule
is compared with the rule's premise, and says so.
"""

import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats

import bnstats as bn
from bnstats.simulation.summaries.registry import SUMMARIES
from bnstats.statistics.estimators import ESTIMATORS, inv_std
from bnstats.statistics.outlier_sensitivity import crowding_power, outlier_powers
from bnstats.studies.convergence.finite_sample_tail_index import finite_sample_tail_index
from bnstats.studies.convergence.study import DRAWS_PER_SET, ConvergenceStudy

FALSE_ALARM = 1e-8
ALL = ("mean", "var", "var_unbiased", "std", "inv_std")


INDEPENDENT = bn.IID()


def measured(population, batch_sizes, estimators, batching=INDEPENDENT, most=2**5, **kwargs):
    given = {"batch_sizes": batch_sizes, "estimators": estimators, "batching": batching, "max_replicates": most}
    return bn.measure_convergence(population, **given, **({"precision": None} | kwargs)).table


def trusted(table):
    """Estimator, batch size and measure of the rows with a finite error."""
    rows = table[np.isfinite(table["mcse"])]
    return set(zip(rows["estimator"], rows["batch_size"], rows["measure"], strict=True))


@dataclass(frozen=True)
class Small(ConvergenceStudy):
    """Blocks of 4 sets, without the histograms of a median error, and several runs in one: 200 take seconds."""

    summaries = ("bias", "se", "rmse")
    runs: int = 1

    def conditions(self):
        each = super().conditions()
        return [{**condition, "run": run} for run in range(self.runs) for condition in each]

    def columns(self, condition):
        return super().columns(condition) | {"run": condition["run"]}

    def size(self, condition):
        return 4


def runs(population, rule, sizes, estimators, count=200):
    """Independent runs, of one block each."""
    study = Small((bn.Population.of(population),), (rule,), sizes, tuple(ESTIMATORS[e] for e in estimators), count)
    return bn.run(study, max_replicates=4, executor=1)


def calibration(z):
    """How far mean and variance of standardized errors are from 0 and 1, in standard errors of their own."""
    return np.array([z.mean() * np.sqrt(z.size), (z.var() - 1) * np.sqrt(z.size / max(np.var((z - z.mean()) ** 2), 2))])


HEAVY = np.random.default_rng(7).standard_t(3, 10**6)
CALIBRATED = {
    "inv_std of normal batches": ("normal", bn.IID(), (32, 128), ("inv_std",)),
    "clustered": ("exponential", bn.Clustered(icc=0.2), (5, 32), ("mean", "var")),
    "autocorrelated": ("uniform", bn.Autocorrelated(phi=0.5), (5, 32), ("mean", "var")),
    "array": (np.arange(50.0) ** 2, bn.IID(), (4, 32), ("mean", "var")),
    "array without replacement": (np.arange(50.0) ** 2, bn.WithoutReplacement(), (4, 30), ("mean", "var")),
}


@pytest.mark.parametrize("case", CALIBRATED)
def test_standardized_errors_have_mean_0_and_variance_1(case):
    """Over 200 runs, in every condition with an exact value; normal bound at 1e-7, split over five cases and their
    conditions.

    Power: an MCSE that is too small by a factor of 2 makes a variance of 4, 7.5 standard errors by its own spread.
    """
    tables = runs(*CALIBRATED[case]).table
    tables = tables[np.isfinite(tables["exact"])]
    conditions = list(tables.groupby(["estimator", "batch_size", "measure"]))
    bound = stats.norm.isf(1e-7 / 5 / (4 * len(conditions)))
    assert len(conditions) >= 5
    for name, rows in conditions:
        assert len(rows) == 200
        z = ((rows["value"] - rows["exact"]) / rows["mcse"]).to_numpy()
        assert np.abs(calibration(z)).max() < bound, name
        assert calibration(2 * z)[1] > bound, name


def test_rare_large_values_of_an_array_are_not_trusted_before_they_are_seen():
    """10^6 draws of t(3): a rule. Its premise: taken at their word, errors of 60 runs are far from standardized."""
    table = measured(HEAVY, [2, 64], ["mean", "var"])
    finite = {row for row in trusted(table) if row[2] != "median_abs_error"}
    assert finite == {("mean", 2, "bias"), ("mean", 64, "bias")}
    z = []
    run = runs(HEAVY, bn.IID(), (64,), ("var",), count=60)
    for row in run.table.index[run.table["measure"] == "se"]:
        value, mcse, _ = SUMMARIES["se"].of(run.samples[row].whole())
        z.append((value - run.table.loc[row, "exact"]) / mcse)
    assert calibration(np.array(z))[0] < -stats.norm.isf(FALSE_ALARM)


def test_an_array_is_trusted_once_each_value_was_drawn_a_hundred_times():
    """2^21 draws of a set give 2^14 batches of 64, so 2^20 values are used: 100 times 10^4, and not 10^5."""
    for size, known in ((10_000, True), (100_000, False)):
        table = measured(np.r_[np.zeros(size - 1), 1.0], 64, ["mean"])
        assert (("mean", 64, "se") in trusted(table)) == known
    light = measured(np.random.default_rng(0).normal(size=20_000), [2, 64], ["mean", "var"])
    assert np.isfinite(light["mcse"]).all()
    discrete = measured({"rare": stats.bernoulli(1e-5), "not rare": stats.bernoulli(0.01)}, 64, ["mean"])
    assert np.isfinite(discrete["mcse"]).groupby(discrete["population"]).sum().to_dict() == {"not rare": 4, "rare": 1}


def test_a_batch_that_leaves_few_values_out_tells_little_of_rare_ones():
    """A rule. Its premise: one of 512 batches leaves the one large value out with a chance of 12 %.

    Power: 4095 draws a batch would be 512 of each value, and enough.
    """
    rare = np.r_[1e3, np.random.default_rng(0).normal(size=2**12 - 1)]
    table = measured(rare, 2**12 - 1, ["mean", "var", "std"], bn.WithoutReplacement())
    assert (table["replicates"] == 2**9).all()
    assert {measure for _, _, measure in trusted(table)} == {"median_abs_error"}
    even = measured(np.arange(100.0), [50, 99], ["mean"], bn.WithoutReplacement())
    assert np.isfinite(even["mcse"]).all()


def test_values_that_crowd_at_a_pole_make_a_heavy_tail():
    """gamma(0.1), 8 values: P(std < h) falls as h^0.8. Premise: binomial bounds of the ratio at h = 1e-3 and 1e-5.

    The n - 1 = 7 of a bounded density would make it 10^-14: with so many replicates, none.
    """
    pole = bn.Population.of(stats.gamma(0.1))
    batches = np.random.default_rng(3).standard_gamma(0.1, (400_000, 8)).std(axis=1)
    wide, narrow = (int((batches < h).sum()) for h in (1e-3, 1e-5))
    low, high = stats.binom.ppf([FALSE_ALARM, 1 - FALSE_ALARM], wide, 100**-0.8 * np.array([0.8, 1.25]))
    assert low <= narrow <= high
    assert stats.binom.sf(0, wide, 1e-14) < FALSE_ALARM
    for n, index in ((8, 0.8), (16, 1.6), (64, 6.4)):
        assert finite_sample_tail_index(pole, bn.IID(), inv_std(eps=0.0), n, 2**18) == pytest.approx(index, rel=0.15)
    assert finite_sample_tail_index(bn.POPULATIONS["normal"], bn.IID(), inv_std(eps=0.0), 16, 2**18) == 15
    table = measured(pole, [16, 64], [inv_std(eps=0.0)])
    assert {(n, measure) for _, n, measure in trusted(table)} == {
        (16, "median_abs_error"),
        *((64, measure) for measure in ("bias", "se", "rmse", "median_abs_error")),
    }


@pytest.mark.parametrize(("rule", "n"), [(bn.Autocorrelated(phi=0.9), 128), (bn.Clustered(icc=0.25), 20)])
def test_batches_of_equal_values_are_too_rare_to_be_seen_and_too_large_to_be_neglected(rule, n):
    """A rule. Its premise: what such batches add to the second moment of inv_std is more than all else."""
    equal = rule.chance_all_equal(bn.POPULATIONS["normal"], n)
    assert 2**14 * equal < 1
    assert equal / 1e-5 > 0.05
    assert trusted(measured("normal", n, "inv_std", rule)) == {("inv_std", n, "median_abs_error")}
    assert len(trusted(measured("normal", n, "inv_std"))) == 4


def test_the_median_falls_on_an_atom_between_densities():
    """Two values of which one repeats the other with probability 0.6 have no spread: the median error is sigma itself.

    Below the atom lie 40 % of the estimates and above it 0.2 %: 2^14 replicates miss it with a chance below 1e-100.
    """
    for population in ("normal", stats.gamma(2.0), "uniform"):
        row = measured(population, 2, "std", bn.Autocorrelated(phi=0.6)).iloc[3]
        assert row["measure"] == "median_abs_error"
        assert row["value"] == pytest.approx(bn.Population.of(population).std, rel=1e-10)
        assert row["mcse"] == 0


@pytest.mark.parametrize("population", ["normal", np.arange(30.0) ** 2, np.random.default_rng(1).normal(1e8, 1.0, 77)])
def test_batches_of_the_whole_population_have_one_error_without_rounding(population):
    """Nothing is random. Power: without the scale, and with the unbiased variance taken for unbiased, it fails."""
    pop = bn.Population.of(population)
    size = 30 if pop.values is None else pop.values.size
    rule = bn.WithoutReplacement(size=size)
    own = bn.Estimator("own", lambda x, axis: np.ptp(x, axis=axis), lambda p: np.ptp(p.values))
    table = measured(pop, size, [*ALL, own], rule)
    assert (table["mcse"] < 1e-9 * pop.var).all()
    bn.testing.assert_within_mcse(table["value"], table["exact"], table["mcse"], scale=rule.source(pop).var)
    biased = table[(table["estimator"] == "var_unbiased") & (table["measure"] == "bias")]
    with pytest.raises(AssertionError):
        bn.testing.assert_within_mcse(biased["value"], 0.0, biased["mcse"], scale=rule.source(pop).var)


@pytest.mark.parametrize("n", [100_000, 2**20, 3_000_000])
def test_large_batches_take_no_more_memory_and_no_more_draws(n):
    """A block in 60 MB; two batches at least, and no more draws than asked for."""
    study = ConvergenceStudy((bn.POPULATIONS["normal"],), (bn.IID(),), (n,), (ESTIMATORS["var"],))
    tracemalloc.start()
    bn.run_block(study, condition=0, block=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    most = max(2**22, 4 * n)
    replicates = measured("normal", n, "var", most=most // 2**16)["replicates"]
    assert (replicates >= 2).all()
    assert (replicates * n <= most + 2**21).all()


def test_batches_drawn_in_pieces_are_batches():
    """n = 2^20 + 3 in two pieces: mean and variance of the batch, to 6 standard errors; half a batch is 300 away."""
    n = 2**20 + 3
    study = ConvergenceStudy((bn.POPULATIONS["exponential"],), (bn.IID(),), (n,), (ESTIMATORS["mean"],))
    (mean,) = bn.run_block(study, condition=0, block=0).values()
    assert len(mean) == study.size(study.conditions()[0]) == 32 * DRAWS_PER_SET // n
    assert np.abs(mean - 1).max() < 6 / np.sqrt(n)


def precision(x, axis):
    return 1 / x.var(axis=axis)


def test_how_an_estimator_grows_is_tried_out():
    own = {f.__name__: bn.Estimator(f.__name__, f, 0.0) for f in (np.mean, np.var, np.median, np.ptp, precision)}
    assert [outlier_powers(own[name], 9)[0] for name in own] == [1, 2, 0, 1, 0]
    assert outlier_powers(own["median"], 9)[:5] == (0, 0, 0, 0, 1)
    assert [crowding_power(own[name], 9) for name in own] == [0, 0, 0, 0, 2]


def test_a_users_estimator_needs_no_moments_that_it_does_not_use():
    """The median of Cauchy batches of 9 has tail index 5, of 3 it has 2; exact spread of the first by its own law."""
    own = bn.Estimator("own", np.median, 0.0)
    table = measured(stats.cauchy(), [3, 9], own)
    assert {(n, measure) for _, n, measure in trusted(table) if measure == "se"} == {(9, "se")}
    rank = stats.beta(5, 5)
    exact = np.sqrt(rank.expect(lambda u: stats.cauchy.ppf(u) ** 2))
    row = table[(table["batch_size"] == 9) & (table["measure"] == "se")].iloc[0]
    bn.testing.assert_within_mcse(row["value"], exact, row["mcse"], FALSE_ALARM)
    with pytest.raises(AssertionError):
        bn.testing.assert_within_mcse(row["value"], 1.1 * exact, row["mcse"], FALSE_ALARM)
    heavy = measured("t3", [64], bn.Estimator("own", np.var, lambda pop: pop.var))
    assert trusted(heavy) == {("own", 64, "median_abs_error")}
    crowded = measured("normal", [4, 64], bn.Estimator("own", precision, 1.0))
    assert {(n, measure) for _, n, measure in trusted(crowded) if measure == "se"} == {(64, "se")}


def test_a_built_in_estimator_with_another_target_has_the_bias_against_that():
    """Power: with the population's own target the bias differs by the distance of the targets."""
    for name in ("mean", "var", "var_unbiased", "std", "inv_std"):
        own = bn.theory.sampling("normal", 8, name)
        target = ESTIMATORS[name].population_value(bn.POPULATIONS["normal"])
        moved = bn.theory.sampling("normal", 8, replace(ESTIMATORS[name], target=target - 0.5))
        assert moved.bias == pytest.approx(own.bias + 0.5, rel=1e-12)
        assert moved.se == own.se
        assert bn.theory.rate("normal", replace(ESTIMATORS[name], target=target - 0.5)) == 0
    array = np.arange(20.0)
    moved = replace(ESTIMATORS["var"], target=30.0)
    table = measured(array, [4], [moved], bn.Clustered(icc=0.2)).iloc[0]
    bn.testing.assert_within_mcse(table["value"], table["exact"], table["mcse"], FALSE_ALARM)
    assert abs(table["exact"] - bn.theory.sampling(array, 4, "var", bn.Clustered(icc=0.2)).bias) > 8 * table["mcse"]

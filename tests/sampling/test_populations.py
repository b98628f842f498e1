"""Populations: exact moments against closed forms written out here, draws against the law they claim, and bad input.

Of the draws, every bound holds at any sample size: the Dvoretzky-Kiefer-Wolfowitz inequality with Massart's constant
for the Kolmogorov-Smirnov distance, Hoeffding's for single values. About 60 tests at 1e-9 each: the file raises a false
alarm less than once in 10 million runs. Power: with 20 000 draws the bound lies at sup |F_n - F| = 0.023, and a sampler
that is off by 0.05 passes with a probability below 2 exp(-2 * 20000 * 0.027²) = 1e-12; each family has a wrong sampler
that must be, and is, further off.
"""

from __future__ import annotations

import pickle
import threading
from math import e, exp, gamma, inf, log, nan, pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import integrate, stats

import bnstats as bn
from bnstats.sampling.generators import samplers
from bnstats.sampling.named_laws import family, normal_mixture, rectified_normal

FALSE_ALARM = 1e-9
DRAWS = 20_000

# Raw moments of max(0, Z) are 1/sqrt(2 pi), 1/2, 2/sqrt(2 pi), 3/2.
_M = 1 / sqrt(2 * pi)
RECTIFIED = (_M, 0.5 - _M**2, 2 * _M - 1.5 * _M + 2 * _M**3, 1.5 - 8 * _M**2 + 3 * _M**2 - 3 * _M**4)
LOGNORMAL_VAR = (e - 1) * e

# Mean; central moments of order 2, 3, 4; tail index; largest atom.
EXACT = {
    "normal": (0, 1, 0, 3, inf, 0),
    "uniform": (1 / 2, 1 / 12, 0, 1 / 80, inf, 0),
    "exponential": (1, 1, 2, 9, inf, 0),
    "lognormal": (
        sqrt(e),
        LOGNORMAL_VAR,
        (e + 2) * sqrt(e - 1) * LOGNORMAL_VAR**1.5,
        (e**4 + 2 * e**3 + 3 * e**2 - 3) * LOGNORMAL_VAR**2,
        inf,
        0,
    ),
    "laplace": (0, 2, 0, 24, inf, 0),
    "bernoulli": (0.1, 0.09, 0.09 * 0.8, 0.09 * (0.9**3 + 0.1**3), inf, 0.9),
    "t5": (0, 5 / 3, 0, 25, 5, 0),
    "t3": (0, 3, nan, inf, 3, 0),
    "t2.5": (0, 5, nan, inf, 2.5, 0),
    "pareto": (3 / 2, 3 / 4, nan, inf, 3, 0),
    "mixture": (2, 5, 0, 3 + 6 * 4 + 16, inf, 0),
    "rectified": (*RECTIFIED, inf, 0.5),
    "contaminated": (0, 0.99 + 0.01 * 100, 0, 3 * (0.99 + 0.01 * 10_000), inf, 0),
}


def moments(pop: bn.Population) -> tuple[float, ...]:
    return pop.mean, pop.var, pop.third_moment, pop.fourth_moment, pop.tail_index, pop.largest_atom


def test_closed_forms_here_are_of_named_populations() -> None:
    assert set(EXACT) <= set(bn.POPULATIONS)


def expectation(law: object, order: int, center: float) -> float:
    """Return a moment about a center: a sum over a discrete law's values, else an integral over its quantiles.

    The integral is taken in the logarithm of the probability of either tail, where the integrand decays exponentially.
    """
    if hasattr(law, "pmf"):
        low, high = law.ppf([1e-18, 1 - 1e-16])  # type: ignore[attr-defined]
        x = np.arange(low, high + 1)
        return float(((x - center) ** order * law.pmf(x)).sum())  # type: ignore[attr-defined]
    t = np.linspace(log(2), 36.0, 20_001)  # of smaller probabilities, 1 - p is 1
    tails = [(quantile(np.exp(-t)) - center) ** order * np.exp(-t) for quantile in (law.ppf, law.isf)]  # type: ignore
    return float(sum(integrate.simpson(tail, x=t) for tail in tails))


@pytest.mark.parametrize("name", bn.POPULATIONS)
def test_moments_of_each_named_population_are_those_of_its_quantiles(name: str) -> None:
    """To a thousandth; and the tail index is that of far quantiles. A new entry needs no closed form here."""
    pop = bn.POPULATIONS[name]
    for order, found in enumerate(moments(pop)[:4], start=1):
        if order > 0.7 * pop.tail_index:
            continue  # the integral converges too slowly, or not at all
        center = pop.mean if order > 1 else 0.0
        scale = pop.std**order if np.isfinite(pop.std) else 1.0
        assert found == pytest.approx(expectation(pop.law, order, center), rel=1e-3, abs=1e-3 * scale)
    assert pop.largest_atom == pytest.approx(max(EXACT.get(name, (0,) * 6)[5], _most_frequent(pop)), abs=0.02)
    if not hasattr(pop.law, "pmf") and np.isinf(pop.support).any():
        slopes = [pop.local_tail_index(p) for p in (1e-3, 1e-6, 1e-12)]
        if np.isinf(pop.tail_index):
            assert slopes[2] > max(6.0, 1.2 * slopes[0])
        else:
            assert slopes[2] == pytest.approx(pop.tail_index, rel=0.05)


def _most_frequent(pop: bn.Population) -> float:
    """The share of the most frequent one of 20 000 draws; 0 if none comes twice."""
    count = np.unique(draw(pop), return_counts=True)[1].max()
    return count / DRAWS if count > 1 else 0.0


@pytest.mark.parametrize("name", EXACT)
def test_moments_are_the_closed_forms(name: str) -> None:
    pop, (mean, var, third, fourth, tail, atom) = bn.POPULATIONS[name], EXACT[name]
    skewness = third / var**1.5 if var < inf else nan
    excess = fourth / var**2 - 3 if var < inf else nan
    expected = (mean, var, third, fourth, tail, atom, skewness, excess, sqrt(var))
    np.testing.assert_allclose(
        (*moments(pop), pop.skewness, pop.excess_kurtosis, pop.std), expected, rtol=1e-9, atol=1e-12
    )


# Family, tail index; mean and variance in closed form where the index allows it.
TAILS = [
    (stats.cauchy(), 1, nan, nan),
    (stats.levy(), 0.5, nan, nan),
    (stats.halfcauchy(), 1, nan, nan),
    (stats.skewcauchy(0.3), 1, nan, nan),
    (stats.alpha(2.0), 1, nan, nan),
    (stats.levy_stable(1.5, 0.0), 1.5, 0, inf),
    (stats.t(1.5), 1.5, 0, inf),
    (stats.t(2.0), 2, 0, inf),
    (stats.t(4.0), 4, 0, 2),
    (stats.t(30.0), 30, 0, 30 / 28),
    (stats.f(5.0, 3.0), 1.5, 3, inf),
    (stats.f(4.0, 7.0), 3.5, 7 / 5, 2 * 7**2 * 9 / (4 * 5**2 * 3)),
    (stats.ncf(3.0, 6.0, 1.0), 3, 2, 9),
    (stats.betaprime(2.0, 3.5), 3.5, 2 / 2.5, 2 * 4.5 / (1.5 * 2.5**2)),
    (stats.invgamma(2.5), 2.5, 1 / 1.5, 1 / (1.5**2 * 0.5)),
    (stats.invweibull(2.5), 2.5, gamma(1 - 1 / 2.5), gamma(1 - 2 / 2.5) - gamma(1 - 1 / 2.5) ** 2),
    (stats.burr(2.0, 3.0), 2, 3 * gamma(0.5) * gamma(3.5) / gamma(4), inf),
    (stats.burr12(2.0, 1.5), 3, 1, 1),
    (stats.lomax(2.5), 2.5, 1 / 1.5, 2.5 / (1.5**2 * 0.5)),
    (stats.genpareto(0.4), 2.5, 1 / 0.6, 1 / (0.6**2 * 0.2)),
    (stats.genpareto(-0.3), inf, 1 / 1.3, 1 / (1.3**2 * 1.6)),
    (stats.fisk(3.0), 3, (pi / 3) / np.sin(pi / 3), 2 * (pi / 3) / np.sin(2 * pi / 3) - (pi / 3 / np.sin(pi / 3)) ** 2),
    (stats.mielke(2.0, 3.0), 3, None, None),
    (stats.jf_skew_t(3.0, 5.0), 6, None, None),
    (stats.nct(4.0, 1.0), 4, sqrt(2) * gamma(1.5) / gamma(2), 4 * 2 / 2 - 2 * gamma(1.5) ** 2),
    (stats.zipf(3.5), 2.5, None, None),
    (stats.yulesimon(3.0), 3, 3 / 2, 9 / 4),
    (stats.foldcauchy(4.7), 1, None, None),
    (stats.levy_l(), 0.5, None, None),
    (stats.rel_breitwigner(36.5), 3, None, None),
    (stats.genpareto(0.1), 10, 1 / 0.9, 1 / (0.9**2 * 0.8)),
    (stats.genextreme(-0.1), 10, None, None),
    (stats.nct(14.0, 0.24), 14, None, None),
    (stats.johnsonsu(0.0, 0.3), inf, None, None),
    (stats.lognorm(1.0), inf, exp(0.5), LOGNORMAL_VAR),
    (stats.lognorm(3.0), inf, exp(4.5), (exp(9) - 1) * exp(9)),
    (stats.invgauss(1.0), inf, 1, 1),
    (stats.weibull_min(0.5), inf, 2, 20),
    (stats.gamma(0.01), inf, 0.01, 0.01),
    (stats.norm(), inf, 0, 1),
]


@pytest.mark.parametrize(
    ("law", "tail", "mean", "var"), TAILS, ids=lambda v: getattr(getattr(v, "dist", None), "name", "")
)
@pytest.mark.parametrize(("loc", "scale"), [(0.0, 1.0), (1e8, 1.0), (-1e8, 1e-3), (1e8, 1e8)])
def test_tail_index_whatever_location_and_scale(
    law: object, tail: float, mean: float | None, var: float | None, loc: float, scale: float
) -> None:
    if hasattr(law, "pmf"):
        law, scale = law.dist(*law.args, loc=loc), 1.0
    else:
        law = law.dist(*law.args, loc=loc, scale=scale)  # type: ignore[attr-defined]
    pop = bn.Population.of(law)
    assert pop.tail_index == pytest.approx(tail, rel=1e-6)
    if mean is not None:
        np.testing.assert_allclose(pop.mean, loc + scale * mean, rtol=1e-9)
    if var is not None:
        np.testing.assert_allclose(pop.var, scale**2 * var, rtol=1e-8)
    assert np.isnan(pop.third_moment) == (tail <= 3)
    assert np.isfinite(pop.fourth_moment) == (tail > 4)
    if tail <= 2:
        assert np.isnan(pop.excess_kurtosis)
    elif tail <= 4:
        assert pop.excess_kurtosis == inf


def test_local_tail_index_nears_the_tail_index_of_a_power_law_and_never_that_of_a_lognormal() -> None:
    for law in (stats.pareto(2.5), stats.t(2.5, loc=1e8, scale=3), stats.invgamma(2.5)):
        pop = bn.Population.of(law)
        local = [abs(pop.local_tail_index(p) - 2.5) for p in (1e-3, 1e-6, 1e-12)]
        assert local[0] > local[1] > local[2]
        assert local[2] < 1e-3
    lognormal = [bn.POPULATIONS["lognormal"].local_tail_index(p) for p in (1e-3, 1e-6, 1e-12)]
    assert lognormal[0] < lognormal[1] < lognormal[2]
    left = bn.Population.of(stats.skewnorm(-5.0))
    assert left.local_tail_index(1e-7) == pytest.approx(bn.Population.of(stats.skewnorm(5.0)).local_tail_index(1e-7))
    assert bn.POPULATIONS["bernoulli"].local_tail_index(1e-7) == inf
    assert bn.Population.of([1.0, 2.0]).local_tail_index(1e-7) == inf


def own_family() -> stats.rv_continuous:
    """A user's family with density 3 x² that bears the name of one of SciPy's."""

    class Cubic(stats.rv_continuous):
        def _cdf(self, x: np.ndarray) -> np.ndarray:
            return x**3

        def _pdf(self, x: np.ndarray) -> np.ndarray:
            return 3 * x**2

    return Cubic(name="gumbel_r", a=0.0, b=1.0)


# The third column is a law that the draws must be told from.
LAWS = [
    *((pop.name, pop.law, None) for pop in bn.POPULATIONS.values()),
    ("gamma", stats.gamma(2.5, loc=-3.0, scale=2.0), stats.gamma(2.5, loc=-3.0, scale=2.6)),
    ("chi2", stats.chi2(3.0), stats.chi2(4.0)),
    ("beta", stats.beta(2.0, 5.0, scale=4.0), stats.beta(5.0, 2.0, scale=4.0)),
    ("f", stats.f(5.0, 3.0), stats.f(3.0, 5.0, scale=2.0)),
    ("t", stats.t(4.0, loc=1.0, scale=0.5), stats.t(4.0, loc=1.0, scale=0.8)),
    ("gumbel_r", stats.gumbel_r(1.0, 2.0), stats.gumbel_l(1.0, 2.0)),
    ("logistic", stats.logistic(-1.0, 3.0), stats.logistic(-1.0, 2.0)),
    ("weibull_min", stats.weibull_min(1.7, 2.0, 3.0), stats.weibull_min(1.7, 2.0, 2.0)),
    ("pareto", stats.pareto(2.5, loc=-1.0, scale=2.0), stats.pareto(1.8, loc=-1.0, scale=2.0)),
    ("lognorm", stats.lognorm(0.5, loc=1.0, scale=2.0), stats.lognorm(0.7, loc=1.0, scale=2.0)),
    ("laplace", stats.laplace(5.0, 0.1), stats.laplace(5.0, 0.2)),
    ("mixture", normal_mixture(0.3, -2.0, 0.5, loc=1.0, scale=2.0), normal_mixture(0.7, -2.0, 0.5, loc=1.0, scale=2.0)),
    ("rectified", rectified_normal(0.7, loc=2.0, scale=3.0), rectified_normal(0.3, loc=2.0, scale=3.0)),
    ("skewnorm", stats.skewnorm(4.0, loc=1e8, scale=1e-3), stats.skewnorm(2.0, loc=1e8, scale=1e-3)),
    ("triang", stats.triang(0.3, loc=-2.0, scale=5.0), stats.triang(0.5, loc=-2.0, scale=5.0)),
    ("gompertz", stats.gompertz(0.5), stats.gompertz(0.8)),
    ("lomax", stats.lomax(2.5), stats.lomax(1.8)),
    ("own", own_family()(loc=1.0, scale=2.0), stats.gumbel_r(loc=1.0, scale=2.0)),
    ("levy_stable", stats.levy_stable(1.5, 0.0), stats.norm()),
    ("jf_skew_t", stats.jf_skew_t(3.0, 5.0, scale=2.0), stats.jf_skew_t(5.0, 3.0, scale=2.0)),
    ("histogram", stats.rv_histogram(([1, 4, 2], [0.0, 1.0, 2.0, 4.0]), density=True)(), stats.uniform(0, 4)),
    ("bernoulli", stats.bernoulli(0.7, loc=2), stats.bernoulli(0.6, loc=2)),
    ("binom", stats.binom(10, 0.3, loc=-4), stats.binom(10, 0.35, loc=-4)),
    ("poisson", stats.poisson(3.5), stats.poisson(3.0)),
    ("nbinom", stats.nbinom(5, 0.4), stats.nbinom(4, 0.4)),
    ("nbinom, not whole", stats.nbinom(2.5, 0.4), stats.nbinom(2.0, 0.4)),
    ("geom", stats.geom(0.3, loc=1), stats.geom(0.3)),
    ("randint", stats.randint(-3, 8), stats.randint(-4, 7)),
    ("hypergeom", stats.hypergeom(20, 7, 12), stats.hypergeom(20, 8, 12)),
    ("zipf", stats.zipf(3.5), stats.zipf(2.5)),
    ("table", stats.rv_discrete(values=([0, 3, 7], [0.2, 0.5, 0.3]))(), stats.randint(0, 8)),
]


def draw(pop: bn.Population, size: int = DRAWS, seed: int = 0) -> np.ndarray:
    out = np.empty(size)
    pop.fill(np.random.default_rng([seed, *pop.name.encode()]), out)
    return out


def distance(draws: np.ndarray, law: object) -> float:
    """sup |F_n - F| over the real line: on either side of each value drawn, as SciPy's cdf is 0 at a support's end."""
    value, count = np.unique(draws, return_counts=True)
    right = np.cumsum(count) / draws.size
    below, above = (
        (np.ceil(value) - 1, value) if hasattr(law, "pmf") else (np.nextafter(value, -inf), np.nextafter(value, inf))
    )
    off = right - law.cdf(above), np.r_[0.0, right[:-1]] - law.cdf(below)  # type: ignore[attr-defined]
    return float(np.abs(off).max())


def bound(draws: int) -> float:
    """Exceeded by sup |F_n - F| with a probability of at most FALSE_ALARM, for any law (Massart 1990)."""
    return sqrt(np.log(2 / FALSE_ALARM) / (2 * draws))


@pytest.mark.parametrize(("name", "law", "wrong"), LAWS, ids=[f"{i}-{row[0]}" for i, row in enumerate(LAWS)])
def test_draws_follow_the_law(name: str, law: object, wrong: object) -> None:
    size = 2_000 if family(law) == "levy_stable" else DRAWS  # SciPy integrates its distribution function numerically
    draws = draw(bn.Population.of(law, name), size)
    assert distance(draws, law) < bound(size)
    if isinstance(wrong, type(None)):
        return
    assert distance(draws, wrong) > bound(size)


@pytest.mark.parametrize("name", bn.POPULATIONS)
def test_a_sampler_with_a_wrong_scale_is_rejected(name: str) -> None:
    draws = draw(bn.POPULATIONS[name])
    assert distance(1.25 * draws + 0.1, bn.POPULATIONS[name].law) > bound(DRAWS)


def test_the_three_kinds_of_samplers_are_all_exercised() -> None:
    kinds = {}
    for name, law, _ in LAWS:
        if family(law) in samplers.STANDARD:
            kinds[name] = "numpy"
        else:
            kinds[name] = "rvs" if samplers._inversion(law.dist(*law.args)) is None else "inversion"  # type: ignore
    assert set(kinds.values()) == {"numpy", "inversion", "rvs"}
    assert {kinds[name] for name in ("skewnorm", "triang", "lomax", "randint", "table", "own")} == {"inversion"}
    assert {family(law) for _, law, _ in LAWS} >= set(samplers.STANDARD)


def test_tails_of_inverted_laws_are_drawn_too() -> None:
    """Of a million draws, those beyond the 1e-4 quantile are binomial: exact bounds at 1e-9, on either side.

    A sampler that cuts its tail there has none, which the bound refuses.
    """
    size, chance = 1_000_000, 1e-4
    low, high = stats.binom.ppf([FALSE_ALARM / 8, 1 - FALSE_ALARM / 8], size, chance)
    assert low > 30
    for law in (stats.lomax(2.5), stats.skewnorm(4.0)):
        draws = draw(bn.Population.of(law), size)
        assert low <= np.count_nonzero(draws > law.isf(chance)) <= high
        assert low <= np.count_nonzero(draws < law.ppf(chance)) <= high
        cut = np.clip(draws, law.ppf(chance), law.isf(chance))
        assert np.count_nonzero(cut > law.isf(chance)) < low


def test_every_value_of_an_array_is_equally_likely() -> None:
    """Hoeffding's inequality for each of 7 values; power: a share of 1/6 or 1/8 in place of 1/7 is refused."""
    values = np.array([3.0, -1.0, 0.0, 1e8, 2.5, 7.0, 4.0])
    size = 200_000
    share = np.mean(draw(bn.Population.of(values), size)[:, None] == values, axis=0)
    off = sqrt(np.log(2 * values.size / FALSE_ALARM) / (2 * size))
    assert np.abs(share - 1 / 7).max() < off
    assert np.abs(share - 1 / 6).min() > off
    assert np.abs(share - 1 / 8).min() > off


def test_a_value_twice_in_an_array_is_twice_as_likely() -> None:
    pop = bn.Population.of([1.0, 1.0, 2.0, 3.0])
    off = sqrt(np.log(2 / FALSE_ALARM) / (2 * DRAWS))
    assert abs(np.mean(draw(pop) == 1.0) - 0.5) < off < abs(np.mean(draw(pop) == 1.0) - 1 / 3)
    assert pop.largest_atom == 0.5


def test_a_filler_fills_any_shape_with_independent_values() -> None:
    for pop in (bn.POPULATIONS["lognormal"], bn.Population.of(stats.triang(0.3)), bn.Population.of([1.0, 2.0, 5.0])):
        flat, square = np.empty(24), np.empty((2, 3, 4))
        pop.fill(np.random.default_rng(1), flat)
        pop.fill(np.random.default_rng(1), square)
        np.testing.assert_array_equal(square.ravel(), flat)


# All but the own family: a class inside a function does not pickle.
@pytest.mark.parametrize(
    "law", [pytest.param(law, id=f"{i}-{name}") for i, (name, law, _) in enumerate(LAWS) if name != "own"]
)
def test_a_pickled_population_draws_the_same_numbers(law: object) -> None:
    pop = bn.Population.of(law)
    draw(pop, 1)
    again = pickle.loads(pickle.dumps(pop))
    assert again == pop
    assert hash(again) == hash(pop)
    np.testing.assert_array_equal(draw(again, 50), draw(pop, 50))


def test_threads_draw_the_same_numbers() -> None:
    pop = bn.Population.of(stats.skewnorm(4.0))
    outs = [np.empty(10_000) for _ in range(4)]
    threads = [threading.Thread(target=pop.fill, args=(np.random.default_rng(3), out)) for out in outs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((out == outs[0]).all() for out in outs)


def test_identity_is_that_of_the_source() -> None:
    of = bn.Population.of
    same = [
        (of("normal"), of(stats.norm())),
        (of(stats.norm(1.0, 2.0)), of(stats.norm(loc=1, scale=2))),
        (of(stats.gamma(2.0, scale=3.0)), of(stats.gamma(a=2, scale=3))),
        (of([1, 2, 3]), of(np.array([1.0, 2.0, 3.0]), "other name")),
        (of(stats.rv_discrete(values=([0, 1], [0.5, 0.5]))()), of(stats.rv_discrete(values=([0, 1], [0.5, 0.5]))())),
    ]
    for one, other in same:
        assert one.identity == other.identity
    sources = [
        *bn.POPULATIONS.values(),
        *map(of, (stats.norm(1), stats.norm(0, 2), stats.t(4), stats.t(6), stats.chi2(4), stats.gamma(4))),
        *map(of, ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 2.0, 3.0, 3.0], [1.0, 2.0, np.nextafter(3.0, 4.0)])),
        of(own_family()()),
        of(stats.gumbel_r()),
        of(stats.rv_discrete(values=([0, 1], [0.5, 0.5]))()),
        of(stats.rv_discrete(values=([0, 1], [0.501, 0.499]))()),
        of(stats.rv_discrete(values=([0, 2], [0.5, 0.5]))()),
        of(stats.rv_histogram(([1, 4, 2], [0.0, 1.0, 2.0, 4.0]), density=True)()),
        of(stats.rv_histogram(([1, 4, 3], [0.0, 1.0, 2.0, 4.0]), density=True)()),
    ]
    assert len({pop.identity for pop in sources}) == len(sources)


def test_equal_populations_have_one_name_and_one_source() -> None:
    assert bn.Population.of("normal") == bn.POPULATIONS["normal"]
    assert bn.Population.of("normal") != bn.Population.of("normal", "other")
    assert bn.Population.of([1.0, 2.0], "x") != bn.Population.of([1.0, 3.0], "x")
    assert bn.Population.of("normal") != "normal"
    assert len({bn.Population.of([1.0, 2.0]), bn.Population.of([1.0, 2.0])}) == 1


def test_a_population_given_is_handed_back() -> None:
    pop = bn.Population.of([1.0, 2.0], "two")
    assert bn.Population.of(pop) is pop
    renamed = bn.Population.of(pop, "deux")
    assert renamed.name == "deux"
    assert renamed.identity == pop.identity


def test_the_array_belongs_to_the_population() -> None:
    values = np.array([1.0, 2.0, 3.0])
    pop = bn.Population.of(values)
    values[:] = 0.0
    assert pop.mean == 2.0
    np.testing.assert_array_equal(np.unique(draw(pop, 1000)), [1.0, 2.0, 3.0])


finite = st.floats(-1e6, 1e6, allow_subnormal=False)
SHAPED = st.sampled_from(["normal", "uniform", "exponential", "lognormal", "laplace", "t5", "mixture", "rectified"])


@given(name=SHAPED, loc=finite, scale=st.floats(1e-3, 1e3))
def test_moments_move_with_location_and_scale(name: str, loc: float, scale: float) -> None:
    base = bn.POPULATIONS[name]
    law = base.law.dist(*base.law.args, loc=loc, scale=scale)
    pop = bn.Population.of(law)
    np.testing.assert_allclose(pop.mean, loc + scale * base.mean, rtol=1e-12, atol=1e-9 * scale)
    for power, moment in ((2, "var"), (3, "third_moment"), (4, "fourth_moment")):
        expected = scale**power * getattr(base, moment)
        np.testing.assert_allclose(getattr(pop, moment), expected, rtol=1e-9, atol=1e-9 * scale**power)
    np.testing.assert_allclose(pop.skewness, base.skewness, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(pop.excess_kurtosis, base.excess_kurtosis, rtol=1e-9, atol=1e-9)
    assert pop.tail_index == base.tail_index
    assert pop.local_tail_index(1e-7) == base.local_tail_index(1e-7)


whole = hnp.arrays(np.float64, st.integers(2, 60), elements=st.integers(-1000, 1000)).filter(lambda x: np.ptp(x) > 0)


@given(whole, st.sampled_from([0.0, 1e8]))
def test_moments_of_an_array_are_those_of_numpy_and_scipy(x: np.ndarray, shift: float) -> None:
    pop = bn.Population.of(x + shift)  # whole numbers: exact after the shift, so the moments are those of x
    assert pop.mean == pytest.approx(x.mean() + shift, rel=1e-15)
    close = {"rtol": 1e-10, "atol": 1e-9}
    np.testing.assert_allclose(pop.var, np.var(x), **close)
    np.testing.assert_allclose(pop.third_moment, stats.moment(x, 3), rtol=1e-10, atol=1e-9 * pop.std**3)
    np.testing.assert_allclose(pop.fourth_moment, stats.moment(x, 4), **close)
    np.testing.assert_allclose(pop.skewness, stats.skew(x), **close)
    np.testing.assert_allclose(pop.excess_kurtosis, stats.kurtosis(x), **close)
    assert pop.tail_index == inf
    assert pop.largest_atom == max(np.mean(x == v) for v in x)


@given(whole, st.integers(2, 50))
def test_quantiles_stand_for_the_population(x: np.ndarray, size: int) -> None:
    chance = (np.arange(size) + 0.5) / size
    np.testing.assert_array_equal(bn.POPULATIONS["laplace"].quantiles(size).values, stats.laplace.ppf(chance))
    if np.ptp(np.quantile(x, chance)) > 0:
        np.testing.assert_array_equal(bn.Population.of(x).quantiles(size).values, np.quantile(x, chance))


def test_names_say_what_they_stand_for() -> None:
    assert bn.Population.of(stats.lognorm(1)).name == "lognorm(1)"
    assert bn.Population.of(stats.norm(scale=2)).name == "norm(scale=2)"
    assert bn.Population.of(stats.expon()).name == "expon"
    assert bn.Population.of([1.0, 2.0]).name.startswith("array[2]-")
    assert bn.Population.of([1.0, 2.0]).name != bn.Population.of([1.0, 3.0]).name


BAD = [
    ("nrmal", "'nrmal' is not known; did you mean 'normal'"),
    ("T5", "did you mean 't5'"),
    ("lognorm", "did you mean 'lognormal'.*Known: normal, uniform"),
    ("", "is not known"),
    (np.ones((3, 4)), r"1-D; got shape \(3, 4\): pass x.ravel\(\)"),
    (5.0, r"1-D; got shape \(\)"),
    ([], "at least 2 values; got 0"),
    ([1.0], "at least 2 values; got 1"),
    ([1.0, nan, inf], r"got 2 NaN or infinite: keep the others with x\[np.isfinite\(x\)\]"),
    ([3.0, 3.0, 3.0], "two different values; all 3 are 3.0: drop this population"),
    (np.array([1 + 2j, 3.0]), "complex128: take its real part"),
    ([object(), None], "holds real numbers; got object: give numbers"),
    (["1", "2"], "give numbers, as pd.to_numeric"),
    (np.array([b"1", b"2"]), "holds real numbers; got .S1: give numbers"),
    (np.array(["2020-01-01", "2020-01-03"], dtype="M8[D]"), "datetime64.D.: give days"),
    ([[1.0], [1.0, 2.0]], "different lengths"),
    (None, "or a name; got NoneType"),
    ({1.0, 2.0}, "or a name; got set"),
    (stats.norm, r"norm is a family .* freeze one, as in stats.norm"),
    (stats.norm([0.0, 1.0]), "give each parameter as one number"),
    (stats.norm(0.0, [1.0, 2.0]), "give each parameter as one number"),
    (stats.gamma([1.0, 2.0]), "give each parameter as one number"),
    (stats.norm(0.0, -1.0), r"norm\(0.0, -1.0\) is not one distribution with valid parameters"),
    (stats.gamma(-1.0), "valid parameters"),
    (stats.norm(nan), "valid parameters"),
    (stats.norm(scale=inf), "valid parameters"),
    (stats.poisson(-2), "valid parameters"),
    (normal_mixture(1.5, 0.0, 1.0), "valid parameters"),
    (normal_mixture(0.5, 0.0, -1.0), "valid parameters"),
    (rectified_normal(inf), "valid parameters"),
]


@pytest.mark.parametrize(("source", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_refused_with_its_mend(source: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bn.Population.of(source)


@pytest.mark.parametrize("scale", [1e160, 1e31, 1e-31, 1e-200, 1e-322])
def test_units_in_which_moments_are_no_floats_are_refused(scale):
    """Of the error of a variance the fourth moment is taken, so deviations to the eighth power."""
    for source in (np.arange(5.0) * scale, stats.norm(scale=scale)):
        with pytest.raises(ValueError, match=r"is between 1e-30 and 1e\+30, .* give the values in another unit"):
            bn.Population.of(source)


@pytest.mark.parametrize("scale", [1e29, 1e-29])
@pytest.mark.parametrize("estimator", ["mean", "var", "var_unbiased", "median", "midrange"])
def test_theory_in_any_unit_that_is_taken_is_that_in_another(scale, estimator):
    power = 2 if "var" in estimator else 1
    for source, scaled in ((np.arange(5.0), np.arange(5.0) * scale), (stats.norm(), stats.norm(scale=scale))):
        one, other = (bn.theory.sampling(s, 4, estimator) for s in (source, scaled))
        expected = [one.bias * scale**power, one.se * scale**power]
        np.testing.assert_allclose([other.bias, other.se], expected, rtol=1e-9, atol=1e-12 * scale**power)


def test_whole_numbers_that_floats_do_not_tell_apart_are_refused():
    with pytest.raises(ValueError, match=r"different numbers are the same float: subtract the smallest"):
        bn.Population.of(2**60 + np.arange(5))
    assert bn.Population.of(2**60 + 2**20 * np.arange(5)).var == 2.0 * 2**40

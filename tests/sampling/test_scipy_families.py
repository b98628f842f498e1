"""Mean, central moments and tail of every SciPy family at its demonstration shapes, against sums and quadrature.

Nothing here is random. Families that SciPy integrates anew for every quantile, seconds each, are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate, special, stats
from scipy.stats._distr_params import distcont, distdiscrete

import bnstats as bn

SLOW = {
    *("argus", "betanbinom", "dpareto_lognorm", "exponpow", "exponweib", "gausshyper", "genexpon"),
    *("genhyperbolic", "geninvgauss", "irwinhall", "kappa4", "ksone", "kstwo", "kstwobign", "landau"),
    *("levy_stable", "nchypergeom_fisher", "nchypergeom_wallenius", "norminvgauss", "powerlognorm", "powernorm"),
    *("recipinvgauss", "skellam", "studentized_range", "tukeylambda", "vonmises"),
}
FAMILIES = [
    pytest.param(getattr(stats, name)(*shapes), id=f"{name}{number}")
    for number, (name, shapes) in enumerate([*distcont, *distdiscrete])
    if isinstance(name, str) and name not in SLOW | {"poisson_binom", "vonmises_line"}
]


def expected(law: Any) -> np.ndarray:
    """Mean and central moments of order 2, 3, 4.

    Sums over a discrete law, integrals over the probability where the support is bounded, as densities may be infinite
    there, and integrals of the density elsewhere.
    """
    nodes, weights = np.polynomial.legendre.leggauss(20)
    if hasattr(law, "pmf"):
        low, high = np.clip(law.support(), -(2**16), 2**16)
        x = np.arange(low, high + 1)
        weight = law.pmf(x)
    elif np.isfinite(law.support()).all():
        half = np.full((1000, 1), 0.0005)
        x = law.ppf((np.arange(1000)[:, None] / 1000 + half * (1 + nodes)).ravel())
        weight = (half * weights).ravel()
    else:
        chance = np.exp(-np.geomspace(np.log(2), 70, 60))
        ends = np.unique(np.concatenate([law.ppf(chance), law.isf(chance)]))
        ends = ends[np.isfinite(ends)]
        half = np.diff(ends)[:, None] / 2
        x = (ends[:-1, None] + half * (1 + nodes)).ravel()
        weight = (half * weights).ravel() * law.pdf(x)
    mean = weight @ x
    return np.array([mean, *(weight @ (x - mean) ** k for k in (2, 3, 4))])


@pytest.mark.parametrize("law", FAMILIES)
@pytest.mark.filterwarnings("ignore")
def test_moments_are_those_of_the_density(law: Any) -> None:
    """Up to the order that the tail has, and no further; a quarter of the order below it, quadrature is exact."""
    population = bn.Population.of(law)
    found = np.array([population.mean, population.var, population.third_moment, population.fourth_moment])
    exists = population.tail_index > np.arange(1, 5)
    np.testing.assert_array_equal(np.isfinite(found), exists)
    sure = population.tail_index > 1.25 * np.arange(1, 5)
    unit = np.nan_to_num(population.std, posinf=1.0, nan=1.0) ** np.arange(1, 5)
    with np.errstate(all="ignore"):
        want = expected(law)
    np.testing.assert_allclose((found / unit)[sure], (want / unit)[sure], rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("law", FAMILIES)
@pytest.mark.filterwarnings("ignore")
def test_tails_are_those_of_far_quantiles(law: Any) -> None:
    """Where quantiles at 1e-12 and 1e-15 lie at a slope, that is the tail index; bounded and light tails have none."""
    if hasattr(law, "pmf"):
        return
    with np.errstate(all="ignore"):
        far = np.abs(np.array([law.isf([1e-12, 1e-15]), law.ppf([1e-12, 1e-15])]) - law.median())
        slopes = np.log(1e3) / np.log(far[:, 1] / far[:, 0])
    slope, tail = np.nanmin(np.where(far[:, 1] > far[:, 0], slopes, np.inf)), bn.Population.of(law).tail_index
    assert (tail == pytest.approx(slope, rel=0.05)) if tail < 10 else slope > 5


def test_what_scipy_gets_wrong() -> None:
    """Exact values: Gamma functions of halfgennorm, quantiles of kappa4 with the tails of genextreme and its mirror."""
    heavy = bn.Population.of(stats.halfgennorm(0.3))
    raw = special.gamma(np.arange(1, 6) / 0.3) / special.gamma(1 / 0.3)
    fourth = raw[4] - 4 * raw[3] * raw[1] + 6 * raw[2] * raw[1] ** 2 - 3 * raw[1] ** 4
    assert heavy.fourth_moment == pytest.approx(fourth, rel=1e-8)
    assert heavy.mean == pytest.approx(raw[1])
    assert bn.Population.of(stats.kappa4(0.0, -0.25)).tail_index == 4
    assert bn.Population.of(stats.genextreme(-0.25)).tail_index == pytest.approx(4)
    assert bn.Population.of(stats.kappa4(-0.5, 0.5)).tail_index == 4
    assert bn.Population.of(stats.kappa4(0.5, 0.1)).tail_index == np.inf
    both = bn.Population.of(stats.kappa4(-0.1, 0.1))
    mean = integrate.quad(lambda p: (1 - ((1 - p**-0.1) / -0.1) ** 0.1) / 0.1, 0, 1)[0]
    assert both.mean == pytest.approx(mean, rel=1e-6)
    assert both.var == pytest.approx(1.4235708, rel=1e-6)
    assert bn.Population.of(stats.betanbinom(5, 9.3, 1)).tail_index == 9.3


def test_a_law_with_a_list_for_a_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match="give each parameter as one number"):
        bn.Population.of(stats.poisson_binom([0.1, 0.6, 0.7, 0.8]))

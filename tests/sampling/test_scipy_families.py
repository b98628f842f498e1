"""Mean, central moments and tail of every SciPy family at its demonstration shapes, against sums and quadrature.

Nothing here is random.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import integrate, special, stats
from scipy.stats._distr_params import distcont, distdiscrete

import bnstats as bn

# SciPy's density of vonmises goes round and round, that of vonmises_line once; poisson_binom takes a list, see below.
# Moments of studentized_range and of ksone are integrals of SciPy's own, as here, and take it 20 and 7 seconds; those
# of kstwo, which are found in the same way, take half of that.
FAMILIES = [
    pytest.param(getattr(stats, name)(*shapes), id=f"{name}{number}")
    for number, (name, shapes) in enumerate([*distcont, *distdiscrete])
    if isinstance(name, str) and name not in {"poisson_binom", "studentized_range", "ksone", "vonmises"}
]


# Quadrature is piecewise, as SciPy gives some laws with a finite end an infinite one, and some densities have corners.
CHANCES = np.array([1e-12, 1e-6, 1e-3, *np.arange(1, 9) / 16])


def expected(law: Any) -> np.ndarray:
    """The whole probability, the mean and the central moments of order 2, 3, 4: by sums, or by quadrature in pieces."""
    if hasattr(law, "pmf"):
        low, high = np.clip(law.support(), -(2**16), 2**16)
        x = np.arange(low, high + 1)
        weight = law.pmf(x)
    else:
        low, high = law.support()
        inner = np.concatenate([law.ppf(CHANCES), law.isf(CHANCES[:-1])[::-1]])
        ends = np.unique([low, *inner[np.isfinite(inner)], high])
        scale = np.ptp(law.ppf([0.25, 0.75]))
        x, rate = np.concatenate([nodes(*piece, scale) for piece in pairwise(ends)], axis=1)
        weight = np.nan_to_num(law.pdf(x) * rate, posinf=0.0)
    mean = weight @ x
    return np.array([weight.sum(), mean, *(weight @ (x - mean) ** k for k in (2, 3, 4))])


def nodes(low: float, high: float, scale: float) -> np.ndarray:
    """Points and weights of double exponential quadrature, for infinite densities and tails (Takahasi & Mori 1974).

    Four times as many points change no moment by more than 6e-6 of itself: kstwo, whose density has the most corners.
    """
    t, step = np.linspace(-4, 4, 51 if np.isfinite(high - low) else 101, retstep=True)
    place, slope = np.pi / 2 * np.sinh(t), np.pi / 2 * np.cosh(t)
    if np.isfinite([low, high]).all():
        x, rate = low + (high - low) * special.expit(2 * place), (high - low) * slope / (2 * np.cosh(place) ** 2)
    else:
        away = scale * np.exp(place)
        x, rate = low + away if np.isfinite(low) else high - away, away * slope
    return np.array([x, step * rate])


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
        total, *want = expected(law)
    assert total == pytest.approx(1, abs=2e-4)
    np.testing.assert_allclose((found / unit)[sure], (np.array(want) / unit)[sure], rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("law", FAMILIES)
@pytest.mark.filterwarnings("ignore")
def test_tails_are_those_far_out(law: Any) -> None:
    """Where far probabilities fall as a power, that is the tail index; bounded and light tails have none."""
    with np.errstate(all="ignore"):
        if hasattr(law, "pmf"):
            near, far = law.pmf([10**6, 10**8])
            slope = np.log(near / far) / np.log(100) - 1 if far > 0 else np.inf
        else:
            # SciPy integrates levy_stable numerically, and not beyond this.
            chances = np.array([1e-4, 1e-5] if law.dist.name == "levy_stable" else [1e-12, 1e-15])
            far = np.abs(np.array([law.isf(chances), law.ppf(chances)]) - law.median())
            slopes = np.log(chances[0] / chances[1]) / np.log(far[:, 1] / far[:, 0])
            slope = np.nanmin(np.where(far[:, 1] > far[:, 0], slopes, np.inf))
    tail = bn.Population.of(law).tail_index
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

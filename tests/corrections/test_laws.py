"""Laws of corrections: each entry of the registry is held to those that it declares, and to those of all corrections.

Nothing here is left to chance but the rows, with fixed seeds. A property that is not declared does not hold, so a law
that cannot fail, or a declaration that is missing, is found.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyed_rows import SIZES, TIMES, rows

from bnstats import corrections
from bnstats.corrections import CORRECTIONS, Correction, Fitted
from bnstats.corrections.properties import PROPERTIES

BATCHWISE = [name for name, c in CORRECTIONS.items() if c.along == "batch"]
TIMEWISE = [name for name, c in CORRECTIONS.items() if c.along == "time"]
AFFINE = [name for name, c in CORRECTIONS.items() if "affine" in c.properties]
# A library's search for an optimum, which stops at a relative error near 1e-5.
TOLERANCES = {"random_intercept": 1e-3}


def close(a: object, b: object, tolerance: float = 1e-9) -> bool:
    return bool(np.allclose(np.asarray(a, float), np.asarray(b, float), rtol=tolerance, atol=tolerance))


def fitted(correction: Correction, features: int = 3) -> tuple[Fitted, np.ndarray, np.ndarray]:
    x, key = rows(correction.along, features)
    return correction.fit(x, key), x, key


def in_batches(correction: Correction, statistic: Callable[[pd.DataFrame], object]) -> np.ndarray:
    """A statistic of each corrected batch; times are no batches."""
    x, key = rows("batch")
    corrected = pd.DataFrame(correction(x, key) if correction.along == "batch" else x)
    return np.stack([np.asarray(statistic(part)) for _, part in corrected.groupby(key)])


# ---- properties that a correction declares


def affine(correction: Correction) -> bool:
    """Halfway between two values of a group, corrected values are halfway, far beyond the fitted values, too."""
    fit, x, key = fitted(correction)
    pairs = [(x - 3.0, x + 5.0), (x + 1000.0, x - 1.0), (x, x + 0.125)]
    return all(close(fit.apply((a + b) / 2, key), (fit.apply(a, key) + fit.apply(b, key)) / 2) for a, b in pairs)


def by_feature(correction: Correction) -> bool:
    fit, x, key = fitted(correction)
    try:
        return all(close(correction(x[:, j], key), fit.apply(x, key)[:, j]) for j in range(x.shape[1]))
    except ValueError:
        return False


def keeps_mean(correction: Correction) -> bool:
    """Variances of the batches differ by factors of up to 25."""
    x, key = rows(correction.along)
    x = x * (1 + pd.factorize(key, sort=True)[0][:, None])
    return close(correction(x, key).mean(axis=0), x.mean(axis=0))


def equal_means(correction: Correction) -> bool:
    means = in_batches(correction, lambda part: part.mean())
    return close(means, np.tile(rows("batch")[0].mean(axis=0), (len(means), 1)))


def equal_variances(correction: Correction) -> bool:
    """They are the pooled variance of the rows."""
    x, key = rows("batch")
    pooled = sum(x[key == b].var(axis=0) * (key == b).sum() for b in np.unique(key)) / (len(x) - len(SIZES))
    variances = in_batches(correction, lambda part: part.var())
    return close(variances, np.tile(pooled, (len(variances), 1)))


def equal_quantiles(correction: Correction) -> bool:
    key = np.tile(np.arange(4), 7)
    x = np.random.default_rng(3).normal(size=(28, 2)) * (1 + key[:, None]) + key[:, None]
    corrected = correction(x, key)
    return all(close(np.sort(corrected[key == b], axis=0), np.sort(corrected[key == 0], axis=0)) for b in range(4))


def shrinks(correction: Correction) -> bool:
    if correction.along == "time" or not correction.applies_to_new:
        return False
    fit, x, key = fitted(correction, features=1)
    one, many = (fit.apply(np.full((n, 1), 70.0), ["new"] * n)[0, 0] for n in (1, 10**6))
    mixed = fit.apply([[x[0, 0]], [70.0]], [key[0], "new"])
    at_level = abs(fit.adapt(np.full((10**6, 1), 70.0), ["new"] * 10**6).effects[0, 0] - (70.0 - x.mean())) < 1.0
    return bool(many < one < 70.0) and close(mixed, [fit.apply(x[:1], key[:1])[0], [one]]) and at_level


def removes_lines(correction: Correction) -> bool:
    line = 3.0 - 0.2 * TIMES
    fit = correction.fit(line, TIMES)
    later = np.array([21.0, 2.25])
    known = close(fit.apply(line, TIMES), line.mean(), 1e-6)
    return known and correction.along == "time" and close(fit.apply(3.0 - 0.2 * later, later), line.mean(), 1e-6)


LAWS: dict[str, Callable[[Correction], bool]] = {
    law.__name__: law
    for law in (affine, by_feature, keeps_mean, equal_means, equal_variances, equal_quantiles, shrinks, removes_lines)
}


def test_each_property_has_a_law_and_an_example() -> None:
    assert list(LAWS) == list(PROPERTIES)
    assert {word for c in CORRECTIONS.values() for word in c.properties} == set(PROPERTIES)


@pytest.mark.parametrize("law", PROPERTIES)
@pytest.mark.parametrize("name", CORRECTIONS)
def test_a_correction_obeys_the_laws_that_it_declares_and_no_other(name: str, law: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of times that are taken for batches of one row
        try:
            holds = LAWS[law](CORRECTIONS[name])
        except ValueError:
            holds = False  # it cannot be fitted to such rows, or applied to new ones
    assert holds == (law in CORRECTIONS[name].properties)


def test_properties_are_known_words() -> None:
    with pytest.raises(ValueError, match=r"each of properties is one of affine, .*; got 'linear'"):
        Correction("own", "batch", True, len, properties=("linear",))
    assert Correction("own", "batch", True, len, properties=("affine", "affine")).properties == ("affine",)


# ---- laws of all corrections

FREE_OF_UNITS = [*CORRECTIONS.values(), corrections.polynomial(5), corrections.lowess(iterations=2)]


@pytest.mark.parametrize("correction", FREE_OF_UNITS, ids=lambda c: c.name)
@settings(max_examples=10)
@given(
    moved=st.floats(-1e6, 1e6),
    power=st.integers(-6, 6),
    sign=st.sampled_from([-1, 1]),
    later=st.floats(-1e6, 1e6),
    time_power=st.integers(-6, 6),
)
def test_no_origin_and_no_unit_of_values_or_times_matters(
    correction: Correction, moved: float, power: int, sign: int, later: float, time_power: int
) -> None:
    """f(a (y + c), b (t + d)) = a (f(y, t) + c), with c in standard deviations and d in spans of the times.

    A time that is a million spans from 0 has ten digits left, a value a million standard deviations from 0 likewise.
    """
    x, key = rows(correction.along)
    times = pd.factorize(key, sort=True)[0] if correction.along == "batch" else key
    unit, spread, span = sign * 10.0**power, x.std(), np.ptp(times)
    again = correction(unit * (x + moved * spread), 10.0**time_power * (times + later * span))
    tolerance = TOLERANCES.get(correction.name, 1e-5)
    np.testing.assert_allclose(again / unit - moved * spread, correction(x, key), rtol=0, atol=tolerance * spread)


@pytest.mark.parametrize("name", CORRECTIONS)
def test_fitted_then_applied_is_the_call_and_rows_stand_for_themselves(name: str) -> None:
    correction = pickle.loads(pickle.dumps(CORRECTIONS[name]))
    assert correction == CORRECTIONS[name]
    fit, x, key = fitted(correction)
    fit = pickle.loads(pickle.dumps(fit))
    corrected = correction(x, key)
    np.testing.assert_array_equal(fit.apply(x, key), corrected)
    some = np.random.default_rng(2).permutation(len(x))[:8]
    np.testing.assert_allclose(fit.apply(x[some], key[some]), corrected[some])
    np.testing.assert_allclose(correction(x[::-1], key[::-1]), corrected[::-1])


@pytest.mark.parametrize("name", AFFINE)
def test_effects_are_those_of_the_key(name: str) -> None:
    fit, x, key = fitted(CORRECTIONS[name])
    some = np.random.default_rng(2).permutation(len(x))[:8]
    np.testing.assert_allclose(fit.effect(key[some]), fit.effect(key)[some])
    again = fit.level + (x - fit.level - fit.effect(key)) * fit.factors[pd.factorize(key, sort=True)[0]]
    np.testing.assert_allclose(fit.apply(x, key), again)
    if "by_feature" in CORRECTIONS[name].properties:
        assert CORRECTIONS[name].fit(x[:, 0], key).effect(key).shape == key.shape


@pytest.mark.parametrize("name", [name for name in CORRECTIONS if name not in AFFINE])
def test_what_is_not_affine_has_no_effects_and_says_so(name: str) -> None:
    fit, _, key = fitted(CORRECTIONS[name])
    for asked in (lambda: fit.effects, lambda: fit.factors, lambda: fit.effect(key)):
        with pytest.raises(ValueError, match=f"^{name} moves each value of a batch differently.*: use apply"):
            asked()


@pytest.mark.parametrize("name", BATCHWISE)
def test_values_of_a_batch_keep_their_order_and_their_ties(name: str) -> None:
    x, key = rows("batch")
    x = np.concatenate([x, x[:5]])
    key = np.concatenate([key, key[:5]])
    corrected = CORRECTIONS[name](x, key)
    for batch in np.unique(key):
        for given_values, found in zip(x[key == batch].T, corrected[key == batch].T, strict=True):
            order = np.argsort(given_values, kind="stable")
            steps, moved = np.diff(given_values[order]), np.diff(found[order])
            assert (moved[steps > 0] > -1e-12).all()
            np.testing.assert_allclose(moved[steps == 0], 0, atol=1e-12)


@pytest.mark.parametrize("name", BATCHWISE)
def test_adapting_on_the_same_rows_is_the_fit(name: str) -> None:
    fit, x, key = fitted(CORRECTIONS[name])
    np.testing.assert_array_equal(fit.adapt(x, key).apply(x, key), fit.apply(x, key))


@pytest.mark.parametrize("name", BATCHWISE)
def test_a_new_batch_is_adapted_by_itself_whatever_came_with_it(name: str) -> None:
    """Two batches that come together are corrected as if each came alone, in any order of their rows."""
    fit, _, _ = fitted(CORRECTIONS[name])
    x = np.random.default_rng(5).normal(80.0, 3.0, size=(9, 3))
    key = np.array(list("uuvuvuvvu"))
    both = fit.adapt(x, key).apply(x, key)
    for batch in "uv":
        own = x[key == batch][::-1]
        np.testing.assert_allclose(
            fit.adapt(own, [batch] * len(own)).apply(own, [batch] * len(own))[::-1], both[key == batch]
        )


@pytest.mark.parametrize("name", BATCHWISE)
def test_a_batch_of_one_row_is_refused_or_corrected_and_warned_of_if_nothing_is_left_of_it(name: str) -> None:
    x, key = rows("batch")
    key = np.append(key, "lone")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            one, other = (
                CORRECTIONS[name](v, key)[-1] - v.mean(axis=0) for v in (np.r_[x, x[:1] + 7], np.r_[x, x[:1] + 9])
            )
        except ValueError as error:
            refusal = str(error)
        else:
            refusal = ""
            assert np.isfinite(one).all()
    assert not refusal or "batch 'lone' has one row" in refusal
    assert {str(warning.message).partition(":")[0] for warning in said} <= {"batch 'lone' has one row"}
    # The row is 7, then 9 above the same row.
    assert bool(said) == (not refusal and close(one, other))


@pytest.mark.parametrize("name", CORRECTIONS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_rows_that_are_no_numbers_are_refused_by_name(name: str, bad: float) -> None:
    x, key = rows(CORRECTIONS[name].along)
    x[3, 1] = bad
    message = (
        "holds numbers of at most 1e" if np.isfinite(bad) else f"{CORRECTIONS[name].along} .* holds NaN or infinite"
    )
    with pytest.raises(ValueError, match=message):
        CORRECTIONS[name](x, key)
    x[3, 1] = 50.0
    fit = CORRECTIONS[name].fit(x, key)
    x[3, 1] = bad
    for act in (fit.apply, fit.adapt):
        with pytest.raises(ValueError, match=message):
            act(x, key)


@pytest.mark.parametrize("name", TIMEWISE)
def test_a_constant_is_left_alone(name: str) -> None:
    np.testing.assert_allclose(CORRECTIONS[name](np.full(TIMES.size, 0.1), TIMES), 0.1)


@pytest.mark.parametrize("name", CORRECTIONS)
def test_what_a_fit_says_of_the_unseen(name: str) -> None:
    correction = CORRECTIONS[name]
    fit, x, _ = fitted(correction)
    new = np.array(["b7"]) if correction.along == "batch" else np.array([25.0])
    if correction.applies_to_new:
        assert np.isfinite(fit.apply(x[:1], new)).all()
        return
    with pytest.raises(ValueError, match=f"the {name} fitted on these .* does not apply to .*(b7|25)") as refusal:
        fit.apply(x[:1], new)
    known = {other for other, c in CORRECTIONS.items() if c.along == correction.along and c.applies_to_new}
    assert known == set(re.findall(r"\((.*)\)", str(refusal.value))[0].split(", "))


@pytest.mark.parametrize("name", TIMEWISE)
def test_curves_go_on_with_the_rows_that_come_at_the_fitted_level(name: str) -> None:
    """As the fit of all rows so far, but for a constant, which keeps their mean where that of the first ones was."""
    x, times = rows("time")
    x[times > 12] += 10.0
    early = times < 12
    fit = CORRECTIONS[name].fit(x[early], times[early])
    on, again = fit.adapt(x, times).apply(x, times), CORRECTIONS[name](x, times)
    np.testing.assert_allclose(on - again, np.tile(x[early].mean(axis=0) - x.mean(axis=0), (len(x), 1)))
    assert np.abs(on - again).max() > 1
    if fit.correction.applies_to_new:  # left standing, it does not see that the values have jumped
        assert np.abs(fit.apply(x[~early], times[~early]) - on[~early]).max() > 1

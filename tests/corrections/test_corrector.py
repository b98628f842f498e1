"""The transformer of scikit-learn: its own checks, pipelines with metadata routing, and what it sees of test rows."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.linear_model import LinearRegression, Ridge  # noqa: E402
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_validate  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from bnstats import corrections  # noqa: E402
from bnstats.corrections import CORRECTIONS, Corrector  # noqa: E402
from bnstats.corrections.pipelines import corrector as module  # noqa: E402

RNG = np.random.default_rng(0)
ROWS = 60
SITE = pd.Series(RNG.choice(list("abcd"), ROWS), [f"row {i}" for i in range(ROWS)])
SICK = pd.Series(RNG.integers(0, 2, ROWS), SITE.index, name="sick")
X = pd.DataFrame(RNG.normal(size=(ROWS, 3)), SITE.index, columns=["p", "q", "r"])
X = X.add(SITE.map({"a": 0, "b": 3, "c": -2, "d": 5}), axis=0).add(SICK, axis=0)
Y = X["p"] - SITE.map({"a": 0, "b": 3, "c": -2, "d": 5})


@pytest.fixture
def routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


class ByContent(Corrector):
    """The batch of a row follows from its values: scikit-learn's checks know of no batch."""

    def __init__(self, correction="center", *, formula=None, reference=None, adapt=False):
        super().__init__(correction, formula=formula, reference=reference, adapt=adapt)

    def _rows(self, given, reset, **named):
        x = module._validated(self, given, reset)
        return x, {"batch": np.floor(4 * x[:, 0]) % 2}


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([ByContent(adapt=True)])
def test_scikit_learns_own_checks(estimator, check):
    """Only the batch is given by the rows' values; all else is the class that users have."""
    check(estimator)


@pytest.mark.parametrize("name", ["none", "center", "standardize", "combat", "quantile_normalize", "shrink"])
def test_it_is_the_correction(name):
    half = np.arange(ROWS) % 2 == 0
    fitted = CORRECTIONS[name].fit(X[half], SITE[half], SICK[half])
    made = Corrector(name).fit(X[half], batch=SITE[half], keep=SICK[half])
    np.testing.assert_array_equal(
        made.transform(X[~half], batch=SITE[~half][::-1], keep=SICK[~half]),
        fitted.apply(X[~half], SITE[~half], SICK[~half]),
    )
    np.testing.assert_array_equal(
        Corrector(name).fit_transform(X, batch=SITE, keep=SICK), CORRECTIONS[name](X, SITE, SICK)
    )


def test_curves_along_time_are_fitted_and_applied():
    times = np.arange(ROWS)
    made = Corrector("polynomial").fit(X[:40], batch=times[:40])
    np.testing.assert_array_equal(
        made.transform(X[40:], batch=times[40:]),
        CORRECTIONS["polynomial"].fit(X[:40], times[:40]).apply(X[40:], times[40:]),
    )


@pytest.mark.parametrize("correction", ["center", corrections.shrink(0.3), corrections.combat(0)])
def test_clones_pickles_and_parameters(correction):
    made = Corrector(correction, formula="sick", reference="b", adapt=True)
    assert clone(made).get_params() == made.get_params()
    assert clone(made).set_params(correction="shrink").correction == "shrink"
    fitted = made.fit(X, batch=SITE, keep=SICK)
    again = pickle.loads(pickle.dumps(fitted))
    rows = {"batch": SITE, "keep": SICK}
    np.testing.assert_array_equal(again.transform(X, **rows), fitted.transform(X, **rows))
    with pytest.raises(sklearn.exceptions.NotFittedError):
        clone(fitted).transform(X, **rows)


@pytest.mark.parametrize("kind", ["default", "pandas", "polars"])
def test_containers_that_set_output_asks_for(kind):
    if kind == "polars":
        pytest.importorskip("polars")
    made = Corrector("center").set_output(transform=kind)
    found = made.fit_transform(X, batch=SITE)
    assert type(found).__module__.partition(".")[0] == {"default": "numpy"}.get(kind, kind)
    np.testing.assert_array_equal(np.asarray(found), CORRECTIONS["center"](X.to_numpy(), SITE.to_numpy()))
    assert made.get_feature_names_out().tolist() == ["p", "q", "r"]
    if kind == "pandas":
        assert found.index.equals(X.index)


def test_tables_of_polars_go_in():
    pl = pytest.importorskip("polars")
    table = pl.DataFrame(X.to_dict("list"))
    found = Corrector("center").fit_transform(
        table, batch=pl.Series(SITE.to_list()), keep=pl.DataFrame({"s": SICK.to_list()})
    )
    np.testing.assert_allclose(found, CORRECTIONS["center"](X.to_numpy(), SITE.to_numpy(), SICK.to_numpy()))
    with pytest.raises(ValueError, match="feature names"):
        Corrector("center").fit(X, batch=SITE).transform(X[["q", "p", "r"]], batch=SITE)


@pytest.mark.usefixtures("routing")
def test_pipelines_and_searches_give_each_fold_its_batches():
    pipeline = make_pipeline(StandardScaler(), Corrector("none"), LinearRegression())
    errors = {}
    for name in ("none", "center"):
        scored = cross_validate(pipeline.set_params(corrector__correction=name), X, Y, params={"batch": SITE}, cv=5)
        errors[name] = 1 - scored["test_score"].mean()
    assert errors["center"] < 0.5 * errors["none"]
    grid = {"corrector__correction": ["none", "center", corrections.shrink(0.5)], "ridge__alpha": [0.1, 10.0]}
    search = GridSearchCV(make_pipeline(Corrector(), Ridge()), grid, cv=KFold(5)).fit(X, Y, batch=SITE)
    assert search.best_params_["corrector__correction"] in ("center", corrections.shrink(0.5))
    assert search.best_estimator_.predict(X.iloc[:3], batch=SITE.iloc[:3]).shape == (3,)
    kept = make_pipeline(Corrector("center"), LinearRegression()).fit(X, Y, batch=SITE, keep=SICK)
    assert kept.predict(X.iloc[:3], batch=SITE.iloc[:3], keep=SICK.iloc[:3]).shape == (3,)


@pytest.mark.usefixtures("routing")
def test_no_test_row_is_seen_in_a_fit(monkeypatch):
    """Each fit has the rows of its fold, and other test rows change no fit; whole batches may be left out."""
    seen = []
    fit = Corrector.fit

    def spied(self, given, y=None, **rows):
        seen.append((given.index.tolist(), rows["batch"].index.tolist()))
        return fit(self, given, y, **rows)

    monkeypatch.setattr(Corrector, "fit", spied)
    for correction, cv, groups in (("center", KFold(4), None), ("shrink", GroupKFold(4), SITE)):
        params = {"batch": SITE} | ({} if groups is None else {"groups": groups})
        pipeline = make_pipeline(Corrector(correction), LinearRegression())
        seen.clear()
        made = cross_validate(pipeline, X, Y, params=params, cv=cv, return_estimator=True)["estimator"]
        folds = list(cv.split(X, groups=groups))
        assert [rows for rows, _ in seen] == [batches for _, batches in seen] == [X.index[t].tolist() for t, _ in folds]
        for estimator, (train, test) in zip(made, folds, strict=True):
            wanted = CORRECTIONS[correction].fit(X.iloc[train].to_numpy(), SITE.iloc[train].to_numpy())
            before = estimator[0].fitted_.effects.copy()
            np.testing.assert_array_equal(before, wanted.effects)
            estimator.predict(X.iloc[test] + 100, batch=SITE.iloc[test])
            np.testing.assert_array_equal(estimator[0].fitted_.effects, before)


def test_new_batches_are_refused_or_adapted_by_their_own_rows():
    known = SITE != "d"
    fitted = Corrector("combat").fit(X[known], batch=SITE[known], keep=SICK[known])
    with pytest.raises(ValueError, match="combat fitted on these batches does not apply to batch 'd'"):
        fitted.transform(X, batch=SITE, keep=SICK)
    adapting = Corrector("combat", adapt=True).fit(X[known], batch=SITE[known], keep=SICK[known])
    found = adapting.transform(X, batch=SITE, keep=SICK)
    np.testing.assert_array_equal(found[known], fitted.transform(X[known], batch=SITE[known], keep=SICK[known]))
    new = X[~known].to_numpy(), SITE[~known].to_numpy(), SICK[~known].to_frame()
    np.testing.assert_allclose(found[~known], adapting.fitted_.adapt(*new).apply(*new))


@pytest.mark.parametrize(
    ("arguments", "rows", "message"),
    [
        ({}, {}, r"batch, the batch of each row, is missing; in a pipeline, call sklearn\.set_config"),
        ({"correction": "centre"}, {"batch": SITE}, "did you mean 'center'"),
        ({"adapt": 1}, {"batch": SITE}, "adapt is True or False; got 1"),
        ({"formula": "sick"}, {"batch": SITE}, "formula has terms of the columns of keep: give keep"),
        ({}, {"batch": SITE[:-1]}, "labels that do not match"),
        ({}, {"batch": ["a", "b"]}, "one value per row"),
    ],
)
def test_what_is_missing_is_said(arguments, rows, message):
    with pytest.raises(ValueError, match=message):
        Corrector(**arguments).fit(X, **rows)


def test_it_is_loaded_when_it_is_used_alone(monkeypatch):
    monkeypatch.delitem(vars(corrections), "Corrector", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "bnstats.corrections.pipelines.corrector", None)
    with pytest.raises(ModuleNotFoundError, match=r"Corrector needs scikit-learn: .*bnstats\[sklearn\]"):
        _ = corrections.Corrector
    with pytest.raises(AttributeError, match="no attribute 'Correctr'"):
        _ = corrections.Correctr

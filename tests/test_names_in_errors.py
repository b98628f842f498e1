"""Names of objects may hold control codes, as column labels of files do: none reaches a terminal in an error."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import bnstats as bn

CODE = "\x1b[31mred"
ROWS = np.random.default_rng(0).normal(size=(40, 2))
CLASSES = np.repeat([0, 1], 20)
SHORT = {"precision": None, "max_replicates": 32, "progress": False}


def population() -> bn.Population:
    return bn.Population.of("t2.5", CODE)


def estimator(function: Callable[..., Any] = np.mean) -> bn.Estimator:
    return bn.Estimator(CODE, function, target=0.0)


def dataset() -> bn.Dataset:
    return bn.Dataset.of((ROWS, CLASSES), name=CODE)


class OwnNormalizer(bn.normalizers.Batch):
    name = CODE

    @staticmethod
    def forward(z, state):
        z *= state.eps


def failing_correction() -> bn.corrections.Correction:
    def estimate(groups):
        groups.mean[:] = 0.0

    return bn.corrections.Correction(CODE, "batch", False, estimate)


def claim() -> bn.claims.Claim:
    given = bn.claims.CLAIMS["zero-at-3"]
    return bn.claims.Claim(CODE, CODE, CODE, given.region, given.interval_method, given.evidence, quantity="")


# Calls that end in an error, most of them in one that names the object.
CALLS: dict[str, list[Callable[[], Any]]] = {
    "Population": [
        lambda: bn.theory.required_batch_size(population(), "var", rmse=0.1),
        lambda: bn.testing.assert_rate("var", population(), rate=-0.5, tolerance=0.1),
        lambda: bn.WithoutReplacement().source(population()),
        lambda: bn.WithoutReplacement(size=7).check(bn.Population.of([1.0, 2.0, 3.0], CODE), 2),
        lambda: bn.measure_convergence({CODE: stats.cauchy()}, batch_sizes=[2], **SHORT),
        lambda: bn.measure_convergence([population(), population()], batch_sizes=[2], **SHORT),
    ],
    "Estimator": [
        lambda: bn.theory.required_batch_size("normal", estimator(), rmse=0.1),
        lambda: estimator(lambda x, axis: x + 0 * axis).check(bn.Population.of("normal"), 4),
        lambda: estimator().from_moments(bn.Moments.of(ROWS), lambda: ROWS),
        lambda: bn.measure_convergence("normal", estimators=[estimator(), estimator()], batch_sizes=[2], **SHORT),
        lambda: bn.testing.assert_unbiased(estimator(lambda x, axis: x.mean(axis) * np.nan), "normal", batch_size=4),
    ],
    "Dataset": [lambda: bn.measure_mismatch(dataset(), batch_sizes=[10**6], **SHORT)],
    "Gaussians": [lambda: bn.measure_mismatch(bn.Gaussians(name=CODE), batch_sizes=[10**6], **SHORT)],
    "Convention": [lambda: bn.Convention(CODE, momentum=2.0)],
    "corrections.Correction": [lambda: failing_correction()(ROWS, CLASSES)],
    "normalizers": [lambda: bn.measure_mismatch(dataset(), normalizers=[OwnNormalizer()], batch_sizes=[1], **SHORT)],
    "claims.Claim": [lambda: claim(), lambda: bn.check_claims([CODE])],
}


def classes_with_a_name() -> set[str]:
    spaces = {"": bn, "corrections.": bn.corrections, "claims.": bn.claims, "normalizers.": bn.normalizers}
    found = set()
    for space, module in spaces.items():
        for name in dir(module):
            try:
                kind = getattr(module, name)
            except ModuleNotFoundError:  # what needs PyTorch, where it is not installed
                continue
            if isinstance(kind, type) and {"name", "identifier"} & set(inspect.signature(kind).parameters):
                found.add(f"{space}{name}")
    return found


def test_each_public_class_that_takes_a_name_has_a_call() -> None:
    assert classes_with_a_name() <= CALLS.keys()
    assert len(classes_with_a_name()) > 5


@pytest.mark.parametrize(
    "call", [pytest.param(c, id=f"{k}-{i}") for k, calls in CALLS.items() for i, c in enumerate(calls)]
)
def test_no_code_is_in_an_error(call: Callable[[], Any]) -> None:
    with pytest.raises((ValueError, TypeError, AssertionError)) as refused:
        call()
    assert all(line.isprintable() for line in str(refused.value).split("\n"))


def test_names_stand_in_tables_as_they_are_and_in_errors_readably() -> None:
    column = "points\t(of 100)"
    found = bn.measure_convergence({column: ROWS[:, 0]}, batch_sizes=[2], estimators=["mean"], **SHORT)
    assert found.table["population"].unique().tolist() == [column]
    with pytest.raises(ValueError, match=r"of var on \\x1b\[31mred is infinite"):
        bn.theory.required_batch_size(population(), "var", rmse=0.1)

"""Odd loaders, batches, labels and scores: each audit ends in a stated verdict with a report, or in one sentence."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy_damage as damage
import pytest
from numpy_model import batches

from bnstats.audit.core.audit import AuditOptions, run
from bnstats.audit.core.result import Audit

Loader = list[Any]


def audit(net: Any, loader: Any, **options: Any) -> Audit:
    """Audit a network, write its report, and see that the loader's data stay as they are."""
    kept = copy.deepcopy(loader) if isinstance(loader, list) else None
    report = run(damage.FRAMEWORK, net, loader, AuditOptions(**options))
    assert report.reason
    assert report.summary()
    assert report.to_dict()["verdict"] == report.verdict
    if kept is not None:
        for old, new in zip(kept, loader, strict=True):
            np.testing.assert_equal(old, new)
    return report


def lost() -> Any:
    return damage.changed(damage.sound(), damage.start)


@pytest.mark.parametrize("number", [1, 2, 3, 10])
def test_few_batches_show_large_damage_and_never_call_it_fine(number: int) -> None:
    report = audit(lost(), batches(number, 32, 5))
    assert (report.verdict, report.cause) == ("off", "never_updated")
    assert (number < 10) == any("rows as independent" in note for note in report.notes)
    assert audit(damage.sound(), batches(number, 32, 5)).verdict in ("fine", "not_judged")


def varying(loader: Loader) -> Loader:
    sizes = np.random.default_rng(0).integers(1, 33, len(loader))
    return [tuple(part[:n] for part in batch) for batch, n in zip(loader, sizes, strict=True)]


def with_missing(loader: Loader) -> Loader:
    for k in (3, 7, 8):
        loader[k][0][2] = np.nan
    return loader


def named(loader: Loader) -> Loader:
    return [(x, np.arange(len(x)), y, [f"row {k}" for k in range(len(x))]) for x, y in loader]


FORMS: dict[str, Callable[[Loader], Loader]] = {
    "rows that vary": varying,
    "missing inputs": with_missing,
    "names and numbers of rows": named,
    "dictionaries": lambda loader: [{"x": x, "label": y} for x, y in loader],
    "one-hot labels": lambda loader: [(x, np.eye(4)[y]) for x, y in loader],
    "labels as floats": lambda loader: [(x, y * 1.0) for x, y in loader],
    "labels in a column": lambda loader: [(x, y[:, None]) for x, y in loader],
    "labels left out": lambda loader: [(x, np.where(np.arange(len(y)) % 3 == 0, -100, y)) for x, y in loader],
    "labels left out as 255": lambda loader: [(x, np.where(np.arange(len(y)) % 3 == 0, 255, y)) for x, y in loader],
}


@pytest.mark.parametrize("form", list(FORMS))
def test_labels_are_found_in_batches_of_any_form(form: str) -> None:
    report = audit(lost(), FORMS[form](batches(16, 32, 5)))
    assert (report.verdict, report.cause, report.unit) == ("off", "never_updated", "nats")


@pytest.mark.parametrize("form", ["alone", "random labels", "labels from 1", "numbers"])
def test_outputs_are_compared_where_labels_say_nothing(form: str) -> None:
    rng = np.random.default_rng(0)
    forms: dict[str, Callable[[Any, Any], Any]] = {
        "alone": lambda x, _: x,
        "random labels": lambda x, y: (x, rng.integers(4, size=len(y))),
        "labels from 1": lambda x, y: (x, y + 1),
        "numbers": lambda x, y: (x, rng.normal(size=len(y))),
    }
    report = audit(lost(), [forms[form](x, y) for x, y in batches(16, 32, 5)])
    assert (report.verdict, report.cause, report.unit) == ("off", "never_updated", "outputs' variance")


def test_distances_do_not_depend_on_the_scale_and_offset_of_outputs() -> None:
    found = []
    for factor in (1e-3, 1.0, 1e4):
        net = lost()
        net.parts[-1].w *= factor
        net.parts[-1].b = net.parts[-1].b * factor + 100 * factor
        found.append(audit(net, [x for x, _ in batches(16, 32, 5)]).scores["gain"].to_numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
    np.testing.assert_allclose(found[2], found[1], rtol=1e-6)


def test_missing_inputs_of_a_sound_network_are_not_called_fine() -> None:
    report = audit(damage.sound(), with_missing(batches(30, 32, 5)))
    assert report.verdict == "not_judged"
    assert "3 of 960 scores are NaN or infinite" in report.reason


@pytest.mark.parametrize("data", ["all missing", "one row", "rows alike"])
def test_what_cannot_be_scored_is_not_judged(data: str) -> None:
    loaders = {
        "all missing": [(x * np.nan, y) for x, y in batches(5, 32, 5)],
        "one row": batches(1, 1, 5),
        "rows alike": [np.ones((32, 8)) for _ in range(10)],
    }
    assert audit(damage.sound(), loaders[data]).verdict == "not_judged"


def test_a_model_at_chance_is_not_called_fine() -> None:
    net = damage.sound()
    net.parts[-1].w = np.random.default_rng(0).normal(size=net.parts[-1].w.shape)
    loader = [(x, np.random.default_rng(k).integers(4, size=len(y))) for k, (x, y) in enumerate(batches(80, 32, 5))]
    report = audit(net, loader)
    assert report.verdict == "not_judged"
    assert any("no better than" in note for note in report.notes)


def test_layers_skipped_at_random_are_said_to_be() -> None:
    net = damage.sound()
    net.skips = 0.3
    assert any("evaluation is random" in note for note in audit(net, batches(12, 32, 5)).notes)


def endless() -> Iterator[Any]:
    while True:
        yield from batches(3, 32, 5)


def raising() -> Iterator[Any]:
    yield from batches(3, 32, 5)
    raise RuntimeError("disk gone")


def reused() -> Iterator[Any]:
    x, y = (np.empty_like(part) for part in batches(1, 32, 5)[0])
    for new in batches(16, 32, 5):
        x[:], y[:] = new
        yield x, y


def test_a_loader_without_end_is_read_so_far() -> None:
    assert audit(lost(), endless(), batches=12).batches == 12


def test_a_loader_that_writes_into_the_same_arrays_is_read_as_any_other() -> None:
    same, usual = audit(lost(), reused()), audit(lost(), batches(16, 32, 5))
    np.testing.assert_allclose(same.scores["value"], usual.scores["value"])


@pytest.mark.parametrize(
    ("loader", "sentence"),
    [
        (raising(), "loader raises RuntimeError: disk gone after 3 batches."),
        ([], "loader holds no batch"),
        (None, "loader is an iterable of batches; got None"),
        ("batches", "loader is an iterable of batches"),
    ],
)
def test_a_loader_that_cannot_be_read_is_refused_in_a_sentence(loader: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        audit(damage.sound(), loader)


def overwriting(output: Any, labels: Any) -> float:
    output[:], labels[:] = 0, 0
    return 1.0


def test_the_users_metric_leads_and_may_write_into_what_it_is_given() -> None:
    report = audit(lost(), batches(12, 32, 5), metric=lambda output, labels: (output.argmax(1) == labels).mean())
    assert report.scores["metric"].iloc[0] == "metric"
    assert report.unit == "nats"
    assert audit(lost(), batches(12, 32, 5), metric=overwriting).cause == "never_updated"


def test_scores_of_rows_or_batches_decide() -> None:
    rows = audit(lost(), batches(12, 32, 5), score=lambda output, batch: output.argmax(1) == batch[1])
    whole = audit(lost(), batches(12, 32, 5), score=lambda output, batch: (output.argmax(1) == batch[1]).mean())
    assert rows.unit == whole.unit == "score"
    assert rows.cause == whole.cause == "never_updated"
    np.testing.assert_allclose(rows.scores["value"], whole.scores["value"])


@pytest.mark.parametrize(
    ("score", "sentence"),
    [
        (lambda output, _: output[:5, 0], r"got shape \(5,\) for a batch of 32 rows"),
        (lambda output, _: output, "a number per row"),
        (lambda *_: 1 / 0, "score raises ZeroDivisionError"),
        (lambda *_: "good", "score raises ValueError"),
    ],
)
def test_scores_that_fit_no_row_are_refused_in_a_sentence(score: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        audit(damage.sound(), batches(3, 32, 5), score=score)


def test_a_network_without_batch_norm_is_refused_in_a_sentence() -> None:
    net = damage.sound()
    net.parts = [part for part in net.parts if part not in net.norms]
    with pytest.raises(ValueError, match="an audit needs batch-norm layers"):
        audit(net, batches(3, 32, 5))


@pytest.mark.parametrize(
    "wrap", [lambda out: {"aux": out * 0, "logits": out}, lambda out: (out, None, 3), lambda out: [out[:, :, None]]]
)
def test_the_main_output_is_found(wrap: Callable[[Any], Any]) -> None:
    report = audit(lost(), batches(12, 32, 5), forward=lambda model, batch: wrap(model(batch[0])))
    assert report.cause == "never_updated"


def test_labels_of_a_regression_are_not_used_and_it_is_said() -> None:
    def noted(loader: Loader, **options: Any) -> bool:
        return any("real numbers" in note for note in audit(damage.sound(), loader, **options).notes)

    rows = [(x, x[:, :4] * 0.5) for x, _ in batches(12, 32, 5)]
    assert noted(rows)
    assert not noted(rows, score=lambda output, batch: -((output - batch[-1]) ** 2).mean(1))
    assert not noted([x[:, :8] for x, _ in rows])
    assert not noted([(x, np.ones(len(x))) for x, _ in rows]), "one number a row, four outputs"
    assert not noted(batches(12, 32, 5))

"""Checks of what pages show: the names that their code leaves must bear out the sentences beside it.

Seeds are fixed, so these checks are of one outcome. Each bound is four standard errors or more from what is measured,
so that another seed would break one of them less than once in a hundred times; each would fail on the opposite effect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import pytest
from code_blocks import blocks
from scipy import stats

import bnstats as bn

Names = Mapping[str, Any]


def table(rows: pd.DataFrame, index: Any, columns: Any = "statistics") -> pd.DataFrame:
    return rows.pivot(index=index, columns=columns, values="value")


def grades_network(names: Names) -> None:
    right, most = table(names["accuracy"], "batch_size"), names["i"].table.query("measure == 'accuracy'")
    assert (right["running"] > right["batch"]).loc[[3, 8]].all()
    assert (right["batch"].to_numpy() < most["exact"] + 0.02).all()


def letter_grades(names: Names) -> None:
    spread = names["behind"].table.query("measure == 'raw_sd'")
    assert spread["value"].is_monotonic_decreasing
    for rows in (spread, names["named"].table):
        assert ((rows["value"] - rows["exact"]).abs() < 5 * rows["mcse"]).all()


def convergence(names: Names) -> None:
    rates = names["rates"].set_index(["population", "estimator"])
    assert rates.loc[("normal", "mean"), "rate"] == pytest.approx(-0.5, abs=0.05)
    assert rates.loc[("t3", "var"), "rate"] > rates.loc[("normal", "var"), "rate"] + 0.1


def interval_coverage(names: Names) -> None:
    assert names["ledger"].table["verdict"].item() == "refuted"


def running_stats(names: Names) -> None:
    last = names["last"].set_index(["convention", "statistic"])
    assert ((last["value"] - last["exact"]).abs() < 5 * last["mcse"]).all()
    assert last.loc[("keras", "mean"), "value"] < last.loc[("torch", "mean"), "value"]


def mismatch(names: Names) -> None:
    right = table(names["accuracy"], "batch_size")
    assert right.loc[4, "running"] > right.loc[4, "batch"] + 0.05
    assert abs(right.loc[64, "running"] - right.loc[64, "batch"]) < 0.02


def gradients(names: Names) -> None:
    factors = names["g"].factors().set_index("batch_size")["factor"]
    assert factors[4] > factors[64]
    linear = names["linear"].factors()
    assert (linear["factor"] - linear["wide_limit"]).abs().max() < 0.15


def breaking(names: Names) -> None:
    right = table(names["right"], "batching", "normalizer")
    assert right.loc["OneClass()", "batch"] < 0.3
    assert right.loc["OneClass()", "layer"] > 0.6
    assert (right.loc["Shuffled()"] > 0.9).all()


def remedies(names: Names) -> None:
    right = table(names["accuracy"], "normalizer", "batch_size")
    assert right.loc["group", 2] > right.loc["batch", 2] + 0.05
    assert names["m"].compare("group", "batch")["paired"].all()


def shift(names: Names) -> None:
    right = table(names["accuracy"], "shift")
    shifted = right.drop("none")
    assert (shifted["batch"] > shifted["running"]).all()


def published_signs(names: Names) -> None:
    assert (names["ledger"].table["verdict"] == "the same here").all()


def batch_effects(names: Names) -> None:
    right = table(names["accuracy"], ["labels", "batch_size"], "correction")
    assert right.loc[("nuisance", 32), "center"] > right.loc[("nuisance", 32), "none"]
    assert right.loc[("signal", 32), "center"] < right.loc[("signal", 32), "none"]


def drift(names: Names) -> None:
    error = table(names["c"].table, "correction", "effect")
    assert error["distinct"].idxmin() in ("center", "standardize")


def audit(names: Names) -> None:
    assert names["report"].cause == "start_remains"
    assert names["report"].fix.gain.low > 0.5
    assert names["healthy"].verdict == "fine"


def monitor(names: Names) -> None:
    row = names["m"].table.iloc[0]
    assert row["start_weight"] == pytest.approx(0.998**100)
    assert row["displacement"] > 0.5


def memory(names: Names) -> None:
    mean = names["table"].query("summary == 'mean' and measure == 'change'").set_index("later")["value"]
    assert mean[0] > mean[10] > mean[100] > 0
    assert names["letters"][1] == pytest.approx(0.346, abs=0.001)


def direction(names: Names) -> None:
    cosine = names["s"].table.query("step == 60").pivot(index="batching", columns="statistics", values="value")
    assert cosine.loc["Shuffled()", "batch"] > 0.9
    assert cosine.loc["OneClass()", "batch"] < 0 < cosine.loc["OneClass()", "population"]
    found = names["noisy"].table.pivot(index="statistics", columns="measure", values="value")
    assert found.loc["batch", "variance"] < found.loc["population", "variance"]
    assert (found.loc["batch"] > found.loc["population gradient"]).all()
    assert found.loc["batch", "noise"] > found.loc["population", "noise"]


def floor(names: Names) -> None:
    loss = names["m"].table.query("metric == 'nll'").set_index("batch_size")["value"]
    for n in (3, 8):
        assert names["lowest"][n] < loss[n] < names["lowest"][n] + 0.2


def bound(names: Names) -> None:
    right = names["right"]
    assert right["its own"] > right["another batch's"] + 0.2
    assert right["another batch's, cut"] > right["another batch's"] + 0.2


def practitioner(names: Names) -> None:
    right = table(names["accuracy"], "batch_size")
    assert right.loc[4, "running"] > right.loc[4, "batch"] + 0.05
    assert names["report"].cause == "start_remains"
    assert names["report"].fix.gain.low > 0.5
    assert names["healthy"].verdict == "fine"
    assert names["unsure"].verdict == "not_judged"
    shown = next(block.text for block in blocks() if block.page == "README.md" and block.kind == "text")
    assert without_numbers(shown.strip()) in without_numbers(names["report"].summary()), "what the README shows"


def averaged_weights(names: Names) -> None:
    """Losses of 597 rows; the standard error of a difference of two is below .01, but for the left statistics."""
    loss = names["table"]
    assert loss.loc["left", "as found"] > 2 * loss.loc["left", "recalibrated"]
    assert loss["recalibrated"].drop("live model").max() - loss["recalibrated"].drop("live model").min() < 0.01
    assert loss.loc["copied", "as found"] > loss.loc["copied", "recalibrated"] + 0.01
    assert abs(loss.loc["averaged", "as found"] - loss.loc["averaged", "recalibrated"]) < 0.02


def without_numbers(text: str) -> str:
    return re.sub(r"[\d.]+", "#", text)


def researcher(names: Names) -> None:
    largest = names["largest"]
    assert (largest["mcse"] <= 0.005 * largest["value"]).all()
    assert (largest["value"] <= (largest["batch_size"] - 1) ** 0.5 + 1e-9).all()
    covered = names["intervals"].query("summary == 'coverage'").set_index("batch_size")["value"]
    assert covered[8] < 0.93
    assert covered[64] > 0.94
    assert (names["controlled"].query("measure == 'largest raw value'")["variance_ratio"] > 1.5).all()
    assert names["paired"].compare("renorm", "batch")["paired"].all()
    rate = names["slopes"].table.query("measure == 'failure_rate'").iloc[0]
    assert abs(rate["value"] - 2 / 2**5) < 4 * rate["mcse"]
    rates = names["c"].rates().query("measure == 'rmse'").set_index("estimator")["rate"]
    assert rates.round(1).to_dict() == {"std": -0.5, "half_range": -1.0}
    far = (names["compiled"]["value"] - names["reference"]["value"]).abs()
    assert (far < 6 * (names["compiled"]["mcse"] + names["reference"]["mcse"])).all()


def summarize(names: Names) -> None:
    """The mean log is the better estimate of a lognormal median, in pairs; its interval covers as it says at n = 80."""
    differences = names["differences"].set_index(["measure", "n"])
    assert (differences.loc["se", "value"] + 4 * differences.loc["se", "mcse"] < 0).all()
    assert differences["paired"].all()
    covered = names["found"].table.query("measure == 'coverage' and n == 80").set_index("method")
    own = covered.loc["exp of mean log"]
    assert abs(own["value"] - 0.945) < 4 * own["mcse"]


def correct(names: Names) -> None:
    """A true difference of 1: centering leaves .64 of it in expectation, and all with the label kept (se .11)."""
    found = names["found"]
    assert found["as measured"] > 3
    assert abs(found["centered"] - 0.64) < 0.45
    for kept in ("centered, sick kept", "ComBat, all kept"):
        assert abs(found[kept] - 1) < 0.45
    assert found["centered, sick kept"] > found["centered"] + 0.15
    bias = names["c"].table.query("measure == 'bias' and design == 0.64").set_index("correction")
    assert bias.loc["center", "value"] < -0.5
    assert abs(bias.loc["center, label kept", "value"]) < 5 * bias.loc["center, label kept", "mcse"]
    assert bias.loc["shrink, label kept", "value"] > 4 * bias.loc["shrink, label kept", "mcse"]


def covariates(names: Names) -> None:
    bias = names["c"].table.query("measure == 'bias'").set_index("correction")
    assert bias.loc["center", "value"] < -0.25
    assert abs(bias.loc["center, label kept", "value"]) < 5 * bias.loc["center, label kept", "mcse"]


def exercises(names: Names) -> None:
    chance = bn.theory.class_given_normalized(stats.norm(72, 10), [60, 70, 80, 90], 0.0, 3)[1]
    assert abs(names["measured"] - chance) < 4 * names["mcse"] + 0.003
    errors = names["errors"].set_index("batch_size")
    assert errors.loc[64, "value"] > 0.1 > errors.loc[256, "value"]
    assert ((errors["value"] - errors["exact"]).abs() < 5 * errors["mcse"]).all()
    assert names["verdicts"] == ["supported", "refuted"]


def random_function(names: Names) -> None:
    """Both claims that the page shows to fail do, and for the reason that it prints."""
    claims = bn.testing.assert_mean
    with pytest.raises(AssertionError, match=r"not within 0\.2 of 8"):
        claims(names["dice"], 8.0, within=0.2, bounds=(2, 12))
    with pytest.raises(AssertionError, match="heavy tail of index about"):
        claims(names["ratio"], 0.0, within=0.3, variance=100.0)


def author_of_tests(names: Names) -> None:
    assert (names["smallest"] < 0.1).all()


def watch(names: Names) -> None:
    """Start values of momentum 0.01 after 300 steps weigh 0.99^300; another momentum or count is refused."""
    assert names["m"].events["code"].tolist()[0] == "start_remains"
    assert names["m"].table["start_weight"][0] == pytest.approx(0.99**300)


SHOWN: dict[str, Callable[[Names], None]] = {
    f"docs/tutorials/{check.__name__}.md": check
    for check in (practitioner, averaged_weights, watch, researcher, summarize, correct, exercises, random_function)
} | {"docs/tutorials/test_author.md": author_of_tests}
SHOWN |= {
    f"docs/gallery/{check.__name__}.md": check
    for check in (
        *(grades_network, letter_grades, convergence, interval_coverage, running_stats, mismatch, gradients, breaking),
        *(remedies, shift, published_signs, batch_effects, covariates, drift, audit, monitor, memory, direction, floor),
        bound,
    )
}

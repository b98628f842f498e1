"""Networks tested with each kind of statistics: what adds up exactly, what theory demands, what is refused.

Means over networks are held against Student's t quantile at 1e-9 of their number (scores are means over hundreds of
rows, near normal), some twenty times in this file: one is exceeded by chance with a probability below 1e-7. Power: with
32 networks the quantile is 8.3. What is asserted to exceed it lay 20.7 standard errors or more beyond zero in all of
these tests with each of the seeds 1 to 6; by the noncentral t distribution a mean of 18 misses the quantile with a
probability of 8e-11. Each test asserts that the same judge rejects what is wrong.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import bnstats as bn
from bnstats.datasets.dataset import Dataset, Gaussians
from bnstats.datasets.row_batching import ClassBalanced, Correlated, OneClass, Shuffled, WithReplacement
from bnstats.datasets.shifts import ClassMix, Gain, Noise
from bnstats.networks.adaptations import ADAPTATIONS, Mixed, Weighed
from bnstats.networks.recipe import Recipe
from bnstats.normalizers import Ghost, Group, Renorm
from bnstats.simulation.identity import side_stream, stream
from bnstats.studies.mismatch.evaluation import TESTING, Trained
from bnstats.studies.mismatch.measure import Mismatch, measure_mismatch
from bnstats.studies.mismatch.result import DivergenceWarning
from bnstats.studies.mismatch.study import MismatchStudy

FALSE_ALARM = 1e-9
KINDS = ["batch", "running", "precise", "population"]
SMALL = Gaussians(classes=3, inputs=6, rows=120, test_rows=48)
FEW: dict[str, Any] = {"hidden": (8,), "batch_sizes": [4], "steps": 30, "max_replicates": 16, "precision": None}


def exceeds(value: float, mcse: float, replicates: int) -> bool:
    """Whether a mean is above 0 at this rate of false alarms."""
    return value / mcse > stats.t.isf(FALSE_ALARM, replicates - 1)


def numbers(m: Mismatch, metric: str = "accuracy", index: str = "batch_size") -> pd.DataFrame:
    return m.table[m.table["metric"] == metric].pivot(index=index, columns="statistics", values="value")


@cache
def digits() -> Mismatch:
    return measure_mismatch("digits", batch_sizes=[2, 64], steps=300, max_replicates=32, precision=None)


def test_table_has_a_row_for_each_kind_and_score() -> None:
    table = digits().table
    assert " ".join(table.columns) == (
        "dataset normalizer batching batch_size hidden momentum learning_rate shift test_batching test_batch_size "
        "statistics metric value mcse mcse_df exact bayes_accuracy replicates precision_reached"
    )
    assert list(dict.fromkeys(table["statistics"])) == KINDS
    assert list(dict.fromkeys(table["metric"])) == ["accuracy", "nll", "ece", "disagreement", "diverged"]
    assert len(table) == 2 * 4 * 5
    assert (table["test_batch_size"] == table["batch_size"]).all()
    assert (table[table["metric"] == "diverged"]["value"] == 0).all()
    assert (numbers(digits(), "disagreement")["population"] == 0).all()


def test_parts_of_the_gap_add_up_and_are_the_differences_of_the_table() -> None:
    gap = digits().gap().pivot(index=["metric", "batch_size"], columns="part", values="value")
    parts = gap["batch - population"] + gap["population - precise"] + gap["precise - running"]
    np.testing.assert_allclose(gap["batch - running"], parts, rtol=0, atol=1e-14)
    for metric in ("accuracy", "nll"):
        wide = numbers(digits(), metric)
        for part in gap:
            one, other = part.split(" - ")
            np.testing.assert_allclose(gap.loc[metric][part], wide[one] - wide[other], rtol=0, atol=1e-12)


@pytest.mark.slow
def test_pairing_makes_the_gap_more_precise_than_its_terms() -> None:
    """The ratio is .47 for accuracy, .22 for nll (512 networks); of 128, its logarithm scatters by .09.

    So .75 is exceeded by chance with a probability of 1e-7, and without pairing missed with one of 1e-3.
    """
    m = measure_mismatch("digits", batch_sizes=64, steps=300, max_replicates=128, precision=None)
    gap = m.gap().set_index(["metric", "part"])["mcse"]
    terms = m.table.set_index(["metric", "statistics"])["mcse"]
    for metric in ("accuracy", "nll"):
        unpaired = np.hypot(terms[metric, "batch"], terms[metric, "running"])
        assert gap[metric, "batch - running"] < 0.75 * unpaired


def test_common_random_numbers_make_networks_that_are_trained_alike_the_same() -> None:
    """A ghost batch that is the whole batch is that batch; with numbers of their own, networks differ."""
    alike: dict[str, Any] = {"normalizers": ["batch", Ghost(4)], **FEW}
    for common in (True, False):
        found = measure_mismatch(SMALL, **alike, common_random_numbers=common).compare("batch", repr(Ghost(4)))
        assert (found["paired"] == common).all()
        nll = found[found["metric"] == "nll"]
        assert (nll["value"] == 0).all() == common
        assert (nll["mcse"] > 0).all()  # nobody has said that it must be so


def test_rows_weights_and_batches_have_random_numbers_of_their_own() -> None:
    """Neither depth nor batch size moves the draws for another purpose."""
    one, other = (
        Trained.of(Recipe(hidden), SMALL, Shuffled(), size, 1, np.random.default_rng(3))
        for hidden, size in (((8,), 4), ((8, 8), 24))
    )
    assert (one.split.x == other.split.x).all()
    assert (one.split.y_test == other.split.y_test).all()
    assert (one.batches.ravel()[:96] == other.batches.ravel()[:96]).all()


def test_rows_do_not_depend_on_what_else_is_measured_with_common_random_numbers() -> None:
    def table(**changes: Any) -> pd.DataFrame:
        return measure_mismatch(SMALL, **(FEW | changes), common_random_numbers=True).table

    both = table(batch_sizes=[4, 8])
    pd.testing.assert_frame_equal(both[both["batch_size"] == 4], table(), check_exact=True)
    assert not both["value"].equals(measure_mismatch(SMALL, **(FEW | {"batch_sizes": [4, 8]})).table["value"])


@pytest.mark.slow
def test_error_of_a_difference_of_conditions_is_right_with_common_random_numbers() -> None:
    """Over 60 seeds, the variance of the difference is what its standard errors say.

    With 8 groups of blocks the logarithm of the ratio scatters by sqrt(2 / 59 + 2 / 420) = .2: a factor of 3 is
    exceeded by chance with a probability of 1e-7. Errors as of independent numbers are too large: their variance is 15
    times that of the paired ones (2048 networks), and they pass with a probability below 1e-12.
    """
    rows, how = [], dict(FEW, batch_sizes=[4, 8], max_replicates=32, statistics="running", common_random_numbers=True)
    for seed in range(60):
        m = measure_mismatch(SMALL, **how, seed=seed)
        difference = m.compare(4, 8).query("metric == 'nll'").iloc[0]
        independent = m.table.query("metric == 'nll'")["mcse"] ** 2
        rows.append((difference["value"], difference["mcse"] ** 2, independent.sum()))
    value, paired, unpaired = np.array(rows).T
    assert 1 / 3 < value.var(ddof=1) / paired.mean() < 3
    assert value.var(ddof=1) / unpaired.mean() < 1 / 3


def test_replicates_stay_paired_when_precision_is_asked_for() -> None:
    """At batch size 2 accuracies need more networks than at the first look; all kinds and parts then have as many."""
    m = measure_mismatch("digits", batch_sizes=2, steps=100, hidden=(16,), precision=0.015, max_replicates=400)
    assert m.table["replicates"].nunique() == m.gap()["replicates"].nunique() == 1
    assert m.table["replicates"].iloc[0] == m.gap()["replicates"].iloc[0] > 32
    assert m.table["precision_reached"].all()
    accuracy = m.table[m.table["metric"] == "accuracy"]
    assert (accuracy["mcse"] <= 0.015 * accuracy["value"]).all()


@pytest.mark.parametrize("normalizer", ["none", "layer", Group(4)])
def test_without_batch_statistics_there_is_no_gap(normalizer: Any) -> None:
    """To the bit; with them there is one."""
    tables = [measure_mismatch(SMALL, normalizers=n, **FEW).gap() for n in (normalizer, "batch")]
    assert (tables[0][["value", "mcse"]] == 0).all(axis=None)
    assert (tables[1]["value"] != 0).any()


def test_each_kind_is_what_its_name_says() -> None:
    """Two scores of one deep network against plain float64 loops. Wrong: unbiased variances, another network."""
    study = study_of(SMALL, (4,), Recipe(hidden=(8, 6)), (*KINDS, "averaged", Mixed(3), Weighed(0.2)))
    condition = study.conditions()[0]
    found = bn.run_block(study, condition=0, block=0, seed=5)
    rng = side_stream(stream(5, condition, 0), 0)
    trained = Trained.of(condition["recipe"], SMALL, Shuffled(), 4, 40, rng)
    y = trained.split.y_test
    batches = Shuffled().rows(side_stream(rng, TESTING).spawn(2)[1], y, 4, 12)
    for name, right in by_hand(trained, batches, ddof=0).items():
        accuracy, nll = (found["none", "Shuffled()", 4, name, metric][0] for metric in ("accuracy", "nll"))
        assert abs(accuracy - np.mean(right.argmax(axis=-1) == y[batches])) <= 1 / 48  # one tie in float32
        assert nll == pytest.approx(entropy(right, y[batches]), rel=1e-3)
        assert nll != pytest.approx(entropy(by_hand(trained, batches, ddof=1)[name], y[batches]), rel=1e-3)
        assert nll != pytest.approx(found["none", "Shuffled()", 4, name, "nll"][1], rel=1e-3)


def test_every_adaptation_is_measured_by_its_name() -> None:
    m = measure_mismatch(SMALL, statistics=["running", "averaged", *ADAPTATIONS], **FEW)
    assert set(m.table["statistics"]) == {"running", "averaged", *(a.name for a in ADAPTATIONS.values())}
    assert m.table[m.table["metric"] == "nll"]["value"].nunique() == 2 + len(ADAPTATIONS)


def test_precise_statistics_pool_an_epoch_of_batches_and_at_least_100() -> None:
    data, recipe = Gaussians(classes=3, inputs=6, rows=1000), Recipe(hidden=(8,))
    for size, batches in ((2, 500), (64, 100)):
        trained = Trained.of(recipe, data, Shuffled(), size, 5, np.random.default_rng(0))
        assert trained.batches.shape == (batches, size)


def study_of(dataset: Dataset, sizes: tuple[int, ...], recipe: Recipe, kinds: Any = tuple(KINDS)) -> MismatchStudy:
    return MismatchStudy(dataset, (recipe,), (Shuffled(),), sizes, 40, None, (None,), None, None, kinds)


def entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    return -np.take_along_axis(special.log_softmax(logits, axis=-1), labels[..., None], axis=-1).mean()


def by_hand(trained: Trained, batches: np.ndarray, ddof: int) -> dict[str, np.ndarray]:
    """Logits by each kind, in float64; ddof is right if it is 0."""
    network, x, x_test = trained.network, trained.split.x.astype(float), trained.split.x_test.astype(float)

    def forward(values: np.ndarray, statistics: Any) -> np.ndarray:
        for layer in range(2):
            z = values @ network.weights[layer].astype(float)
            mean, var = statistics(layer, z)
            z = network.scale[layer] * (z - mean) / np.sqrt(var + 1e-5) + network.shift[layer]
            values = np.maximum(z, 0)
        return values @ network.weights[-1].astype(float) + network.bias

    def own(_: int, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return z.mean(axis=0), z.var(axis=0, ddof=ddof)

    def running(layer: int, _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        fix = 1 if ddof == 0 else 3 / 4
        return network.running.mean[layer].astype(float), network.running.var[layer].astype(float) * fix

    pooled: list[list[tuple[np.ndarray, np.ndarray]]] = [[], []]
    for rows in trained.batches:
        forward(x[rows], lambda layer, z: pooled[layer].append(own(layer, z)) or pooled[layer][-1])
    precise = []
    for each in pooled:
        mean = np.mean([m for m, _ in each], axis=0)
        precise.append((mean, np.mean([m**2 + v for m, v in each], axis=0) - mean**2))
    whole: list[tuple[np.ndarray, np.ndarray]] = []
    forward(x, lambda _, z: whole.append((z.mean(axis=0), z.var(axis=0) * (1 + ddof / 4))) or whole[-1])

    averaged = [tuple(np.mean([part[k] for part in each], axis=0) for k in (0, 1)) for each in pooled]

    def mixed(layer: int, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return tuple(3 / 7 * s + 4 / 7 * t for s, t in zip(running(layer, z), own(layer, z), strict=True))

    def weighed(layer: int, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, var = running(layer, z)
        new = 0.2 * z + 0.8 * mean
        return new, 0.2 * z**2 + 0.8 * (var + mean**2) - new**2

    rules = {
        "batch": own,
        "running": running,
        "precise": lambda layer, _: precise[layer],
        "population": lambda layer, _: whole[layer],
        "averaged": lambda layer, _: (averaged[layer][0], averaged[layer][1] * (4 / 3 if ddof == 0 else 1)),
        "mixed 3": mixed,
        "weighed 0.2": weighed,
    }
    return {name: np.stack([forward(x_test[rows], rule) for rows in batches]) for name, rule in rules.items()}


def test_the_gap_shrinks_with_the_batch_size() -> None:
    """Batch statistics of 2 rows cost more than those of 64. Wrong: the other way round."""
    gap = digits().gap()
    for metric, sign in (("accuracy", -1), ("nll", 1)):
        parts = gap[(gap["metric"] == metric) & (gap["part"] == "batch - population")]
        (small, large), (small_error, large_error) = sign * parts["value"], parts["mcse"]
        error = np.hypot(small_error, large_error)
        assert exceeds(small - large, error, 32)
        assert exceeds(small, small_error, 32)
        assert not exceeds(large - small, error, 32)


def test_no_network_beats_the_bayes_rule() -> None:
    """Wrong: the Bayes accuracy of classes that are closer to each other is beaten."""
    m = measure_mismatch("gaussians", batch_sizes=[8, 64], steps=300, max_replicates=32, precision=None)
    rows = m.table[m.table["metric"] == "accuracy"]
    assert (rows["bayes_accuracy"] == Gaussians().bayes).all()
    assert m.table["bayes_accuracy"].notna().sum() == len(rows)
    closer = Gaussians(separation=2.4).bayes
    for row in rows.itertuples():
        assert not exceeds(row.value - row.bayes_accuracy, row.mcse, 32)
        if row.batch_size == 64:
            assert exceeds(row.value - closer, row.mcse, 32)


def test_the_bound_is_stated_only_where_it_holds() -> None:
    """Rows of a batch that is drawn by class tell of each other, and a shift makes another problem of it."""
    m = measure_mismatch(
        SMALL, shift=[None, Noise(1.0)], test_batching=[WithReplacement(), Correlated(phi=0.9), OneClass()], **FEW
    )
    known = m.table[m.table["bayes_accuracy"].notna()]
    assert set(known["test_batching"]) == {"WithReplacement()"}
    assert set(known["shift"]) == {"none"}
    assert set(known["metric"]) == {"accuracy"}


@pytest.mark.slow
def test_one_class_a_batch_works_in_training_mode_and_fails_in_evaluation_mode() -> None:
    """Wrong: that both modes are alike, as with shuffled rows."""
    m = measure_mismatch(
        "digits",
        batching=[OneClass(), Shuffled()],
        batch_sizes=32,
        hidden=(32, 32),
        steps=4000,
        learning_rate=0.03,
        sgd_momentum=0.9,
        max_replicates=32,
        precision=None,
    )
    gap = m.gap().query("batching == 'OneClass()' and metric == 'accuracy'").set_index("part")
    for part in ("batch - running", "batch - population"):
        assert exceeds(gap["value"][part], gap["mcse"][part], 32)
    assert not exceeds(gap["value"]["precise - running"], gap["mcse"]["precise - running"], 32)
    accuracy = m.table[m.table["metric"] == "accuracy"].set_index(["batching", "statistics"]).sort_index()
    for (batching, kind), (value, mcse) in accuracy[["value", "mcse"]].iterrows():
        works = kind == "batch" or batching == "Shuffled()"
        assert exceeds(value - 0.4, mcse, 32) == works
        assert exceeds(0.4 - value, mcse, 32) != works


def test_the_same_bits_for_any_workers() -> None:
    def table(executor: Any, seed: int = 0) -> pd.DataFrame:
        return measure_mismatch(
            SMALL,
            normalizers=["batch", "renorm", "layer"],
            shift=[None, Noise(0.5)],
            executor=executor,
            seed=seed,
            **FEW,
        ).table

    one = table(1)
    pd.testing.assert_frame_equal(one, table(2), check_exact=True)
    with ProcessPoolExecutor(1, mp_context=get_context("forkserver")) as pool:
        pd.testing.assert_frame_equal(one, table(pool), check_exact=True)
    assert (one["value"] != table(1, seed=1)["value"]).any()


def test_more_conditions_change_no_bit_of_the_others() -> None:
    few = measure_mismatch(SMALL, shift=Gain(0.5), **FEW)
    more = FEW | {"batch_sizes": [8, 4], "hidden": [(4,), (8,)]}
    many = measure_mismatch(
        SMALL, shift=[None, Gain(0.5)], statistics=["mixed", *KINDS], test_batch_sizes=[8, 4], **more
    )
    on = ["hidden", "batch_size", "shift", "test_batch_size", "statistics", "metric"]
    both = few.table.merge(many.table, on=on, suffixes=("", " of many"))
    assert len(both) == len(few.table)
    assert (both["value"] == both["value of many"]).all()


def test_a_shift_of_no_severity_changes_nothing() -> None:
    """To the bit, on the same rows and batches; a severe one does."""
    table = measure_mismatch("digits", shift=[None, Noise(0.0), ClassMix(0.0), Noise(2.0)], **FEW).table
    value = table.pivot(index=["statistics", "metric"], columns="shift", values="value")
    assert (value["none"] == value["noise 0"]).all()
    assert (value["none"] == value["class mix 0"]).all()
    assert (value["none"] != value["noise 2"]).any()


def test_a_store_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def table(**changes: Any) -> pd.DataFrame:
        return measure_mismatch(SMALL, **(FEW | changes)).table

    path, fresh = tmp_path / "networks.sqlite", table(batch_sizes=[4, 8])
    table(store=path, max_replicates=8)
    table(store=path)
    trained: list[int] = []
    original = Trained.of

    def counted(**given: Any) -> Trained:
        trained.append(given["batch_size"])
        return original(**given)

    monkeypatch.setattr(Trained, "of", staticmethod(counted))
    again = table(store=path, batch_sizes=[4, 8])
    assert trained == [8] * 16
    pd.testing.assert_frame_equal(again, fresh, check_exact=True)
    with pytest.raises(ValueError, match="store"):
        table(store=path, steps=31)


def test_as_many_steps_or_as_many_rows() -> None:
    """With the same steps, more rows are seen in larger batches; with the same rows, fewer steps are made."""
    sizes = dict(FEW, batch_sizes=[4, 24])
    steps, rows = measure_mismatch(SMALL, **sizes), measure_mismatch(SMALL, **(sizes | {"steps": None, "rows": 120}))
    pd.testing.assert_frame_equal(steps.table.iloc[:20], rows.table.iloc[:20])
    assert (steps.table.iloc[20:]["value"] != rows.table.iloc[20:]["value"]).any()
    study = MismatchStudy(SMALL, (Recipe(),), (Shuffled(),), (4, 24), None, 120, (None,), None, None, tuple(KINDS))
    assert [study.steps_of(condition) for condition in study.conditions()] == [30, 5]


def test_divergence_is_counted_and_told() -> None:
    with pytest.warns(DivergenceWarning, match=r"diverged in 1 conditions(.|\n)*learning_rate=1e\+06, value=1$"):
        m = measure_mismatch("digits", learning_rate=[0.1, 1e6], **FEW)
    bad = m.table[m.table["learning_rate"] == 1e6]
    expected = {"accuracy": 0.1, "nll": np.log(10), "ece": 0.0, "disagreement": 0.0, "diverged": 1.0}
    np.testing.assert_allclose(bad["value"], bad["metric"].map(expected), rtol=1e-12)
    good = m.table[(m.table["learning_rate"] == 0.1) & (m.table["metric"] == "diverged")]
    assert (good["value"] == 0).all()


def test_normalizers_with_other_settings_have_names_of_their_own() -> None:
    m = measure_mismatch(SMALL, normalizers=["batch", Ghost(size=2), Renorm(r_max=2.0)], **FEW)
    names = list(dict.fromkeys(m.table["normalizer"]))
    assert names == ["batch", "Ghost(size=2)", "Renorm(r_max=2.0, d_max=5.0, schedule=(100, 500, 800))"]


def test_depths_are_conditions_however_they_are_nested() -> None:
    as_documented = measure_mismatch(SMALL, **(FEW | {"hidden": [(8,), (8, 8, 8)]})).table
    assert as_documented["hidden"].drop_duplicates().tolist() == ["(8,)", "(8, 8, 8)"]
    assert as_documented.groupby("hidden")["value"].apply(tuple).nunique() == 2
    for nested in (((8,), (8, 8, 8)), [[8], [8, 8, 8]]):
        pd.testing.assert_frame_equal(measure_mismatch(SMALL, **(FEW | {"hidden": nested})).table, as_documented)


def test_momenta_are_conditions_and_none_is_nan() -> None:
    m = measure_mismatch(SMALL, momentum=[0.1, None, 1], convention="keras", **FEW)
    assert m.table["momentum"].drop_duplicates().fillna(-1).tolist() == [0.1, -1, 1]
    kinds = m.table[m.table["metric"] == "nll"].pivot(index="momentum", columns="statistics", values="value")
    assert kinds["running"].nunique() == 3


def test_figures() -> None:
    import matplotlib.pyplot as plt

    figure = digits().plot()
    ax = figure.axes[0]
    assert ax.get_ylabel() == "accuracy"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == KINDS
    m = measure_mismatch(SMALL, test_batch_sizes=[2, 8], normalizers=["batch", "layer"], **FEW)
    panels = m.plot("nll").axes
    assert [ax.get_title() for ax in panels] == ["normalizer batch", "normalizer layer"]
    assert panels[0].get_xlabel() == "test batch size"
    with pytest.raises(ValueError, match=r"^metric is one of accuracy, .*; got 'loss'\.$"):
        m.plot("loss")
    plt.close("all")


def test_a_gap_needs_all_four_kinds() -> None:
    m = measure_mismatch(SMALL, statistics=["batch", "running"], **FEW)
    with pytest.raises(ValueError, match=r"^the parts of the gap need batch, running, .*\.$"):
        m.gap()


BAD = {
    "dataset": [3, None, "digit", (np.zeros((4, 2)), [0, 1])],
    "normalizers": ["bach", 3, [], Group(3), Ghost(size=3)],
    "batch_sizes": [1, 0, -2, 2.5, "4", [], [4, 1], None, True, 10_000],
    "batching": [
        "shuffled",
        None,
        [],
        ClassBalanced(classes=2, rows_per_class=3),
        ClassBalanced(classes=4, rows_per_class=1),
    ],
    "hidden": [8, (), (0,), (2.5,), "64", None, [(8,), 3], []],
    "convention": ["torsh", 3, None],
    "momentum": [0, 1.5, "0.1", [], True, {}, [None, "x"]],
    "learning_rate": [0, -1, np.inf, np.nan, "0.1", None, []],
    "sgd_momentum": [1.0, -0.1, "0.9", None, [0.9]],
    "weight_decay": [-1, np.inf, "0.1", None],
    "steps": [0, 2.5, "100", True],
    "rows": [0, 3, 2.5, "100"],
    "shift": ["noise", 0.5, []],
    "test_batching": ["shuffled", OneClass, []],
    "test_batch_sizes": [1, 2.5, "4", [], 10_000],
    "statistics": ["bach", 3, []],
    "precision": [0, 1, -1, "0.1"],
    "max_replicates": [1, 0, "10"],
    "seed": [-1, 0.5, "0"],
    "executor": [0, "threads"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_bad_input_is_told_in_a_sentence_before_anything_is_trained(
    name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(*_: Any) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr(Trained, "of", staticmethod(trained))
    given: dict[str, Any] = {
        "dataset": SMALL,
        "hidden": (8,),
        "batch_sizes": [4],
        "precision": None,
        "max_replicates": 8,
    }
    with pytest.raises(ValueError, match=r"^[^\n]{20,400}\.$"):
        measure_mismatch(**(given | {name: value}))


def test_a_shift_that_leaves_too_few_rows_of_a_class_is_refused() -> None:
    """All rows of one class: no batch of two classes can be drawn, though it could before the shift."""
    two = {"test_batching": ClassBalanced(classes=2, rows_per_class=2)}
    measure_mismatch(SMALL, **two, **FEW)
    with pytest.raises(ValueError, match=r"^give other test_batch_sizes .*: classes is at most 1, .*\.$"):
        measure_mismatch(SMALL, shift=ClassMix(1.0), **two, **FEW)


@pytest.mark.parametrize("favored", range(3))
def test_whichever_class_a_shift_favors_too_few_rows_are_refused_before_a_run(favored: int) -> None:
    """Of classes with 24, 24 and 6 test rows, half go: 3 are left of the last, unless it is favored itself."""
    y = np.repeat([0, 1, 2], [96, 96, 24])
    y = (y + favored) % 3
    x = np.random.default_rng(0).normal(size=(216, 4))
    few = FEW | {"shift": ClassMix(0.5), "test_batching": OneClass()}
    with pytest.raises(ValueError, match=r"^give other .* 4 rows of one class, and the smallest class has 3;"):
        measure_mismatch((x, y), **few)
    measure_mismatch((x, y), test_batch_sizes=3, **few)


def test_class_based_test_batches_of_fresh_rows_can_always_be_drawn() -> None:
    """Of 3 classes with 16 test rows each; were labels independent, half of the networks would have fewer than 14."""
    m = measure_mismatch(SMALL, test_batching=OneClass(), test_batch_sizes=16, **FEW)
    assert (m.table["replicates"] == 16).all()
    with pytest.raises(ValueError, match=r"^give other .* and the smallest class has 16;"):
        measure_mismatch(SMALL, test_batching=OneClass(), test_batch_sizes=17, **FEW)


def test_steps_and_rows_contradict_each_other() -> None:
    with pytest.raises(ValueError, match=r"^steps and rows both say .* got 10 and 100\.$"):
        measure_mismatch(SMALL, steps=10, rows=100)


def test_an_error_of_0_is_of_what_is_known_to_be_the_same() -> None:
    """Of four networks none diverges. Known to be 0 are differences between kinds of statistics without a batch."""
    m = measure_mismatch(
        "digits", normalizers=["layer", "batch"], batch_sizes=[8], steps=20, max_replicates=4, precision=None
    )
    layer = m.gap().query("normalizer == 'layer'")
    assert len(layer)
    assert (layer[["value", "mcse"]] == 0).all(axis=None)
    assert (m.gap().query("normalizer == 'batch'")["mcse"] > 0).all()
    diverged = m.table.query("metric == 'diverged'")
    assert (diverged["value"] == 0).all()
    np.testing.assert_allclose(diverged["mcse"], 0.75)  # the rule of three: 3 / 4
    disagreement = m.table.query("metric == 'disagreement' and normalizer == 'batch'").set_index("statistics")["mcse"]
    assert disagreement["population"] == 0
    assert disagreement["batch"] > 0

"""The cause of what was broken is named first, on real networks and images, and nothing else is named beside it.

The networks were trained once (`tests/data/make_audited_networks.py`). An audit of one of them is deterministic given
its seed; over other seeds and trainings see `tests/audit/other_seeds.py`.
"""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

from audited_networks import loader, norms, split, unseen
from broken_models import BREAKS, audited, averaged, healthy, stored
from torch import nn

import bnstats as bn
from bnstats.audit.report import CAUSES

# Broken, but at no cost that these rows show: nothing is to be named.
HARMLESS = {("eps", "residual"), ("eps", "dense")}
# Those whose cause is a number of the layer's own are not tried on the slowest network.
QUICK = ("convolutional", "dense")
PLAIN = (
    "never_counted",
    "batches_of_2",
    "not_a_number",
    "negative_variance",
    "nan_weights",
    "batches_of_1",
    "updated_twice",
)
PAIRS = [(b, n) for b in BREAKS for n in (QUICK if b in PLAIN else (*QUICK, "residual"))]


@pytest.mark.parametrize(("name", "network"), PAIRS)
def test_the_right_cause_is_named_first_and_alone(name: str, network: str) -> None:
    broken = BREAKS[name](network)
    report = bn.audit(broken.model, broken.loader, test=broken.test, **broken.options)
    named = [finding.cause for finding in report.findings]
    assert named == ["nothing_wrong" if (name, network) in HARMLESS else broken.cause]


# On larger images; all that a healthy network of these is broken by afterwards, and averaged weights.
MNIST = (
    "healthy",
    "one_layer_reset",
    "averaged",
    "other_data",
    "noisy",
    "shifted",
    "negative_variance",
    "dead",
    "short_last_batch",
    "composition",
)


@pytest.mark.parametrize("name", MNIST)
def test_the_right_cause_is_named_first_and_alone_on_other_images(name: str) -> None:
    broken = BREAKS[name]("dense", "mnist")
    report = bn.audit(broken.model, broken.loader, test=broken.test, **broken.options)
    assert [finding.cause for finding in report.findings] == [broken.cause]


def test_a_cost_that_few_rows_cannot_show_is_named_with_more() -> None:
    """Another eps costs this network .02 nats: 597 test rows show that layers are off, 3800 what it costs, too."""
    broken = BREAKS["eps"]("dense", "mnist")
    (few,) = bn.audit(broken.model, broken.loader, test=broken.test).findings
    assert few.cause == "nothing_wrong"
    assert few.evidence["noticed"] > 0.02
    assert set(few.evidence["z"]) == {"7", "11"}
    assert "2 layers are off by more than chance, from 7 on, at no cost that 597 rows show" in few.text
    (many,) = bn.audit(broken.model, broken.loader, test=[unseen(0, "mnist")]).findings
    assert many.cause == "eps_mismatch"
    assert 0.01 < many.cost < few.evidence["noticed"]


def test_batches_of_2_harm_no_running_statistics_where_there_are_many_positions() -> None:
    """With 16 or 64 positions a batch of 2 holds 32 to 128 values per channel; no others score better by .01 nats."""
    broken = BREAKS["batches_of_2"]("residual")
    x, y = broken.test[0]
    report = bn.audit(broken.model, broken.loader, test=[(x[:200], y[:200])])
    assert report.findings[0].cause == "nothing_wrong"
    nll = report.explained().query("metric == 'nll'").set_index("statistics")["value"]
    assert nll["running"] < nll.drop("running").min() + 0.01
    assert report.layers["var_spread"].max() < 0.4


def test_every_cause_is_tried() -> None:
    tried = {f("dense").cause for f in BREAKS.values()} | {"variance_convention"}
    assert tried == set(CAUSES)


@pytest.mark.parametrize("images", ["digits", "mnist"])
def test_averaged_weights_are_told_from_other_data_by_the_span_of_the_filters(images: str) -> None:
    found = {}
    for training in ("healthy", "averaged"):
        broken = audited("stale", "convolutional", training, images)
        if training == "healthy":
            x, y = split(0, images)[0]
            from audited_networks import update

            torch.manual_seed(0)
            update(broken.model, loader((x * 0.3, y)), 200).eval()
        finding = bn.audit(broken.model, broken.loader, test=broken.test).findings[0]
        assert finding.cause == "stale"
        found[training] = finding
    assert found["averaged"].evidence["residual"] > 6
    assert "weights have moved" in found["averaged"].text
    assert found["healthy"].evidence["residual"] < 0.2
    assert "other data" in found["healthy"].text


def test_a_recalibration_that_is_advised_helps_on_the_rows_it_was_not_made_from() -> None:
    broken = averaged("convolutional")
    finding = bn.audit(broken.model, broken.loader, test=broken.test).findings[0]
    mended = bn.recalibrate(broken.model, broken.loader)
    x, y = broken.test[0]
    with torch.no_grad():
        before, after = (nn.functional.cross_entropy(model(x), y).item() for model in (broken.model, mended))
    assert before - after == pytest.approx(finding.cost, rel=0.1)
    assert "bn.recalibrate" in finding.mend


def test_two_defects_at_once() -> None:
    broken = averaged("dense")
    norms(broken.model)[1].reset_running_stats()
    report = bn.audit(broken.model, broken.loader, test=broken.test)
    assert {finding.cause for finding in report.findings} == {"stale", "never_updated"}
    costs = [finding.cost for finding in report.findings]
    assert costs == sorted(costs, reverse=True)
    (never,) = (finding for finding in report.findings if finding.cause == "never_updated")
    assert never.layers == (report.layers["layer"][1],)
    # The test rows are shifted, too: what is wrong with the statistics is then judged on the loader's rows.
    x, y = broken.test[0]
    shifted = [(0.4 * x + 0.3 * torch.rand(x.shape, generator=torch.Generator().manual_seed(0)), y)]
    causes = {finding.cause for finding in bn.audit(broken.model, broken.loader, test=shifted).findings}
    assert {"shifted_test_data", "never_updated"} <= causes


def test_twenty_stacked_layers_without_weights() -> None:
    """Unbiased running variances: evaluation shrinks the output of every layer by sqrt(63/64).

    Updated so often with batches of 64 that nothing else is off; without weights, eps as small as PyTorch allows. It
    costs .008 nats where outputs, 1.5 times as large, are logits.
    """
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.BatchNorm1d(32, affine=False, eps=1e-12) for _ in range(20)))
    batches = [torch.randn(64, 32) for _ in range(300)]
    with torch.no_grad():
        for batch in batches:
            model(batch)
        inputs = torch.randn(64, 32)
        inputs = (inputs - inputs.mean(0)) / inputs.std(0, correction=0) * model[0].running_var.sqrt()
        model.eval()
        ratio = (model(inputs).std(0, correction=0)).mean().item()
    assert ratio == pytest.approx((63 / 64) ** (19 / 2), rel=0.01)
    report = bn.audit(model, batches[:100], forward=lambda m, batch: 1.5 * m(batch), effect=0.005)
    assert report.findings[0].cause == "variance_convention"
    assert 'kind="biased"' in report.findings[0].mend or 'kind="population"' in report.findings[0].mend


def test_without_labels_outputs_are_compared_with_training_mode() -> None:
    model, (x, _) = stored("convolutional", "averaged"), split(0)[0]
    images = [x[i : i + 32] for i in range(0, 1184, 32)]
    report = bn.audit(model, images)
    assert list(report.scores["metric"].unique()) == ["divergence", "changed"]
    assert report.findings[0].cause == "stale"
    assert bn.audit(stored("convolutional", "healthy"), images).findings[0].cause == "nothing_wrong"


def test_without_labels_grouped_batches_are_seen_at_the_deepest_layer() -> None:
    """The same rows in random batches are not grouped."""
    broken = BREAKS["one_class_batches"]("dense")
    images = [x for x, _ in broken.loader]
    report = bn.audit(broken.model, images)
    assert report.findings[0].cause == "grouped_batches"
    assert report.findings[0].evidence["deepest layer ratio"] > 2
    rows = torch.cat(images)[torch.from_numpy(np.random.default_rng(0).permutation(32 * len(images)))]
    assert "grouped_batches" not in {f.cause for f in bn.audit(broken.model, list(rows.split(32))).findings}


def test_dicts_own_scores_and_own_forward() -> None:
    x, y = split(0)[0]
    model = stored("dense", "averaged")
    dicts = [{"image": x[i : i + 32], "label": y[i : i + 32]} for i in range(0, 1184, 32)]
    plain = bn.audit(model, [(d["image"], d["label"]) for d in dicts])
    assert bn.audit(model, dicts).scores.equals(plain.scores)
    own = bn.audit(
        model,
        dicts,
        forward=lambda m, batch: m(batch["image"]),
        score=lambda output, batch: -nn.functional.cross_entropy(output, batch["label"], reduction="none"),
    )
    assert np.allclose(own.scores["value"], -plain.scores.query("metric == 'nll'")["value"], atol=1e-6)
    assert own.findings[0].cause == plain.findings[0].cause == "stale"


def test_the_report_speaks_for_itself() -> None:
    broken = averaged("convolutional")
    report = bn.audit(broken.model, broken.loader, test=broken.test)
    assert "stale" in repr(report)
    assert "Mend: bn.recalibrate" in report.summary()
    gap = report.gap.query("rows == 'test' and metric == 'nll'").set_index("part")["value"]
    assert gap["batch - running"] == pytest.approx(gap.drop("batch - running").sum())
    assert set(report.layers["layer"]) == set(report.channels["layer"])
    assert (report.layers["gain"] > 0).any()


def test_the_same_audit_gives_the_same_report() -> None:
    broken = healthy("dense")
    first, second = (bn.audit(broken.model, broken.loader, test=broken.test, seed=3) for _ in range(2))
    for name in ("layers", "channels", "scores", "gap"):
        table: Any = getattr(first, name)
        assert table.equals(getattr(second, name)), name


class Stubborn(nn.Sequential):
    """Keeps one layer in evaluation mode, as models for fine-tuning do, and has a layer that it never calls."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(*model)
        self.unused = nn.BatchNorm1d(3)

    def train(self, mode: bool = True) -> "Stubborn":
        super().train(mode)
        self[7].eval()
        return self

    def forward(self, x: Any) -> Any:
        for layer in list(self)[:-1]:
            x = layer(x)
        return x


def test_a_model_that_keeps_a_layer_frozen_by_itself() -> None:
    model, loader_ = Stubborn(stored("dense", "healthy")).eval(), loader(split(0)[0])
    report = bn.audit(model, loader_)
    assert [finding.cause for finding in report.findings] == ["mixed_modes"]
    assert report.findings[0].layers == ("7",)
    assert list(report.layers["frozen"]) == [False, True, False]
    assert report.never_called == ("unused",)
    assert "Never called: unused" in report.summary()


def test_a_loader_with_few_batches_is_read_once_and_that_is_said() -> None:
    x, y = split(0)[0]
    few = [(x[i : i + 60], y[i : i + 60]) for i in range(0, 1200, 60)]
    report = bn.audit(stored("dense", "healthy"), few)
    assert set(report.layers["batches"]) == {20}
    assert "Only 20 different batches: standard errors from so few are off by 16% themselves." in report.summary()


def test_shares_at_test_time_may_be_told() -> None:
    broken = BREAKS["composition"]("dense")
    x, y = broken.test[0]
    told = bn.audit(broken.model, broken.loader, test=[(x, y)], class_shares=dict.fromkeys(range(10), 0.1))
    assert told.findings[0].cause == "composition"
    assert told.findings[0].evidence["shares"] == pytest.approx(dict.fromkeys(range(10), 0.1))

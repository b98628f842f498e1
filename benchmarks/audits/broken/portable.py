"""Kinds that are written as weights and statistics, so that each framework can build them."""

from __future__ import annotations

from functools import partial

from benchmarks.audits.broken import damages as d
from benchmarks.audits.broken import trained as t
from benchmarks.audits.broken.kinds import Kind

DROPPED = ("dense", "conv", "residual", "1-D", "graph")
INFINITE, MISSING = float("inf"), float("nan")
AVERAGED, ALIKE = "averaged_weights", ("dense", "residual", "recurrent", "graph")
PORTABLE: tuple[Kind, ...] = (
    Kind("never updated", partial(d.never_updated, scope="all"), "never_updated"),
    Kind("never updated, one layer", partial(d.never_updated, scope="one"), "never_updated"),
    Kind("means never saved", d.half_saved, "stale", ("never_updated",)),
    Kind("few updates", partial(d.few_updates, scope="all"), "start_remains"),
    Kind("few updates, one layer", partial(d.few_updates, scope="one"), "start_remains"),
    Kind("short training", t.short_training, "start_remains", ("stale",)),
    Kind("small batches and a large weight", partial(d.noisy, scope="all"), "noisy_average"),
    Kind("small batches and a large weight, one layer", partial(d.noisy, scope="one"), "noisy_average"),
    Kind("recalibrated on few rows", d.few_rows, "noisy_average"),
    Kind("averaged weights", partial(t.averaged_weights, live=False), "stale", ("averaged_weights",)),
    Kind("averaged weights, live model given", partial(t.averaged_weights, live=True), AVERAGED),
    Kind("weights moved on", t.weights_moved, "stale"),
    Kind("statistics of other data", partial(d.other_data, scope="all"), "stale"),
    Kind("statistics of other data, one layer", partial(d.other_data, scope="one"), "stale"),
    Kind("statistics of one client", d.one_client, "stale"),
    Kind("recalibrated on sorted rows", d.sorted_recalibration, "stale", families=("dense", "graph")),
    Kind("two layers swapped", d.swapped, "stale", families=ALIKE),
    Kind("NaN in one channel", partial(d.one_value, scope="one", value=MISSING), "not_finite"),
    Kind("infinite variances", partial(d.one_value, scope="all", value=INFINITE), "not_finite"),
    Kind("a negative variance", partial(d.one_value, scope="one", value=-0.1), "not_finite"),
    Kind("batch statistics in evaluation", d.batch_statistics, "batch_statistics_in_evaluation", always=True),
    Kind("dropout before batch norm", t.noise, "noise_in_training", families=DROPPED),
    Kind("trained on batches of two", t.batches_of_2, "small_batch", families=("dense",)),
    Kind("trained on one class a batch", t.grouped, "grouped_batches", families=("residual",)),
    Kind("another eps", t.other_eps, "eps"),
    Kind("shifted test data", d.shifted, "shifted_test_data"),
    Kind("momentum of another framework", d.other_momentum, "momentum_of_another_framework"),
)

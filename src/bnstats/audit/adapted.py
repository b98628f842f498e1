"""What statistics that are adapted to the test rows bring, by kind of adaptation and test batch size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bnstats._checks.values import instance, named, several
from bnstats.audit.batches import count_rows, taken
from bnstats.audit.case import Case
from bnstats.audit.kinds import group_size
from bnstats.audit.layers import Call, to_numpy
from bnstats.audit.scores import estimate
from bnstats.networks.adaptation import ADAPTATIONS, Adaptation, Mixed

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
# The most rows that pass at once.
MOST_ROWS = 1024


def adaptations_of(given: Any) -> tuple[Adaptation, ...]:
    """Adaptations as they are, or by their names."""
    return tuple(
        named("adaptation", one, ADAPTATIONS, "a bn.adaptation")
        if isinstance(one, str)
        else instance("each of adaptations", one, Adaptation, "bn.adaptation.Mixed()")
        for one in several("adaptations", given)
    )


def adaptation_table(case: Case, adaptations: Sequence[Adaptation]) -> pd.DataFrame:
    """One row per adaptation, test batch size and metric: its value and what it brings over running statistics.

    Test rows, or without them those of the loader that no mend is made from, come in random batches; all sizes have the
    same rows.
    """
    rows = case.held if case.test is None else case.test
    order = np.random.default_rng(case.seed).permutation(count_rows(rows))[: min(MOST_ROWS, group_size(rows, 1))]
    found = []
    for size in (n for n in SIZES if n <= len(order) // 2):
        chosen = order[: len(order) // size * size]
        batch = taken(rows, chosen)
        base = [metric[chosen] for metric in case.bench.score()]
        for adaptation in adaptations:
            new = case.bench.of(adapted(case, batch, len(chosen) // size, adaptation), batch, chosen)
            for metric, values, old in zip(case.bench.metrics, new, base, strict=True):
                value, gain = estimate(values), estimate(metric.sign * (values - old))
                row = {"adaptation": adaptation.name, "test_batch_size": size, "metric": metric.name}
                row |= {"value": value.value, "low": value.low, "high": value.high}
                found.append(row | {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high})
    return pd.DataFrame(found)


def adapted(case: Case, batch: Any, count: int, adaptation: Adaptation) -> Any:
    """Output of rows that are so many batches after one another, each layer's running statistics adapted to them."""

    def handle(_: str, call: Call) -> Tensor:
        if call.running_mean is None or call.running_var is None:
            return call.as_it_is()
        moved = call.input.movedim(1, -1)
        z = moved.reshape(count, -1, moved.shape[-1]).double().cpu().numpy()
        chosen = adaptation
        if isinstance(adaptation, Mixed):  # its pseudo-rows have as many positions as rows have
            chosen = replace(adaptation, pseudo=adaptation.pseudo * moved[..., 0].numel() / len(moved))
        mean, var = chosen.adapt(to_numpy(call.running_mean), to_numpy(call.running_var), z)
        weight, bias = (default if p is None else to_numpy(p) for p, default in ((call.weight, 1.0), (call.bias, 0.0)))
        normal = (z - mean) / np.sqrt(var + call.eps) * weight + bias
        output = torch.as_tensor(normal, dtype=call.input.dtype, device=call.input.device)
        return output.reshape(moved.shape).movedim(-1, 1)

    return case.runner.with_calls(handle, batch)

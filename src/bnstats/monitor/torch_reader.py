"""Running statistics of a PyTorch model, read without waiting for a device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.instancenorm import _InstanceNorm

from bnstats._checks.array_types import FloatArray
from bnstats.monitor.core.readings import EPS, Layout, Reading, StatisticsReader

LARGEST_BLOCK = 2**24
"""Numbers that are kept on a device between two checks, at most."""
_WRAPPERS = ("module", "_orig_mod", "_fsdp_wrapped_module")


class TorchReader(StatisticsReader):
    """The layers of a model that keep running statistics.

    On a CPU each read is handed out at once. On other devices reads stay there until there are `check_every`, and are
    then fetched together: nothing waits in between.
    """

    def __init__(self, model: nn.Module, check_every: int) -> None:
        self.model, self.check_every = model, check_every
        self.kept: list[tuple[Tensor, Tensor, FloatArray, int, float]] = []
        self.reads = 0
        self._find()

    def read(self, batches: int) -> list[Reading]:
        """Read the running statistics; return the reads that need not be kept back."""
        if _rank() != 0:
            return []
        found: list[Reading] = []
        due = batches == 0 or (self.reads + batches) // self.check_every > self.reads // self.check_every
        self.reads += batches
        if due or not self.modules or self._changed():
            found += self.flush()
            self._find()
            if not self.modules:
                return found
        weights = np.array([_weight(module) for module in self.modules])
        with torch.no_grad():
            self.kept.append((*self._row(), weights, batches, self._learned() if due else float("nan")))
        most = max(LARGEST_BLOCK // (2 * self.layout.channels), 1)
        if due or self.kept[0][0].device.type == "cpu" or len(self.kept) >= most:
            found += self.flush()
        return found

    def flush(self) -> list[Reading]:
        """Fetch all reads that are kept back."""
        if not self.kept:
            return []
        values, counts, *others = zip(*self.kept, strict=True)
        self.kept = []
        fetched = (torch.stack(part).to("cpu", torch.float64).numpy() for part in (values, counts))
        return [self._reading(*read) for read in zip(*fetched, *others, strict=True)]

    def _learned(self) -> float:
        """Return the sum of the learned scales and shifts, which changes when weights move; nan if none is learned."""
        held = [p for m in self.modules for p in (getattr(m, "weight", None), getattr(m, "bias", None))]
        learned = [p for p in held if isinstance(p, nn.Parameter) and p.requires_grad]
        return float(sum(p.detach().double().sum().cpu() for p in learned)) if learned else float("nan")

    def _reading(
        self, values: FloatArray, counts: FloatArray, weights: FloatArray, batches: int, learned: float
    ) -> Reading:
        # Momentum 0 keeps the statistics as they are, whatever the counter says.
        still = weights == 0
        counts = np.where((counts < 0) | still, np.nan, counts)
        return Reading(
            self.layout, values, np.where(still, 1.0, weights), counts, self.eps, self.rounding, batches, learned
        )

    def _find(self) -> None:
        """Find the layers anew: models can change while they train, and lazy layers begin with the first batch."""
        found = dict(layers_of(self.model))
        if not found and not any(_is_lazy(module) for module in self.model.modules()):
            raise ValueError("the model has no batch-norm layer that keeps running statistics.")
        self.modules = list(found.values())
        self.layout = Layout(tuple(found), tuple(_buffers(module)[0].numel() for module in self.modules))
        self.eps = np.array([float(getattr(module, "eps", EPS)) for module in self.modules])
        stored = [_buffers(module)[0].dtype for module in self.modules]
        self.rounding = np.array([torch.finfo(kind).eps for kind in stored])

    def _changed(self) -> bool:
        """Return True if a layer has lost its statistics, or has others of another size."""
        means = [module._buffers.get("running_mean") for module in self.modules]
        return tuple(0 if mean is None else mean.numel() for mean in means) != self.layout.sizes

    def _row(self) -> tuple[Tensor, Tensor]:
        """Return all running statistics in one tensor, and the counters of updates: -1 where there is none."""
        pairs = [_buffers(module) for module in self.modules]
        parts = [mean for mean, _ in pairs] + [var for _, var in pairs]
        device = parts[0].device
        counters = [module._buffers.get("num_batches_tracked") for module in self.modules]
        counts = [torch.full((), -1, device=device) if c is None else c for c in counters]
        if any(part.device != device for part in parts):
            parts = [part.to(device, non_blocking=True) for part in parts]
            counts = [count.to(device, non_blocking=True) for count in counts]
        return torch.cat([part.reshape(-1) for part in parts]), torch.stack(counts)


def layers_of(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the layers that keep running statistics, by their path without what wrapping and compiling put in it."""
    for path, module in model.named_modules():
        kept = module._buffers.get("running_mean"), module._buffers.get("running_var")
        if kept[0] is None or kept[1] is None or isinstance(module, _InstanceNorm) or _is_lazy(module):
            continue
        yield ".".join(part for part in path.split(".") if part not in _WRAPPERS) or "model", module


def _buffers(module: nn.Module) -> tuple[Tensor, Tensor]:
    mean, var = module._buffers["running_mean"], module._buffers["running_var"]
    assert mean is not None
    assert var is not None
    return mean, var


def _weight(module: Any) -> float:
    """Return the weight of a new batch; nan for the cumulative average."""
    momentum = getattr(module, "momentum", 0.1)
    weight = float("nan") if momentum is None else float(momentum)
    if not (np.isnan(weight) or 0 <= weight <= 1):
        raise ValueError(f"momentum is the weight of the new batch, from 0 to 1; a layer has {momentum}.")
    return weight


def _is_lazy(module: nn.Module) -> bool:
    held = module._buffers.get("running_mean")
    return isinstance(held, nn.parameter.UninitializedTensorMixin)


def _rank() -> int:
    """Return the rank of this process: buffers of others are overwritten by those of the first one."""
    distributed = torch.distributed
    return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0

"""Whether the means stored in the first layer are means of any data at all, under the filters in front of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from bnstats.audit.case import Case
from bnstats.audit.layers import to_numpy

_LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def residual(case: Case, name: str) -> float | None:
    """Distance of a layer's running means from the span of its filters, in standard errors per degree of freedom.

    The mean of a linear map's output is the map of its mean input. So the means of any data lie in the span of the
    filters, where there are more channels than weights per filter; those of other weights do not.

    Parameters
    ----------
    case : Case
    name : str
        The layer.

    Returns
    -------
    float or None
        None where there are too few channels or no linear map right before the layer.
    """
    layer = next(layer for layer in case.layers if layer.name == name)
    linear = producer(case, layer.module)
    if linear is None or layer.running is None or getattr(linear, "groups", 1) != 1:
        return None
    filters = to_numpy(linear.weight).reshape(len(linear.weight), -1)
    spare = filters.shape[0] - filters.shape[1]
    if spare < 1:
        return None
    bias = 0.0 if linear.bias is None else to_numpy(linear.bias)
    se = np.maximum(case.compared[name].se[0], 1e-30)
    means, scaled = (layer.running[0] - bias) / se, filters / se[:, None]
    rest = means - scaled @ np.linalg.lstsq(scaled, means, rcond=None)[0]
    return float(np.sqrt(np.sum(np.square(rest)) / spare))


def producer(case: Case, module: nn.Module) -> Any:
    """The linear layer or convolution whose output is a module's input, None if there is something in between."""
    made: list[tuple[nn.Module, Tensor]] = []
    found: list[nn.Module | None] = []

    def after(linear: nn.Module, _: Any, output: Tensor) -> None:
        made.append((linear, output))

    def before(_: nn.Module, inputs: Any) -> None:
        found.append(next((linear for linear, output in made if output is inputs[0]), None))

    handles = [m.register_forward_hook(after) for m in case.runner.model.modules() if isinstance(m, _LINEAR)]
    handles.append(module.register_forward_pre_hook(before))
    try:
        case.runner.evaluate(case.kept[:1])
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None

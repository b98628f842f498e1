"""Tensors of a model that are running statistics: those that batch normalization is given, and those that act so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.instancenorm import _InstanceNorm

from bnstats.audit.torch.calls import Moment, entering, moment
from bnstats.audit.torch.layers import PAIR, Found, Recorder, bare, homes_of, looks_like
from bnstats.audit.torch.working_copy import WorkingCopy

Run = Callable[[], Any]
"""Runs a pass over the example batch in the mode that the copy is in."""


def find_layers(copy: WorkingCopy, run: Run) -> tuple[list[Found], list[str]]:
    """Return all batch-norm layers in the order of a pass, and the names of those that no pass calls.

    Parameters
    ----------
    copy : WorkingCopy
        Copy of the model.
    run : callable () -> output
        Runs a pass over the example batch; what it raises in evaluation mode is raised.
    """
    recorder = Recorder(copy, homes_of(copy))
    try:
        copy.enter(False)
        recorder.record(run)
    finally:
        copy.put_back(compare=True)
    evaluated = {name: len(calls) for name, calls in recorder.calls.items()}
    entered, recorder.entered = recorder.entered, {}
    changed: set[int] = set()
    try:
        copy.enter(True)
        recorder.record(run)
        changed = {i for i, home in recorder.homes.items() if copy.changed(i, getattr(home.module, home.name))}
    except Exception:  # batches of one row, and whatever the user's code refuses in training mode
        recorder.entered = entered
    finally:
        copy.put_back(compare=True)
    found = [_called(name, recorder, evaluated.get(name)) for name in recorder.calls]
    used = {place for layer in found for place in layer.places} | _of_instance_norm(recorder)
    found += _moving(recorder, run, changed - used)
    found += _fixed(recorder, used | {place for layer in found for place in layer.places})
    order = list(recorder.order)
    found.sort(key=lambda layer: order.index(layer.name if layer.name in order else _path(layer, recorder)))
    known = {layer.name for layer in found}
    like = [bare(path) for path, module in recorder.modules.items() if looks_like(module)]
    return found, [name for name in dict.fromkeys(like) if name not in known]


def _path(layer: Found, recorder: Recorder) -> str:
    return str(next(path for path, module in recorder.modules.items() if module is layer.module))


def _of_instance_norm(recorder: Recorder) -> set[int]:
    """Return places of buffers that belong to instance normalization."""
    copy = recorder.copy
    modules = [m for m in recorder.modules.values() if isinstance(m, _InstanceNorm)]
    held = {copy.place_of(buffer) for module in modules for buffer in module.buffers(recurse=False)}
    return {i for i, x in enumerate(copy.tensors) if id(x) in recorder.instance} | {i for i in held if i is not None}


def _called(name: str, recorder: Recorder, evaluated: int | None) -> Found:
    """Return a layer whose work PyTorch's batch normalization does."""
    calls = recorder.calls[name][evaluated or 0 :] or recorder.calls[name]
    first = calls[0]
    # With tracking turned off, PyTorch's layer hands over its statistics in evaluation mode alone.
    given = next((call for call in (*calls, *recorder.calls[name]) if call.running_mean is not None), first)
    places = tuple(recorder.copy.place_of(x) for x in (given.running_mean, given.running_var))
    known = tuple(place for place in places if place is not None)
    kept, tracks = tuple(recorder.homes[place] for place in known if place in recorder.homes), len(known) == 2
    module = kept[0].module if kept else recorder.where[name]
    statistics = (given.running_mean, given.running_var) if tracks else None
    declared = getattr(module, "momentum", first.momentum)
    return Found(
        name,
        module,
        statistics,
        known if tracks else (),
        own=False,
        channels=int(first.input.shape[1]),
        eps=float(first.eps),
        weight=None if declared is None else float(declared if looks_like(module) else first.momentum),
        calls=len(calls),
        homes=kept if len(kept) == 2 and places[0] != places[1] else (),
    )


def _moving(recorder: Recorder, run: Run, changed: set[int]) -> list[Found]:
    """Return modules that normalize by themselves: two tensors move toward mean and variance of their input."""
    candidates: dict[str, list[int]] = {}
    copy = recorder.copy
    for place in sorted(changed):
        home = recorder.homes[place]
        if home.path in recorder.entered and copy.tensors[place].is_floating_point():
            candidates.setdefault(home.path, []).append(place)
    candidates = {path: places for path, places in candidates.items() if len(places) > 1}
    if not candidates:
        return []
    seen, now = _watched(recorder, run, candidates, 0.0)
    _, moved = _watched(recorder, run, candidates, 1.0)
    found = []
    for path, places in candidates.items():
        targets = {place: _target(copy.tensors[place], now[place], moved[place]) for place in places}
        for axis, (mean, var, n) in seen.get(path, {}).items():
            like = [p for p in places if _near(targets[p][0], mean, mean.abs() + var.sqrt())]
            spread = [
                p for p in places if _near(targets[p][0], var, var) or _near(targets[p][0], var * (n - 1) / n, var)
            ]
            if like and spread and like[0] != spread[0]:
                pair = like[0], spread[0]
                found.append(_by_itself(recorder, pair, axis, targets[pair[0]][1]))
                break
    return found


def _watched(
    recorder: Recorder, run: Run, candidates: dict[str, list[int]], added: float
) -> tuple[dict[str, dict[int, Moment]], dict[int, Tensor]]:
    """Return moments of modules' inputs in a training pass from raised tensors, and the tensors after it."""
    seen: dict[str, dict[int, Moment]] = {}
    copy, homes = recorder.copy, recorder.homes
    places = [place for group in candidates.values() for place in group]
    for place in places:
        copy.add(place, added)

    def enter(path: str, inputs: Any) -> None:
        x = inputs[0] if inputs and isinstance(inputs[0], Tensor) else None
        if x is not None and x.ndim > 1 and x.is_floating_point() and path not in seen:
            seen[path] = {axis: moment(x, axis) for axis in (1, -1)}

    state = torch.get_rng_state()
    copy.enter(True)
    with entering({path: recorder.modules[path] for path in candidates}, enter):
        run()
    torch.set_rng_state(state)  # the same dropout in both passes
    after = {place: getattr(homes[place].module, homes[place].name).detach().clone() for place in places}
    copy.put_back(compare=True)
    return seen, after


def _target(before: Tensor, now: Tensor, raised: Tensor) -> tuple[Tensor, float]:
    """Return what a tensor moves toward, and the weight of the move."""
    if now.shape != before.shape or raised.shape != before.shape:
        return now, 0.0
    kept = float((raised - now).median())
    weight = 1 - kept
    return ((now - kept * before) / weight if weight > 1e-6 else now), weight


def _near(found: Tensor, expected: Tensor, scale: Tensor) -> bool:
    found = found.reshape(-1)
    return found.shape == expected.shape and bool(((found - expected).abs() <= 2e-3 * scale + 1e-6).all())


def _by_itself(recorder: Recorder, pair: tuple[int, int], axis: int, weight: float | None) -> Found:
    """Return a layer whose module normalizes by itself, with the tensors at two places."""
    homes = recorder.homes[pair[0]], recorder.homes[pair[1]]
    module, path = homes[0].module, homes[0].path
    eps = [e for name in ("eps", "epsilon", "variance_epsilon") if isinstance(e := getattr(module, name, None), float)]
    mean, var = (recorder.copy.tensors[place].detach() for place in pair)
    return Found(
        bare(path),
        module,
        (mean, var),
        pair,
        own=True,
        channels=mean.numel(),
        eps=eps[0] if eps else 1e-5,
        weight=weight,
        calls=recorder.entered.get(path, 1),
        axis=axis,
        homes=homes,
    )


def _fixed(recorder: Recorder, used: set[int]) -> list[Found]:
    """Return modules that scale and shift by statistics that do not move, as detection libraries have them."""
    found = []
    for path, module in recorder.modules.items():
        if path not in recorder.entered or not looks_like(module):
            continue
        pair = tuple(recorder.copy.place_of(getattr(module, name, None)) for name in PAIR)
        if None in pair or set(pair) & used or not all(place in recorder.homes for place in pair):
            continue
        momentum = getattr(module, "momentum", 0.0)
        found.append(_by_itself(recorder, pair, 1, momentum))  # type: ignore[arg-type]
    return found

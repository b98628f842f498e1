"""Kinds that need PyTorch: layers, wrappers, forward passes and batches that other frameworks write otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.audits.broken import damages as d
from benchmarks.audits.broken import torch_changes as c
from benchmarks.audits.broken import trained as t
from benchmarks.audits.broken.kinds import Kind
from benchmarks.audits.cases import STEPS, Case, Draw, Setting
from benchmarks.audits.models import parts as p
from benchmarks.audits.models.problems import CLASSES, FEATURES, SHAPES, Batch
from benchmarks.audits.models.torch_models import model_of, state_of, train, update


def worn(make: Callable[[Setting], Case], outer: Callable[[Any], Any], **changes: Any) -> Callable[[Setting], Case]:
    """Return a kind whose model is wrapped, with changes to the case."""
    return lambda setting: replace(make(setting), outer=outer, **changes)


def frozen(setting: Setting, scope: str) -> Case:
    """Return a model with the statistics of other data, which are frozen."""
    case = d.other_data(setting, scope)
    return replace(case, outer=partial(c.kept_frozen, names=setting.chosen(case, scope)))


def momentum_of_zero(setting: Setting, *, started: bool) -> Case:
    """Return a model with a momentum of 0, from the start or since its weights moved on."""
    case = t.weights_moved(setting) if started else d.never_updated(setting, "all")
    return replace(case, parts=p.with_norms(case.parts, weight=0.0))


def stacked(setting: Setting) -> Case:
    """Return a model with twelve batch norms in a row, each of which divides by an unbiased variance."""
    norms: p.Parts = (p.Norm(16),) * 12
    parts: p.Parts = (p.Dense(FEATURES, 16), p.Norm(16), p.Relu(), p.Dense(16, 16), *norms, p.Dense(16, CLASSES))
    case = Case(parts, state_of(setting.trained(parts, rows=12)), setting.problem.draw, rows=12)
    return setting.updated(replace(d.slow(case)), d.MANY)


def updated_twice(setting: Setting) -> Case:
    """Return a model with noisy statistics, each pass of which updates them twice."""
    return d.slow(d.noisy(setting, "all", weight=1 - 0.6**2), 0.4)


def short_last_batch(setting: Setting) -> Case:
    """Return a model whose last update, of weight .5, saw a batch of two rows."""
    case = d.slow(setting.healthy(), 0.5)
    return setting.updated(setting.updated(case, 20), 1, rows=2)


def other_stream(setting: Setting, rows: int, rng: np.random.Generator) -> Batch:
    """Return rows of two domains with the same labels."""
    a, y = setting.problem.draw(rows, rng)
    b, _ = setting.problem.draw(rows, rng, y.astype("i8"))
    return a, (0.3 * b + 5).astype("f4"), y


def of_model(setting: Setting, make: Callable[[], nn.Module], draw: Draw, parts: p.Parts = ()) -> Case:
    """Return a case whose model is trained as a whole, and built by a function of its own."""
    torch.manual_seed(setting.seed)
    model = make()
    train(model, setting.stream(draw=draw), STEPS, ddof=setting.ddof)
    update(model, (b for _, b in zip(range(100), setting.stream(draw=draw, key=5), strict=False)), ddof=setting.ddof)
    state = state_of(model)

    def built(_: Any) -> nn.Module:
        again = make()
        again.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
        return again.eval()

    return Case(parts, state_of(model_of(parts)), draw, adapt=built)


def two_streams(setting: Setting) -> Case:
    """Return a model through whose layers two domains pass, one after the other."""
    return of_model(setting, lambda: c.Siamese(model_of(p.network(setting.family))), partial(other_stream, setting))


def recurrent_cell(setting: Setting) -> Case:
    """Return a cell whose single average serves steps of other scales."""

    def draw(rows: int, rng: np.random.Generator) -> Batch:
        x, y = setting.problem.draw(rows, rng)
        return (x[:, :, :6] * np.linspace(0.2, 3, 6, dtype="f4")).astype("f4"), y

    return of_model(setting, lambda: c.Cell(SHAPES["recurrent"][0], 16, CLASSES), draw)


def drop_path(setting: Setting) -> Case:
    """Return a residual model, whose branches are left out for most rows in training."""

    def make() -> nn.Module:
        model = model_of(p.network("residual"))
        for place, part in enumerate(model.parts):
            if type(part).__name__ == "Residual":
                model.parts[place] = c.DropPath(part)
        return model

    return of_model(setting, make, setting.problem.draw)


def padded(setting: Setting) -> Case:
    """Return a model with statistics of batches of which half of the positions are padding."""

    def pad(rows: int, rng: np.random.Generator) -> Batch:
        x, y = setting.problem.draw(rows, rng)
        return np.concatenate([x, np.zeros_like(x)], axis=2), y

    def of_any_width(rows: int, rng: np.random.Generator) -> Batch:
        x, y = setting.problem.draw(rows, rng)
        return np.concatenate([x] * int(rng.integers(1, 3)), axis=2), y

    case = setting.healthy()
    return replace(setting.updated(case, d.MANY // 3, draw=pad), draw=of_any_width)


def images(setting: Setting) -> Case:
    """Return a model of every pixel's class, some of which are to be ignored, without its statistics."""
    channels, dims = SHAPES["conv"][0], 2
    parts: p.Parts = (p.Conv(channels, 8, 3, dims), p.Norm(8), p.Relu(), p.Conv(8, 8, 3, dims), p.Norm(8), p.Relu())

    def draw(rows: int, rng: np.random.Generator) -> Batch:
        x, y = setting.problem.draw(rows, rng)
        labels = np.broadcast_to(y[:, None, None], (rows, *x.shape[2:])).copy()
        labels[rng.random(labels.shape) < 0.1] = -100
        return x, labels

    parts = (*parts, p.Conv(8, CLASSES, 1, dims))
    case = Case(parts, state_of(setting.trained(parts, draw=draw)), draw)
    return d.changed(case, p.norms(parts), running_mean=0, running_var=1, num_batches_tracked=0)


def every_mode(setting: Setting, adapt: Callable[[Any], Any]) -> Case:
    """Return a sound model that was made to use batch statistics in every mode."""
    return replace(setting.healthy(), adapt=adapt)


def filled(setting: Setting, values: dict[str, float]) -> Case:
    """Return a model whose statistics have one value each."""
    case = setting.healthy()
    return d.changed(case, p.norms(case.parts), **values)


reset = partial(d.never_updated, scope="all")
started = partial(d.few_updates, scope="all")
other = partial(d.other_data, scope="all")
anew = partial(c.replaced, kind=nn.BatchNorm1d, new=c.Anew)
of_its_own = partial(c.replaced, kind=nn.modules.batchnorm._BatchNorm, new=c.Frozen)
at_start = {"running_mean": 0.0, "running_var": 1.0, "num_batches_tracked": 1000}
overflow = {"running_mean": np.inf, "running_var": np.nan}
IMAGES, ALONE = ("conv", "residual"), ("dense", "conv", "1-D")
FROZEN, EVERY_MODE = "frozen_though_trained", "batch_statistics_in_evaluation"
TORCH_ONLY: tuple[Kind, ...] = (
    Kind("a counter that says otherwise", partial(filled, values=at_start), "never_updated"),
    Kind("momentum 0 from the start", partial(momentum_of_zero, started=False), "never_updated", families=ALONE),
    Kind("momentum 0 later", partial(momentum_of_zero, started=True), "stale", families=ALONE),
    Kind("tracking turned off later", worn(t.weights_moved, c.tracking_off), "stale", families=ALONE),
    Kind("frozen, all layers", partial(frozen, scope="all"), FROZEN, ("stale",)),
    Kind("frozen, one layer", partial(frozen, scope="one"), FROZEN, ("stale",)),
    Kind("frozen layers of another class", worn(other, lambda m: of_its_own(m)), FROZEN, ("stale",), ALONE),
    Kind("twelve layers in a row", stacked, "variance_convention", families=("dense",)),
    Kind("updated twice", worn(updated_twice, c.Twice), "updated_twice", ("noisy_average",)),
    Kind("short last batch", short_last_batch, "noisy_average", families=("dense",)),
    Kind("two streams", two_streams, "several_distributions", families=ALONE),
    Kind("a recurrent cell", recurrent_cell, "several_distributions", families=("recurrent",)),
    Kind("drop path", drop_path, "noise_in_training", families=("residual",)),
    Kind("padding counted as data", padded, "stale", families=("1-D",)),
    Kind("a class for each pixel", images, "never_updated", families=("conv",)),
    Kind("hard-coded batch statistics", partial(every_mode, adapt=c.hard_coded), EVERY_MODE, (), ("dense",), True),
    Kind("a layer made anew", partial(every_mode, adapt=lambda m: anew(m)), EVERY_MODE, (), ("dense",), True),
    Kind("weight norm", worn(reset, c.weight_normed), "never_updated", families=IMAGES),
    Kind("pruned", worn(t.weights_moved, c.pruned), "stale", families=IMAGES),
    Kind("a momentum encoder", worn(t.weights_moved, c.with_encoder), "stale", families=("conv",)),
    Kind("writes into its input", worn(started, c.InPlace), "start_remains", families=ALONE),
    Kind("dictionaries in and out", worn(t.weights_moved, c.OfDict, pack=c.as_dict), "stale", families=("conv",)),
    Kind("an output with logits", worn(other, c.Named), "stale", families=IMAGES),
    Kind("an overflow in all layers", partial(filled, values=overflow), "not_finite"),
)
